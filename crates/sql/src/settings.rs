//! The values that fill `${name:default}`, each with where it came from.
//!
//! A setting fills the inside of one literal (a quoted text, or a bare number or truth value); it can never become
//! SQL. Never: reads the environment or a file itself; the caller hands it what it found, in rising order of
//! precedence.

use std::collections::BTreeMap;

use crate::suggest;

/// Named values and their origins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    values: BTreeMap<String, (String, String)>,
    environment: BTreeMap<String, String>,
}

impl Settings {
    /// No settings: every `${name:default}` takes its default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `name`; the last call wins. `origin` is shown in errors: `--set`, `application.properties line 3`.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>, origin: impl Into<String>) {
        self.values.insert(name.into(), (value.into(), origin.into()));
    }

    /// The same, for building in one expression.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>, origin: impl Into<String>) -> Self {
        self.set(name, value, origin);
        self
    }

    /// Takes the environment's variables; a value set by [`Settings::set`] goes before them. `topic.R1` is looked up as
    /// `MILLSTREAM_TOPIC_R1` and under its own name.
    pub fn set_environment(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        self.environment.extend(variables);
    }

    /// The environment variable that fills `name`: `topic.R1` → `MILLSTREAM_TOPIC_R1`.
    pub fn environment_name(name: &str) -> String {
        let upper: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
        format!("MILLSTREAM_{upper}")
    }

    /// The value of `name` and its origin.
    pub fn get(&self, name: &str) -> Option<(&str, String)> {
        if let Some((value, origin)) = self.values.get(name) {
            return Some((value, origin.clone()));
        }
        let variable = Self::environment_name(name);
        if let Some(value) = self.environment.get(&variable) {
            return Some((value, format!("environment variable {variable}")));
        }
        // Only dotted names: `${user}` must not pick up whoever is logged in.
        let value = if name.contains('.') { self.environment.get(name) } else { None };
        value.map(|value| (value.as_str(), format!("environment variable {name}")))
    }

    /// The names set by [`Settings::set`].
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// The names that were set but that neither `uses` nor `others` know, with the nearest one that they do know.
    pub fn unused<'a>(&'a self, uses: &'a [SettingUse], others: &[&'a str]) -> Vec<(&'a str, Option<&'a str>)> {
        let known: Vec<&str> = uses.iter().map(|u| u.name.as_str()).chain(others.iter().copied()).collect();
        self.names()
            .filter(|name| !known.contains(name))
            .map(|name| (name, suggest::closest(name, known.iter().copied())))
            .collect()
    }
}

/// One `${name:default}` in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingUse {
    /// The setting's name.
    pub name: String,
    /// What it is when nobody sets it.
    pub default: Option<String>,
}

/// The settings that a text names, in order of appearance, each once.
///
/// Reads the text no further than needed: an unreadable text names what was found up to there.
pub fn setting_uses(text: &str) -> Vec<SettingUse> {
    let mut uses: Vec<SettingUse> = Vec::new();
    crate::lexer::each_setting(text, |name, default| {
        if !uses.iter().any(|u| u.name == name) {
            uses.push(SettingUse { name: name.to_string(), default: default.map(str::to_string) });
        }
    });
    uses
}
