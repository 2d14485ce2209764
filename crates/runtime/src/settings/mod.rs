//! Settings: what fills `${name:default}` in statements and sets the defaults of queries.
//!
//! Precedence, strongest first:
//! 1. `--set name=value`, the later of two;
//! 2. the environment: `supplier.every` is `MILLSTREAM_SUPPLIER_EVERY` (letters upper-case, everything but letters and
//!    digits `_`);
//! 3. the `--config` file: `.toml` (tables are dotted prefixes) or Java `.properties`, in which Spring's keys of the
//!    page-event exercise are understood ([`spring`]);
//! 4. the default in the placeholder.
//!
//! Never: reads a file or the environment itself; the command line hands both in.

mod fuzz;
mod properties;
mod spring;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use fuzz::fuzz_settings;

/// The settings that the program itself reads, with what they do; all others fill placeholders.
pub const KNOWN: [(&str, &str); 7] = [
    ("commit.interval", "time between two commits of a query; 100 milliseconds"),
    ("cache_max_bytes", "bytes of changed rows that a query holds back until the next commit; 10485760"),
    ("disk.reserve.bytes", "producers are refused while less is free on the disk; 268435456 or a tenth of the disk"),
    (
        "disk.scrub.interval",
        "time between two readings of all records, to find those that have rotted on the disk; 1 day",
    ),
    ("function.definition", "which of the page-event statements start, separated by ; or |"),
    ("input.buffer.max.bytes", "bytes of records that a query reads ahead of each partition; 1048576"),
    ("server.port", "port of the web console; 8080"),
];

/// Settings by name, each with where it came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    values: BTreeMap<String, Setting>,
    environment: BTreeMap<String, String>,
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its value as text.
    pub value: String,
    /// Where it came from, in words: `--set`, `app.properties:3`.
    pub origin: String,
    strength: Strength,
}

/// Which setting of the same name wins: the last in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    File,
    Set,
}

/// Where settings come from.
#[derive(Clone, Debug, Default)]
pub struct SettingsSources {
    /// The name and text of the `--config` file.
    pub file: Option<(String, String)>,
    /// The process's environment.
    pub environment: Vec<(String, String)>,
    /// The arguments of `--set`.
    pub set: Vec<String>,
}

/// Why settings were refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    /// Cause and fix.
    pub message: String,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SettingsError {}

impl Settings {
    /// Reads all sources. The second part of the answer are warnings for the user.
    pub fn load(sources: &SettingsSources) -> Result<(Self, Vec<String>), SettingsError> {
        let mut settings = Self::default();
        let mut warnings = Vec::new();
        if let Some((name, text)) = &sources.file {
            for (key, value, origin) in read_file(name, text, &mut warnings)? {
                settings.values.insert(key, Setting { value, origin, strength: Strength::File });
            }
        }
        for (name, value) in &sources.environment {
            settings.environment.insert(name.clone(), value.clone());
        }
        for argument in &sources.set {
            let (name, value) = split_set(argument)?;
            settings.set(name, value, "--set");
        }
        Ok((settings, warnings))
    }

    /// The value of a setting.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let own = self.values.get(name);
        match own {
            Some(setting) if setting.strength == Strength::Set => Some(&setting.value),
            _ => self
                .environment
                .get(&sql::Settings::environment_name(name))
                .or(own.map(|setting| &setting.value))
                .map(String::as_str),
        }
    }

    /// Where the value of a setting comes from, in words.
    #[must_use]
    pub fn origin(&self, name: &str) -> Option<String> {
        let own = self.values.get(name);
        let variable = sql::Settings::environment_name(name);
        match own {
            Some(setting) if setting.strength == Strength::Set => Some(setting.origin.clone()),
            _ if self.environment.contains_key(&variable) => Some(format!("environment variable {variable}")),
            _ => own.map(|setting| setting.origin.clone()),
        }
    }

    /// Sets a value as `--set` does: over everything else.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>, origin: impl Into<String>) {
        let setting = Setting { value: value.into(), origin: origin.into(), strength: Strength::Set };
        self.values.insert(name.into(), setting);
    }

    /// All settings of `--set` and the file, by name; the environment only counts for names that are asked for.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Setting)> {
        self.values.iter().map(|(name, setting)| (name.as_str(), setting))
    }

    /// A duration, e.g. of `commit.interval`: `100`, `100 ms`, `1 second`.
    pub fn duration_ms(&self, name: &str, default_ms: i64) -> Result<i64, SettingsError> {
        let parse = |text: &str| sql::duration::parse_ms(text).ok().filter(|ms| *ms >= 0);
        self.parsed(name, default_ms, parse, "a duration, e.g. `100 ms` or `1 second`; a bare number is ms")
    }

    /// A whole number.
    pub fn integer(&self, name: &str, default: i64) -> Result<i64, SettingsError> {
        self.parsed(name, default, |text| text.trim().parse().ok(), "a whole number")
    }

    /// The settings for the placeholders of a text; `first` go before them.
    #[must_use]
    pub fn for_text(&self, text: &str, first: &[(String, String)]) -> sql::Settings {
        let mut settings = sql::Settings::new();
        for used in sql::setting_uses(text) {
            if let Some((_, value)) = first.iter().find(|(name, _)| *name == used.name) {
                settings.set(&used.name, value, "the request's settings");
            } else if let (Some(value), Some(origin)) = (self.get(&used.name), self.origin(&used.name)) {
                settings.set(&used.name, value, origin);
            }
        }
        settings
    }

    fn parsed<T>(
        &self,
        name: &str,
        default: T,
        parse: impl Fn(&str) -> Option<T>,
        wanted: &str,
    ) -> Result<T, SettingsError> {
        let Some(text) = self.get(name) else { return Ok(default) };
        parse(text).ok_or_else(|| SettingsError {
            message: format!(
                "`{name}` is `{text}` ({}), which is not {wanted}",
                self.origin(name).unwrap_or_else(|| "unknown origin".to_owned())
            ),
        })
    }

    /// Settings that nothing reads: neither the program nor one of the placeholders, each with a suggestion.
    #[must_use]
    pub fn unused(&self, placeholders: &BTreeSet<String>) -> Vec<SettingsError> {
        let known = || KNOWN.iter().map(|(name, _)| *name).chain(placeholders.iter().map(String::as_str));
        self.iter()
            .filter(|(name, _)| known().all(|k| k != *name))
            .map(|(name, setting)| {
                let fix = match nearest(name, known()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known are: {}", known().collect::<Vec<_>>().join(", ")),
                };
                SettingsError { message: format!("unknown setting `{name}` ({}); {fix}", setting.origin) }
            })
            .collect()
    }

    /// Which of the page-event statements `function.definition` starts; `None`: all. Warnings name unknown functions.
    #[must_use]
    pub fn function_definition(&self) -> (Option<FunctionDefinition>, Vec<String>) {
        match self.get("function.definition") {
            None => (None, Vec::new()),
            Some(text) => {
                let (started, warnings) = spring::started_statements(text);
                (Some(FunctionDefinition { started }), warnings)
            }
        }
    }
}

/// Which of the page-event statements start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionDefinition {
    started: BTreeSet<&'static str>,
}

impl FunctionDefinition {
    /// Whether this statement starts; those that are no function of the exercise always do.
    #[must_use]
    pub fn starts(&self, statement: &str) -> bool {
        !spring::is_function_statement(statement) || self.started.contains(statement)
    }
}

fn split_set(argument: &str) -> Result<(&str, &str), SettingsError> {
    let refuse = |cause: &str| SettingsError { message: format!("--set {argument}: {cause}; write --set name=value") };
    let (name, value) = argument.split_once('=').ok_or_else(|| refuse("there is no `=`"))?;
    let name = name.trim();
    if name.is_empty() {
        return Err(refuse("there is no name before `=`"));
    }
    if let Some(odd) = name.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '_' | '-')) {
        return Err(refuse(&format!("a name has letters, digits, `.`, `_`, `-`, but no `{odd}`")));
    }
    Ok((name, value))
}

type Entry = (String, String, String);

fn read_file(name: &str, text: &str, warnings: &mut Vec<String>) -> Result<Vec<Entry>, SettingsError> {
    if name.ends_with(".toml") {
        return read_toml(name, text);
    }
    if name.ends_with(".properties") {
        let entries = properties::parse(text).map_err(|e| SettingsError { message: format!("{name}:{e}") })?;
        return spring::map(name, entries, warnings);
    }
    Err(SettingsError { message: format!("{name}: a configuration file ends in .toml or .properties") })
}

fn read_toml(name: &str, text: &str) -> Result<Vec<Entry>, SettingsError> {
    let table: toml::Table =
        text.parse().map_err(|e: toml::de::Error| SettingsError { message: format!("{name}: {}", e.message()) })?;
    let mut entries = Vec::new();
    flatten(name, "", &table, &mut entries)?;
    Ok(entries)
}

fn flatten(file: &str, prefix: &str, table: &toml::Table, into: &mut Vec<Entry>) -> Result<(), SettingsError> {
    for (key, value) in table {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        let text = match value {
            toml::Value::Table(inner) => {
                flatten(file, &path, inner, into)?;
                continue;
            }
            toml::Value::String(text) => text.clone(),
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            toml::Value::Boolean(flag) => flag.to_string(),
            toml::Value::Datetime(_) | toml::Value::Array(_) => {
                let message =
                    format!("{file}: `{path}` is a list or a date; a setting is text, a number, true or false");
                return Err(SettingsError { message });
            }
        };
        into.push((path, text, file.to_owned()));
    }
    Ok(())
}

/// The candidate that `name` was probably meant to be: at most a third of its letters differ.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (edit_distance(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= 2.max(name.chars().count() / 3))
        .min()
        .map(|(_, candidate)| candidate)
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
