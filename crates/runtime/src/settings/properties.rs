//! Java's `.properties` syntax, as `java.util.Properties.load` reads it.
//!
//! Owns: lines, continuations, separators and escapes. Never: knows a key.

use std::fmt;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Line of its key, from 1.
    pub(super) line: usize,
    /// Key, unescaped.
    pub(super) key: String,
    /// Value, unescaped.
    pub(super) value: String,
}

/// A malformed `\u` escape: the only thing that Java refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    line: usize,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: `\\u` needs four hexadecimal digits; write `\\\\u` for a backslash and a u", self.line)
    }
}

/// All entries, in order.
pub(super) fn parse(text: &str) -> Result<Vec<Entry>, Malformed> {
    let mut entries = Vec::new();
    // A lone carriage return ends a line too.
    let text = text.replace("\r\n", "\n");
    let mut lines = text.split(['\n', '\r']).enumerate();
    while let Some((index, first)) = lines.next() {
        let first = first.trim_start_matches([' ', '\t', '\x0c']);
        if first.is_empty() || first.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = first.to_owned();
        while ends_in_continuation(&logical) {
            logical.pop();
            match lines.next() {
                Some((_, more)) => logical.push_str(more.trim_start_matches([' ', '\t', '\x0c'])),
                None => break,
            }
        }
        let line = index + 1;
        let (key, value) = split(&logical);
        let unescaped = |text| unescape(text).ok_or(Malformed { line });
        entries.push(Entry { line, key: unescaped(key)?, value: unescaped(value)? });
    }
    Ok(entries)
}

/// An odd number of backslashes at the end.
fn ends_in_continuation(line: &str) -> bool {
    line.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

/// The key ends at the first unescaped `=`, `:` or white space; one `=` or `:` with white space around it separates.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line
        .char_indices()
        .find(|(_, c)| {
            let ends = !escaped && matches!(c, '=' | ':' | ' ' | '\t' | '\x0c');
            escaped = !escaped && *c == '\\';
            ends
        })
        .map_or(line.len(), |(at, _)| at);
    let space = [' ', '\t', '\x0c'];
    let rest = line[end..].trim_start_matches(space);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (&line[..end], rest.trim_start_matches(space))
}

fn unescape(text: &str) -> Option<String> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut buffer = [0; 2];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let plain = match c {
            '\\' => match chars.next() {
                None => break,
                Some('u') => {
                    let mut unit = 0;
                    for _ in 0..4 {
                        unit = unit * 16 + chars.next()?.to_digit(16)? as u16;
                    }
                    units.push(unit);
                    continue;
                }
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\x0c',
                Some(other) => other,
            },
            other => other,
        };
        units.extend_from_slice(plain.encode_utf16(&mut buffer));
    }
    Some(String::from_utf16_lossy(&units))
}
