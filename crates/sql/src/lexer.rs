//! Text to tokens with spans, settings filled in.
//!
//! `sqlparser` cuts the tokens, under a dialect of our own. `${name:default}` inside a quoted text is filled after
//! the cut; a bare one is masked by digits of the same length before it, so that the cut sees one number where it
//! stands. So a setting's value is never read as SQL. Never: knows statements.

use std::sync::Arc;

use sqlparser::dialect::Dialect;
use sqlparser::tokenizer::{Location, Token as RawToken, TokenWithSpan, Tokenizer, Whitespace};

use crate::diagnostic::{Code, Diagnostic, Position, Source, Span};
use crate::parser::PROBLEMS_MAX;
use crate::settings::Settings;

/// The longest text taken in one piece.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// The longest `${name:default}`.
const SETTING_CHARS_MAX: usize = 1_000;

/// PostgreSQL's tokens, less its user-defined operators (`a<-1` is a comparison with -1, not an operator `<-`).
#[derive(Debug)]
struct MillstreamDialect;

impl Dialect for MillstreamDialect {
    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_'
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '"'
    }

    fn identifier_quote_style(&self, _identifier: &str) -> Option<char> {
        Some('"')
    }

    fn supports_nested_comments(&self) -> bool {
        true
    }

    fn supports_string_escape_constant(&self) -> bool {
        true
    }
}

/// One token; words that were not quoted are folded to lower case, as in PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    Word {
        text: String,
        quoted: bool,
    },
    Number(String),
    Text(String),
    /// Punctuation and operators of the dialect.
    Symbol(&'static str),
    /// Cut by the tokenizer, but nothing in this dialect.
    Foreign(String),
}

impl Token {
    /// How to name the token in "expected …, found …".
    pub(crate) fn describe(&self) -> String {
        match self {
            Token::Word { text, .. } | Token::Number(text) | Token::Foreign(text) => format!("`{text}`"),
            Token::Text(text) => format!("'{text}'"),
            Token::Symbol(symbol) => format!("`{symbol}`"),
        }
    }

    /// The token as SQL that reads back as the same token.
    fn canonical(&self) -> String {
        match self {
            Token::Word { text, quoted: true } => format!("\"{}\"", text.replace('"', "\"\"")),
            Token::Word { text, .. } | Token::Number(text) | Token::Foreign(text) => text.clone(),
            Token::Text(text) => format!("'{}'", text.replace('\'', "''")),
            Token::Symbol(symbol) => (*symbol).to_string(),
        }
    }
}

/// A token and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Lexed {
    pub(crate) token: Token,
    pub(crate) span: Span,
    /// The token as the user wrote it, settings filled in.
    pub(crate) written: String,
}

/// The tokens of `source`, without blanks and comments.
pub(crate) fn lex(source: &Arc<Source>, settings: Option<&Settings>) -> Result<Vec<Lexed>, Vec<Diagnostic>> {
    let whole = Span { start: Position { line: 1, column: 1 }, end: Position { line: 1, column: 2 } };
    if source.text.len() > TEXT_BYTES_MAX {
        let cause = format!("the text is {} bytes long, more than {TEXT_BYTES_MAX}", source.text.len());
        return Err(vec![Diagnostic::error(source, whole, Code::Syntax, cause, "split it into several files")]);
    }
    let (masked, masks) = if settings.is_some() { mask(&source.text) } else { (source.text.clone(), Vec::new()) };
    let raw = Tokenizer::new(&MillstreamDialect, &masked).tokenize_with_location().map_err(|error| {
        let at = position(error.location);
        let span = Span { start: at, end: Position { line: at.line, column: at.column + 1 } };
        let message = error.message.trim_end_matches(" at ").to_lowercase();
        let (cause, fix) = if message.contains("unterminated string") {
            ("this quoted text has no end".to_string(), "close it with `'`; a quote inside it is written twice: `''`")
        } else if message.contains("comment") {
            ("this comment has no end".to_string(), "close it with `*/`")
        } else if message.contains("close delimiter") {
            ("this quoted name has no end".to_string(), "close it with `\"`")
        } else {
            (message, "")
        };
        vec![Diagnostic::error(source, span, Code::Syntax, cause, fix)]
    })?;
    let mut walk = Walk { text: &source.text, byte: 0, at: Position { line: 1, column: 1 } };
    let mut out = Vec::with_capacity(raw.len() / 2);
    let mut problems = Vec::new();
    let mut masks = masks.into_iter().peekable();
    for TokenWithSpan { token, span } in raw {
        if matches!(token, RawToken::Whitespace(_) | RawToken::EOF) {
            continue;
        }
        if problems.len() >= PROBLEMS_MAX {
            break;
        }
        let span = Span { start: position(span.start), end: position(span.end) };
        let first = walk.to(span.start);
        let slice = &source.text[first..walk.to(span.end)];
        let covered = masks.next_if(|m| m.span.start < span.end);
        let masked = covered.is_some();
        let token = match covered {
            Some(mask) if mask.span != span => {
                // Skip the other masks that this token swallowed.
                while masks.next_if(|m| m.span.start < span.end).is_some() {}
                problems.push(Diagnostic::error(
                    source,
                    mask.span,
                    Code::Setting,
                    "a setting stands for one whole literal, not for a part of a word or number",
                    "put it inside a quoted text, or separate it by blanks",
                ));
                continue;
            }
            Some(mask) => match bare(source, &mask, settings) {
                Ok(token) => token,
                Err(problem) => {
                    problems.push(*problem);
                    continue;
                }
            },
            None => convert(token),
        };
        let (token, filled) = match (token, settings) {
            (Token::Text(text), Some(settings)) if text.contains("${") => match fill(source, span, &text, settings) {
                Ok(text) => (Token::Text(text), true),
                Err(problem) => {
                    problems.push(*problem);
                    continue;
                }
            },
            (Token::Word { text, quoted: true }, Some(_)) if text.contains("${") => {
                problems.push(Diagnostic::error(
                    source,
                    span,
                    Code::Setting,
                    "a setting cannot stand in a name",
                    "settings fill literals only: texts in single quotes, numbers, true and false",
                ));
                continue;
            }
            (token, _) => (token, masked),
        };
        // A negative setting is the sign and the number, as it would be if it had been written there.
        let token = match token {
            Token::Number(text) if text.starts_with('-') => {
                out.push(Lexed { token: Token::Symbol("-"), span, written: "-".to_string() });
                Token::Number(text[1..].to_string())
            }
            token => token,
        };
        let written = if filled || matches!(token, Token::Text(_)) { token.canonical() } else { slice.to_string() };
        out.push(Lexed { token, span, written });
    }
    if problems.is_empty() { Ok(out) } else { Err(problems) }
}

/// The tokens as one line that reads back as the same tokens: the form in which declarations are compared.
pub(crate) fn canonical(tokens: &[Lexed]) -> String {
    join(tokens, |t| t.token.canonical())
}

/// The tokens on one line as the user wrote them, settings filled in: the form that is shown and logged.
pub(crate) fn one_line(tokens: &[Lexed]) -> String {
    join(tokens, |t| t.written.clone())
}

fn join(tokens: &[Lexed], text: impl Fn(&Lexed) -> String) -> String {
    let mut out = String::new();
    for (i, token) in tokens.iter().enumerate() {
        if i > 0 && !tight(tokens, i) {
            out.push(' ');
        }
        out.push_str(&text(token));
    }
    out
}

/// Whether token `i` follows its predecessor without a blank.
fn tight(tokens: &[Lexed], i: usize) -> bool {
    let symbol = |t: &Lexed| match t.token {
        Token::Symbol(s) => Some(s),
        _ => None,
    };
    match (symbol(&tokens[i - 1]), symbol(&tokens[i])) {
        (_, Some("," | ")" | ";" | "." | "::")) | (Some("(" | "." | "::"), _) => true,
        // A call: `count(*)`, where the source had no blank either.
        (None, Some("(")) => tokens[i - 1].span.end == tokens[i].span.start,
        _ => false,
    }
}

/// Calls `found` for each setting that `text` names.
pub(crate) fn each_setting(text: &str, mut found: impl FnMut(&str, Option<&str>)) {
    let (masked, masks) = mask(text);
    let mut masks = masks.into_iter().peekable();
    let Ok(raw) = Tokenizer::new(&MillstreamDialect, &masked).tokenize_with_location() else { return };
    for TokenWithSpan { token, span } in raw {
        while let Some(mask) = masks.next_if(|m| m.span.start < position(span.end)) {
            if let Ok((name, default)) = split(&mask.inner) {
                found(name, default);
            }
        }
        let Token::Text(content) = (match token {
            RawToken::Whitespace(Whitespace::Space | Whitespace::Newline | Whitespace::Tab) => continue,
            token => convert(token),
        }) else {
            continue;
        };
        let mut rest = content.as_str();
        while let Some(at) = rest.find("${") {
            let escaped = rest[..at].ends_with('$');
            let inner = &rest[at + 2..];
            let Some(end) = inner.find('}') else { break };
            if let (false, Ok((name, default))) = (escaped, split(&inner[..end])) {
                found(name, default);
            }
            rest = &inner[end + 1..];
        }
    }
}

/// A bare `${…}` of the text.
struct Mask {
    span: Span,
    inner: String,
}

/// Replaces each `${…}` that stands outside quotes and comments by as many digits.
fn mask(text: &str) -> (String, Vec<Mask>) {
    let mut out = String::with_capacity(text.len());
    let mut masks = Vec::new();
    let chars: Vec<char> = text.chars().collect();
    let mut at = Position { line: 1, column: 1 };
    let mut i = 0;
    let take = |out: &mut String, at: &mut Position, i: &mut usize| {
        let c = chars[*i];
        out.push(c);
        *i += 1;
        if c == '\n' {
            *at = Position { line: at.line + 1, column: 1 };
        } else {
            at.column += 1;
        }
    };
    while i < chars.len() {
        let next = chars.get(i + 1).copied();
        match chars[i] {
            quote @ ('\'' | '"') => {
                let escapes =
                    quote == '\'' && i > 0 && matches!(chars[i - 1], 'e' | 'E') && !(i > 1 && is_word(chars[i - 2]));
                take(&mut out, &mut at, &mut i);
                while i < chars.len() && chars[i] != quote {
                    if escapes && chars[i] == '\\' && i + 1 < chars.len() {
                        take(&mut out, &mut at, &mut i);
                    }
                    take(&mut out, &mut at, &mut i);
                }
                if i < chars.len() {
                    take(&mut out, &mut at, &mut i);
                }
            }
            '-' if next == Some('-') => {
                while i < chars.len() && chars[i] != '\n' {
                    take(&mut out, &mut at, &mut i);
                }
            }
            '/' if next == Some('*') => {
                let mut depth = 0;
                while i < chars.len() {
                    let pair = (chars[i], chars.get(i + 1).copied());
                    if pair == ('/', Some('*')) || pair == ('*', Some('/')) {
                        depth += if pair.0 == '/' { 1 } else { -1 };
                        take(&mut out, &mut at, &mut i);
                        take(&mut out, &mut at, &mut i);
                        if depth == 0 {
                            break;
                        }
                    } else {
                        take(&mut out, &mut at, &mut i);
                    }
                }
            }
            '$' if next == Some('{') => {
                let end = (i + 2..chars.len().min(i + SETTING_CHARS_MAX)).find(|&e| matches!(chars[e], '}' | '\n'));
                let Some(end) = end.filter(|&e| chars[e] == '}') else {
                    take(&mut out, &mut at, &mut i);
                    continue;
                };
                let len = end + 1 - i;
                let after = Position { line: at.line, column: at.column + len as u32 };
                masks.push(Mask { span: Span { start: at, end: after }, inner: chars[i + 2..end].iter().collect() });
                out.extend(std::iter::repeat_n('0', len));
                at = after;
                i = end + 1;
            }
            _ => take(&mut out, &mut at, &mut i),
        }
    }
    (out, masks)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// `name:default` → its parts.
fn split(inner: &str) -> Result<(&str, Option<&str>), &'static str> {
    let (name, default) = match inner.split_once(':') {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    let name = name.trim();
    let fits = !name.is_empty() && name.chars().all(|c| is_word(c) || c == '.' || c == '-');
    if fits { Ok((name, default)) } else { Err("a setting's name has letters, digits, `.`, `-` and `_`") }
}

/// The value of one `${…}` and, for messages, where it came from.
fn value(source: &Source, span: Span, inner: &str, settings: &Settings) -> Result<(String, String), Box<Diagnostic>> {
    let problem = |cause: String, fix: String| Box::new(Diagnostic::error(source, span, Code::Setting, cause, fix));
    let (name, default) = split(inner).map_err(|why| {
        problem(format!("`${{{inner}}}` is not a setting"), format!("{why}; write ${{name:default}}"))
    })?;
    match (settings.get(name), default) {
        (Some((value, origin)), _) => Ok((value.to_string(), format!("`{name}` from {origin}"))),
        (None, Some(default)) => Ok((default.to_string(), format!("the default of `{name}`"))),
        (None, None) => Err(problem(
            format!("the setting `{name}` has no value"),
            format!(
                "give it one with --set {name}=…, the environment variable {}, or a default: ${{{name}:…}}",
                Settings::environment_name(name)
            ),
        )),
    }
}

/// A quoted text with its settings filled in; `$${` stands for `${` itself.
fn fill(source: &Source, span: Span, text: &str, settings: &Settings) -> Result<String, Box<Diagnostic>> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if let Some(before) = rest[..at].strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        out.push_str(&rest[..at]);
        let inner = &rest[at + 2..];
        let Some(end) = inner.find('}') else {
            let cause = "`${` without a closing `}`";
            let fix = "write ${name:default}, or $${ for the characters themselves";
            return Err(Box::new(Diagnostic::error(source, span, Code::Setting, cause, fix)));
        };
        out.push_str(&value(source, span, &inner[..end], settings)?.0);
        rest = &inner[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

/// A bare `${…}`: its value must be one number, true or false.
fn bare(source: &Source, mask: &Mask, settings: Option<&Settings>) -> Result<Token, Box<Diagnostic>> {
    let empty = Settings::new();
    let (text, origin) = value(source, mask.span, &mask.inner, settings.unwrap_or(&empty))?;
    let trimmed = text.trim();
    let lower = trimmed.to_ascii_lowercase();
    if lower == "true" || lower == "false" {
        return Ok(Token::Word { text: lower, quoted: false });
    }
    let digits = trimmed.strip_prefix('-').unwrap_or(trimmed);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let number = [whole, fraction].iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    if number {
        return Ok(Token::Number(trimmed.to_string()));
    }
    Err(Box::new(Diagnostic::error(
        source,
        mask.span,
        Code::Setting,
        format!("{origin} is '{text}', which is not one number, true or false"),
        "a setting is never read as SQL; for a text put it in quotes: '${…}'",
    )))
}

/// A token of `sqlparser` as one of ours.
fn convert(token: RawToken) -> Token {
    let symbol = match &token {
        RawToken::Comma => ",",
        RawToken::Period => ".",
        RawToken::LParen => "(",
        RawToken::RParen => ")",
        RawToken::SemiColon => ";",
        RawToken::Mul => "*",
        RawToken::Plus => "+",
        RawToken::Minus => "-",
        RawToken::Div => "/",
        RawToken::Mod => "%",
        RawToken::Eq => "=",
        RawToken::Neq => "<>",
        RawToken::Lt => "<",
        RawToken::Gt => ">",
        RawToken::LtEq => "<=",
        RawToken::GtEq => ">=",
        RawToken::StringConcat => "||",
        RawToken::DoubleColon => "::",
        _ => "",
    };
    if !symbol.is_empty() {
        return Token::Symbol(symbol);
    }
    match token {
        RawToken::Word(word) if word.quote_style == Some('"') => Token::Word { text: word.value, quoted: true },
        RawToken::Word(word) if word.quote_style.is_none() => {
            Token::Word { text: word.value.to_lowercase(), quoted: false }
        }
        RawToken::Number(text, false) => Token::Number(text),
        RawToken::SingleQuotedString(text) | RawToken::EscapedStringLiteral(text) => Token::Text(text),
        RawToken::DollarQuotedString(text) => Token::Text(text.value),
        other => Token::Foreign(other.to_string()),
    }
}

fn position(location: Location) -> Position {
    let bounded = |n: u64| u32::try_from(n).unwrap_or(u32::MAX).max(1);
    Position { line: bounded(location.line), column: bounded(location.column) }
}

/// Turns places, asked for in rising order, into byte offsets.
struct Walk<'a> {
    text: &'a str,
    byte: usize,
    at: Position,
}

impl Walk<'_> {
    fn to(&mut self, place: Position) -> usize {
        for c in self.text[self.byte..].chars() {
            if self.at >= place {
                break;
            }
            self.byte += c.len_utf8();
            if c == '\n' {
                self.at = Position { line: self.at.line + 1, column: 1 };
            } else {
                self.at.column += 1;
            }
        }
        self.byte
    }
}
