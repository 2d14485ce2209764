//! Continuous queries over columnar batches: time, windows, state, operators, expressions, aggregates.
//!
//! Sources, sinks, changelogs, partitioner and key bytes are traits.
//! Never: knows Kafka, SQL or HTTP; reads the wall clock.
