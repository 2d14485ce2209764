//! A set of partition logs in Kafka's own file formats, and the one flusher that makes appends durable.
//!
//! Never: hears of topics, groups, the network; reads the wall clock.
