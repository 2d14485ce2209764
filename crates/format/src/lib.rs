//! Bytes to columns and back: JSON, text, int64, windowed keys.
//!
//! Never: knows topics or queries.
