//! What is wrong with a text, where, and how to put it right.
//!
//! A diagnostic is complete in itself: it holds the source line that it points into, so that it can travel (to the
//! console, over HTTP, into the statement log) without the text. Never: knows what a statement means.

use std::fmt;
use std::sync::Arc;

/// A text under its name (`page-events.sql`, `console`), shared by the statements cut from it.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// What to call the text in messages; empty when it has no name.
    pub name: String,
    /// The text as the user wrote it.
    pub text: String,
}

impl Source {
    /// A shared, named text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into() })
    }
}

/// A piece of a text: from `start` up to, not including, `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Span {
    /// The first character.
    pub start: Position,
    /// The character after the last one.
    pub end: Position,
}

impl Span {
    /// From the start of `self` to the end of `other`.
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start, end: other.end.max(self.end) }
    }
}

/// A place in a text, both counted from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The character in its line, from 1.
    pub column: u32,
}

/// The kind of fault; stable, for programs (`error.code` over HTTP).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// The text cannot be read.
    Syntax,
    /// It can be read, but this version does not do it.
    NotSupported,
    /// A `${name}` has no value, or its value does not fit where it stands.
    Setting,
    /// No such column.
    UnknownColumn,
    /// No such stream, table, sink, generator or endpoint.
    UnknownObject,
    /// The object exists, but is of another kind than the statement needs.
    WrongKind,
    /// No such function, or not with these argument types.
    UnknownFunction,
    /// No such `WITH` option for this kind of statement.
    UnknownOption,
    /// A `WITH` option whose value cannot be used.
    BadOption,
    /// Types that do not go together.
    Type,
    /// A value that cannot be used here (out of range, not an instant …).
    Value,
    /// Aggregates, windows and GROUP BY that do not go together.
    Grouping,
    /// The name is taken.
    Exists,
    /// Others still read the object.
    InUse,
    /// A declaration with this name but another text is running.
    Changed,
}

impl Code {
    /// The code as programs read it.
    pub fn name(self) -> &'static str {
        match self {
            Code::Syntax => "syntax",
            Code::NotSupported => "not_supported",
            Code::Setting => "setting",
            Code::UnknownColumn => "unknown_column",
            Code::UnknownObject => "unknown_object",
            Code::WrongKind => "wrong_kind",
            Code::UnknownFunction => "unknown_function",
            Code::UnknownOption => "unknown_option",
            Code::BadOption => "bad_option",
            Code::Type => "type",
            Code::Value => "value",
            Code::Grouping => "grouping",
            Code::Exists => "exists",
            Code::InUse => "in_use",
            Code::Changed => "changed",
        }
    }
}

/// Whether the statement can still run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The statement was refused.
    Error,
    /// The statement was taken, but probably does not do what was meant.
    Warning,
}

/// One fault: where, what, and how to put it right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The kind of fault.
    pub code: Code,
    /// Refused, or taken with a doubt.
    pub severity: Severity,
    /// The name of the text (a file), empty if it has none.
    pub source_name: Box<str>,
    /// The line, from 1.
    pub line: u32,
    /// The first character at fault, from 1.
    pub column: u32,
    /// The source line, tabs as single blanks; long lines are clipped around the fault.
    pub source_line: Box<str>,
    /// Blanks and carets that underline the fault when printed under `source_line`.
    pub caret: Box<str>,
    /// What is wrong: lower-case, without a full stop.
    pub cause: String,
    /// What to do about it; empty if the cause says it all.
    pub fix: String,
}

/// Source lines longer than this are shown clipped.
const SOURCE_LINE_CHARS_MAX: usize = 160;

impl Diagnostic {
    /// An error at `span` of `source`.
    pub fn error(source: &Source, span: Span, code: Code, cause: impl Into<String>, fix: impl Into<String>) -> Self {
        let start = span.start;
        let line: Vec<char> = source
            .text
            .split('\n')
            .nth(start.line.saturating_sub(1) as usize)
            .unwrap_or("")
            .trim_end_matches('\r')
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let first = (start.column.saturating_sub(1) as usize).min(line.len());
        let last = if span.end.line > start.line { line.len() } else { span.end.column.saturating_sub(1) as usize };
        let width = last.clamp(first, line.len()).saturating_sub(first).max(1);
        let (from, to, lead) = clip(line.len(), first, width);
        let mut source_line: String = line[from..to].iter().collect();
        let mut indent = first - from;
        if lead {
            source_line.insert_str(0, "… ");
            indent += 2;
        }
        let shown = width.min(SOURCE_LINE_CHARS_MAX);
        Self {
            code,
            severity: Severity::Error,
            source_name: source.name.as_str().into(),
            line: start.line.max(1),
            column: start.column.max(1),
            source_line: source_line.into(),
            caret: format!("{}{}", " ".repeat(indent), "^".repeat(shown)).into(),
            cause: cause.into(),
            fix: fix.into(),
        }
    }

    /// The same, as a warning.
    pub fn as_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Cause and fix in one line: ``unknown column `durations`; did you mean `duration`?``
    pub fn message(&self) -> String {
        if self.fix.is_empty() { self.cause.clone() } else { format!("{}; {}", self.cause, self.fix) }
    }

    /// The whole message for a terminal: message, place, source line, caret.
    ///
    /// ```text
    /// error: unknown column `durations`; did you mean `duration`?
    ///   --> page-events.sql:21:9
    ///    |
    /// 21 |   WHERE durations > 100
    ///    |         ^^^^^^^^^
    /// ```
    pub fn render(&self) -> String {
        let kind = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        let name = if self.source_name.is_empty() { "sql" } else { &self.source_name };
        format!(
            "{kind}: {}\n{margin}--> {name}:{}:{}\n{margin} |\n{number} | {}\n{margin} | {}\n",
            self.message(),
            self.line,
            self.column,
            self.source_line,
            self.caret
        )
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message())
    }
}

impl std::error::Error for Diagnostic {}

/// Which characters of a line of `len` to show around a fault, and whether the front was cut off.
fn clip(len: usize, first: usize, width: usize) -> (usize, usize, bool) {
    if len <= SOURCE_LINE_CHARS_MAX {
        return (0, len, false);
    }
    let room = SOURCE_LINE_CHARS_MAX.saturating_sub(width.min(SOURCE_LINE_CHARS_MAX)) / 2;
    let from = first.saturating_sub(room);
    (from, len.min(from + SOURCE_LINE_CHARS_MAX), from > 0)
}
