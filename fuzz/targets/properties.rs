//! No text makes the settings panic: as a properties file, a TOML file, or arguments of `--set`.

/// See `runtime::settings::fuzz_settings`.
pub fn run(bytes: &[u8]) {
    runtime::settings::fuzz_settings(bytes);
}
