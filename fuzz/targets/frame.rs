//! Bytes in any crumbs are cut into the frames that a look at the whole gives; memory follows what came.

/// See `broker::net::fuzz_frames`.
pub fn run(bytes: &[u8]) {
    broker::net::fuzz_frames(bytes);
}
