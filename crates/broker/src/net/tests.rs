//! Tests of the network front.
