//! `WITH (…)`: which options each statement has, and their values typed.
//!
//! Never: gives an option a meaning beyond its type.

use crate::ast::{OptionDef, OptionValue, Statement};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::{duration, suggest};

/// The options of one statement; each is taken once by the binder, under its type.
pub(crate) struct Options<'a> {
    statement: &'a Statement,
    defs: &'a [OptionDef],
}

/// Options of later versions, so that they are told apart from misspelt ones.
const LATER: [(&str, &str); 5] = [
    ("idle_timeout", "windows close by stream time"),
    ("late_topic", "late records are counted and shown on the page"),
    ("replicas", "one broker keeps one replica"),
    ("schema_registry", "formats are json, text, int64 and raw"),
    ("wrap_single_value", ""),
];

/// ksqlDB's names for the same things.
const ELSEWHERE: [(&str, &str); 3] =
    [("kafka_topic", "topic"), ("format", "value_format"), ("timestamp_format", "timestamp")];

impl<'a> Options<'a> {
    /// Refuses every option that is not among `known`.
    pub(crate) fn new(
        statement: &'a Statement,
        defs: &'a [OptionDef],
        what: &str,
        known: &[&'static str],
    ) -> Result<Self, Diagnostic> {
        for def in defs {
            if known.contains(&def.name.as_str()) {
                continue;
            }
            if let Some((name, instead)) = LATER.iter().find(|(name, _)| *name == def.name) {
                let cause = format!("the option `{name}` is not supported");
                return Err(statement.error(def.name_span, Code::NotSupported, cause, *instead));
            }
            let elsewhere = ELSEWHERE.iter().find(|(theirs, ours)| *theirs == def.name && known.contains(ours));
            let fix = match elsewhere {
                Some((_, ours)) => format!("did you mean `{ours}`?"),
                None => suggest::did_you_mean(&def.name, known.iter().copied()),
            };
            let cause = format!("unknown option `{}` of {what}", def.name);
            return Err(statement.error(def.name_span, Code::UnknownOption, cause, fix));
        }
        Ok(Self { statement, defs })
    }

    fn find(&self, name: &str) -> Option<&'a OptionDef> {
        self.defs.iter().find(|def| def.name == name)
    }

    /// Where the option's value stands, for the errors of the binder.
    pub(crate) fn span(&self, name: &str) -> Option<Span> {
        self.find(name).map(|def| def.value_span)
    }

    pub(crate) fn bad(&self, name: &str, cause: impl Into<String>, fix: impl Into<String>) -> Diagnostic {
        let span = self.span(name).unwrap_or(self.statement.span);
        self.statement.error(span, Code::BadOption, cause, fix)
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Diagnostic> {
        match self.find(name).map(|def| &def.value) {
            None => Ok(None),
            Some(OptionValue::Text(text)) if text.trim().is_empty() => {
                Err(self.bad(name, format!("the option `{name}` is empty"), ""))
            }
            Some(OptionValue::Text(text)) => Ok(Some(text.clone())),
            Some(OptionValue::Number(text)) => {
                Err(self.bad(name, format!("the option `{name}` is a text"), format!("write '{text}'")))
            }
            Some(_) => Err(self.bad(name, format!("the option `{name}` is a text"), "write it in single quotes")),
        }
    }

    /// One of a few words.
    pub(crate) fn choice(&self, name: &str, choices: &[&'static str]) -> Result<Option<&'static str>, Diagnostic> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        if let Some(choice) = choices.iter().find(|choice| choice.eq_ignore_ascii_case(text.trim())) {
            return Ok(Some(choice));
        }
        Err(self.bad(
            name,
            format!("`{name}` cannot be '{text}'"),
            suggest::did_you_mean(&text, choices.iter().copied()),
        ))
    }

    /// A length of time, longer than nothing unless `zero` is allowed.
    pub(crate) fn duration_ms(&self, name: &str, zero: bool) -> Result<Option<i64>, Diagnostic> {
        let ms = match self.find(name).map(|def| &def.value) {
            None => return Ok(None),
            Some(OptionValue::Interval(ms)) => Ok(*ms),
            Some(OptionValue::Text(text) | OptionValue::Number(text)) => duration::parse_ms(text),
            Some(OptionValue::Boolean(value)) => Err(duration::DurationError::NotANumber(value.to_string())),
        };
        let ms = ms.map_err(|error| self.bad(name, error.to_string(), duration::DURATION_FIX))?;
        if ms < 0 || (ms == 0 && !zero) {
            let cause = format!("`{name}` must be longer than nothing");
            return Err(self.bad(name, cause, duration::DURATION_FIX));
        }
        Ok(Some(ms))
    }

    /// A whole number from `min` to `max`.
    pub(crate) fn number(&self, name: &str, min: i64, max: i64) -> Result<Option<i64>, Diagnostic> {
        let text = match self.find(name).map(|def| &def.value) {
            None => return Ok(None),
            Some(OptionValue::Number(text) | OptionValue::Text(text)) => text.trim().to_string(),
            Some(_) => String::new(),
        };
        match text.parse::<i64>() {
            Ok(n) if (min..=max).contains(&n) => Ok(Some(n)),
            _ => {
                let cause = format!("`{name}` is a whole number from {min} to {max}");
                Err(self.bad(name, cause, ""))
            }
        }
    }
}
