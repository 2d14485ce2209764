//! Text to bound, typed plan for `engine`; catalogue; functions; diagnostics with a caret and a fix.
//!
//! Never: executes anything.
