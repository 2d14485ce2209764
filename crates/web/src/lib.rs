//! REST, SSE, the user's endpoints, metrics, health, the embedded UI.
//!
//! Never: holds logic that the CLI cannot reach too.
