//! Topics, partitions, consumer groups, transactions, configs: one file per Kafka API under `api`.
//!
//! Never: lets a wire struct past `api`; knows about queries.
