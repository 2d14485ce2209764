//! Simulated disk and clock, history checkers over plain data, drivers that start real Kafka and real clients.
//!
//! Never: ships; depends on another room.
