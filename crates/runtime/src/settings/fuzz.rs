//! What any text may do to the settings: be refused. The entry point of the fuzz target, which tests replay.
//!
//! Verified: entries of a properties file, written as Java writes them, read back as they are.

use std::collections::BTreeSet;

use super::properties::{self, Entry};
use super::{Settings, SettingsSources};

/// Reads `bytes` as a properties file, as a TOML file, and each line as an argument of `--set`. Any bytes will do.
///
/// # Panics
/// If the entries do not read back from their written form.
pub fn fuzz_settings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(entries) = properties::parse(text) {
        let written: String = entries.iter().map(written).collect();
        let again = properties::parse(&written).expect("what is written can be read");
        let plain =
            |entries: &[Entry]| -> Vec<_> { entries.iter().map(|e| (e.key.clone(), e.value.clone())).collect() };
        assert_eq!(plain(&again), plain(&entries), "{written:?}");
    }
    for name in ["fuzz.properties", "fuzz.toml"] {
        let file = Some((name.to_owned(), text.to_owned()));
        check(SettingsSources { file, ..SettingsSources::default() });
    }
    check(SettingsSources { set: text.lines().map(str::to_owned).collect(), ..SettingsSources::default() });
}

fn check(sources: SettingsSources) {
    match Settings::load(&sources) {
        Ok((settings, _)) => {
            for (name, setting) in settings.iter() {
                assert_eq!(settings.get(name), Some(&*setting.value));
                assert!(settings.origin(name).is_some(), "{name}");
                let _ = settings.duration_ms(name, 0);
                let _ = settings.integer(name, 0);
            }
            let _ = settings.function_definition();
            let _ = settings.unused(&BTreeSet::new());
        }
        Err(error) => assert!(!error.message.is_empty()),
    }
}

/// An entry as `java.util.Properties.store` writes it: everything that could mean something is escaped.
fn written(entry: &Entry) -> String {
    let escaped = |text: &str| -> String {
        text.encode_utf16()
            .map(|unit| match u8::try_from(unit) {
                Ok(byte) if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
                Ok(byte @ (b'=' | b':' | b'#' | b'!' | b' ' | b'\\')) => format!("\\{}", char::from(byte)),
                _ => format!("\\u{unit:04x}"),
            })
            .collect()
    };
    format!("{}={}\n", escaped(&entry.key), escaped(&entry.value))
}
