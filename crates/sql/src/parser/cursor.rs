//! A place in the tokens of one statement, and how to step on.

use crate::ast::Ident;
use crate::diagnostic::{Code, Diagnostic, Source, Span};
use crate::lexer::{Lexed, Token};
use crate::suggest;

/// Why a step failed. Boxed: a diagnostic is large, and most steps succeed.
pub(super) type Fault = Box<Diagnostic>;

/// Statements of more tokens than this are refused.
const TOKENS_MAX: usize = 50_000;

/// Expressions deeper than this are refused, so that no later walk over them can run out of stack.
const DEPTH_MAX: usize = 100;

/// Statements with more operators than this are refused, for the same reason.
const OPERATORS_MAX: usize = 500;

/// Words that end an expression or a list, and so cannot be an alias without AS, nor a column without quotes.
const RESERVED: [&str; 44] = [
    "all",
    "and",
    "as",
    "asc",
    "between",
    "by",
    "case",
    "cast",
    "create",
    "cross",
    "desc",
    "distinct",
    "drop",
    "else",
    "emit",
    "end",
    "except",
    "from",
    "full",
    "group",
    "having",
    "in",
    "inner",
    "intersect",
    "into",
    "is",
    "join",
    "left",
    "like",
    "ilike",
    "limit",
    "not",
    "on",
    "or",
    "order",
    "outer",
    "partition",
    "right",
    "select",
    "then",
    "union",
    "when",
    "where",
    "with",
];

pub(super) struct Cursor<'a> {
    pub(super) source: &'a Source,
    tokens: &'a [Lexed],
    at: usize,
    depth: usize,
    operators: usize,
}

impl<'a> Cursor<'a> {
    /// At the first of `tokens`, which must not be empty.
    pub(super) fn new(source: &'a Source, tokens: &'a [Lexed]) -> Result<Self, Fault> {
        let cursor = Self { source, tokens, at: 0, depth: 0, operators: 0 };
        if tokens.len() > TOKENS_MAX {
            let cause = format!("the statement has {} words and signs, more than {TOKENS_MAX}", tokens.len());
            return Err(cursor.fault(tokens[0].span, Code::Syntax, cause, "split it"));
        }
        Ok(cursor)
    }

    pub(super) fn fault(&self, span: Span, code: Code, cause: impl Into<String>, fix: impl Into<String>) -> Fault {
        Box::new(Diagnostic::error(self.source, span, code, cause, fix))
    }

    /// `expected …, found …` at the current token.
    pub(super) fn expected(&self, what: &str, fix: impl Into<String>) -> Fault {
        let found = self.peek().map_or("the end of the statement".to_string(), Token::describe);
        self.fault(self.span(), Code::Syntax, format!("expected {what}, found {found}"), fix)
    }

    /// Understood, but not done by this version.
    pub(super) fn not_supported(&self, span: Span, what: &str, fix: &str) -> Fault {
        self.fault(span, Code::NotSupported, format!("{what} is not supported"), fix)
    }

    pub(super) fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at).map(|t| &t.token)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Option<&'a Token> {
        self.tokens.get(self.at + ahead).map(|t| &t.token)
    }

    /// Where the current token stands; after the last one, the place behind it.
    pub(super) fn span(&self) -> Span {
        match self.tokens.get(self.at) {
            Some(token) => token.span,
            None => {
                let end = self.last_span().end;
                Span { start: end, end }
            }
        }
    }

    /// Where the token before the current one stands.
    pub(super) fn last_span(&self) -> Span {
        self.tokens[self.at.saturating_sub(1).min(self.tokens.len() - 1)].span
    }

    pub(super) fn advance(&mut self) {
        self.at += 1;
    }

    /// Runs `step` one level deeper.
    pub(super) fn nested<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.depth >= DEPTH_MAX {
            let cause = format!("the expression is nested more than {DEPTH_MAX} deep");
            return Err(self.fault(self.span(), Code::Syntax, cause, "take it apart"));
        }
        self.depth += 1;
        let result = step(self);
        self.depth -= 1;
        result
    }

    /// Counts one more operator of the statement.
    pub(super) fn count_operator(&mut self, span: Span) -> Result<(), Fault> {
        self.operators += 1;
        if self.operators <= OPERATORS_MAX {
            return Ok(());
        }
        let cause = format!("the statement has more than {OPERATORS_MAX} operators");
        Err(self.fault(span, Code::Syntax, cause, "use IN (…) for many alternatives, or split the statement"))
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word { text, quoted: false }) if text == word)
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek(), Some(Token::Symbol(s)) if *s == symbol)
    }

    /// Steps over `word`, if it stands here.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let here = self.is_word(word);
        self.at += usize::from(here);
        here
    }

    /// Steps over all of `words`, or none.
    pub(super) fn eat_words(&mut self, words: &[&str]) -> bool {
        let all = words
            .iter()
            .enumerate()
            .all(|(i, word)| matches!(self.peek_at(i), Some(Token::Word { text, quoted: false }) if text == word));
        self.at += if all { words.len() } else { 0 };
        all
    }

    pub(super) fn eat_symbol(&mut self, symbol: &str) -> bool {
        let here = self.is_symbol(symbol);
        self.at += usize::from(here);
        here
    }

    pub(super) fn expect_word(&mut self, word: &str, fix: &str) -> Result<(), Fault> {
        if self.eat_word(word) { Ok(()) } else { Err(self.expected(&word.to_uppercase(), fix)) }
    }

    pub(super) fn expect_symbol(&mut self, symbol: &str, fix: &str) -> Result<(), Fault> {
        if self.eat_symbol(symbol) { Ok(()) } else { Err(self.expected(&format!("`{symbol}`"), fix)) }
    }

    /// The statement must end here.
    pub(super) fn expect_end(&self) -> Result<(), Fault> {
        let Some(token) = self.peek() else { return Ok(()) };
        const TAILS: [&str; 10] =
            ["where", "group", "having", "partition", "order", "limit", "emit", "with", "into", "as"];
        // `FROM b WERE a > 1`: the misspelt word was taken for an alias.
        if let Some(Lexed { token: Token::Word { text, quoted: false }, span, .. }) =
            self.at.checked_sub(1).and_then(|before| self.tokens.get(before))
            && !TAILS.contains(&text.as_str())
            && let Some(near) = suggest::closest(text, TAILS)
        {
            let fix = format!("did you mean `{}`?", near.to_uppercase());
            return Err(self.fault(*span, Code::Syntax, format!("`{text}` does not fit here"), fix));
        }
        let fix = match token {
            Token::Word { text, quoted: false } => {
                let starts = ["create", "drop", "select", "show", "describe", "insert", "explain"];
                if starts.contains(&text.as_str()) {
                    "statements are separated by `;`".to_string()
                } else {
                    suggest::closest(text, TAILS)
                        .map_or(String::new(), |near| format!("did you mean `{}`?", near.to_uppercase()))
                }
            }
            _ => String::new(),
        };
        Err(self.expected("the end of the statement", fix))
    }

    /// A word that may be a name, without stepping on.
    fn name_here(&self) -> Option<(&'a str, bool)> {
        match self.peek() {
            Some(Token::Word { text, quoted }) if *quoted || !RESERVED.contains(&text.as_str()) => {
                Some((text, *quoted))
            }
            _ => None,
        }
    }

    /// A name, if one stands here.
    pub(super) fn eat_name(&mut self) -> Option<Ident> {
        let (text, quoted) = self.name_here()?;
        let lexed = &self.tokens[self.at];
        self.at += 1;
        Some(Ident { text: text.to_string(), quoted, span: lexed.span, written: lexed.written.clone() })
    }

    /// A name that says what is named.
    pub(super) fn name(&mut self, what: &str) -> Result<Ident, Fault> {
        if let Some(Token::Word { text, quoted: true }) = self.peek()
            && text.is_empty()
        {
            return Err(self.fault(self.span(), Code::Syntax, "a name cannot be empty", ""));
        }
        if let Some(name) = self.eat_name() {
            return Ok(name);
        }
        let fix = match self.peek() {
            Some(Token::Word { text, .. }) => {
                format!("`{}` is a word of SQL; to use it as a name write \"{text}\"", text.to_uppercase())
            }
            Some(Token::Text(text)) => format!("names stand in double quotes or none: \"{text}\""),
            Some(Token::Foreign(text)) if text.contains('`') => "names stand in double quotes or none".to_string(),
            _ => String::new(),
        };
        Err(self.expected(what, fix))
    }

    /// A quoted text, with its span.
    pub(super) fn text(&mut self, what: &str) -> Result<(String, Span), Fault> {
        let Some(Token::Text(text)) = self.peek() else {
            let fix = match self.peek() {
                Some(Token::Word { text, quoted: true }) => format!("texts stand in single quotes: '{text}'"),
                _ => String::new(),
            };
            return Err(self.expected(what, fix));
        };
        let span = self.span();
        self.at += 1;
        Ok((text.clone(), span))
    }

    /// `item, item, …`
    pub(super) fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
        let mut items = vec![item(self)?];
        while self.eat_symbol(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }
}
