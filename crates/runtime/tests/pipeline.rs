//! The page-event pipeline in one process: broker on a directory of its own, instance, queries.

mod pipeline {
    pub mod bench;
    mod counts;
}
