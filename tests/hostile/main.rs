//! Hostile and broken clients: the corpora of the fuzz targets, and the running program under attack.

mod corpora;
mod samples;
#[path = "../../fuzz/targets/mod.rs"]
mod targets;
