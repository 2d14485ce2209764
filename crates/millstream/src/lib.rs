//! The façade: what a program that embeds Millstream sees.
//!
//! Never: is clever.
