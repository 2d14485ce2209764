//! The running instance: statement log, query lifecycle, pull queries, generators, endpoints, dead letters, settings.
//!
//! Never: speaks HTTP or the Kafka wire.
