//! What a test needs from outside, and what happens when it is not there: a loud skip, or a failure where
//! `MILLSTREAM_TESTS_REQUIRE=1` is set, as it is in CI.

/// `Some` when the thing is there. Otherwise says so on standard error, and the test returns.
///
/// # Panics
/// When it is not there and `MILLSTREAM_TESTS_REQUIRE=1`.
pub fn require<T>(what: &str, got: Result<T, String>) -> Option<T> {
    match got {
        Ok(thing) => Some(thing),
        Err(why) => {
            let required = std::env::var("MILLSTREAM_TESTS_REQUIRE").is_ok_and(|v| v == "1");
            assert!(!required, "{what} is required here: {why}");
            eprintln!("\n*** SKIPPED: needs {what}: {why} ***\n");
            None
        }
    }
}

/// As [`require`], for what even a good machine may forbid (mounting, say): its absence never fails a test.
pub fn permit<T>(what: &str, got: Result<T, String>) -> Option<T> {
    got.map_err(|why| eprintln!("\n*** SKIPPED: this machine does not allow {what}: {why} ***\n")).ok()
}

/// Finds a program on the PATH.
pub fn program(name: &str) -> Result<std::path::PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file());
    found.ok_or_else(|| format!("there is no `{name}` on the PATH"))
}
