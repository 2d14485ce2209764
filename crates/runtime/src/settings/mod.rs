//! Settings: what fills `${name:default}` in statements and sets the defaults of queries.
//!
//! Precedence, strongest first: `--set name=value`; the environment (`supplier.every` is `SUPPLIER_EVERY`); the
//! `--config` file (`.toml` or `.properties`); the default in the placeholder.

use std::collections::BTreeMap;

/// Settings by name, each with where it came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    values: BTreeMap<String, Setting>,
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its value as text.
    pub value: String,
    /// Where it came from, in words: `--set`, `environment variable SUPPLIER_EVERY`, `app.properties:3`.
    pub origin: String,
}

impl Settings {
    /// The value of a setting.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|setting| setting.value.as_str())
    }

    /// Sets a value, over one of the same name.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>, origin: impl Into<String>) {
        self.values.insert(name.into(), Setting { value: value.into(), origin: origin.into() });
    }

    /// All settings by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Setting)> {
        self.values.iter().map(|(name, setting)| (name.as_str(), setting))
    }
}
