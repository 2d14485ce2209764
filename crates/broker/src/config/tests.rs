//! Tests of configs.
