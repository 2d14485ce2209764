//! Where `engine` meets topics: `embedded` calls the broker directly, with no sockets.
//!
//! Never: contains query semantics.
