//! Tokens to statements.
//!
//! A hand-written parser: bounded in depth and length, linear in time, and each error says what was expected, what
//! stands there and, where the text is right in some other dialect, what to write here. Never: looks a name up.

mod cursor;
mod expr;
mod query;
mod statement;

use std::sync::Arc;

use crate::ast::Statement;
use crate::diagnostic::{Diagnostic, Source};
use crate::lexer::{self, Lexed, Token};
use crate::settings::Settings;
use cursor::Cursor;

/// The statements of a text. `name` is what messages call the text.
///
/// All statements are read, so that one look at the errors is enough; either all are right, or every fault is told.
pub fn parse(name: &str, text: &str, settings: &Settings) -> Result<Vec<Statement>, Vec<Diagnostic>> {
    parse_source(&Source::new(name, text), Some(settings))
}

/// Reads statements back from [`Statement::text`], where settings have been filled in already and `${` is just text.
pub fn parse_canonical(name: &str, text: &str) -> Result<Vec<Statement>, Vec<Diagnostic>> {
    parse_source(&Source::new(name, text), None)
}

/// Of a text with more faults than this only the first ones are told.
pub(crate) const PROBLEMS_MAX: usize = 20;

fn parse_source(source: &Arc<Source>, settings: Option<&Settings>) -> Result<Vec<Statement>, Vec<Diagnostic>> {
    let tokens = lexer::lex(source, settings)?;
    let mut statements = Vec::new();
    let mut problems = Vec::new();
    for piece in tokens.split(|t| t.token == Token::Symbol(";")) {
        if piece.is_empty() {
            continue;
        }
        match parse_one(source, piece) {
            Ok(statement) => statements.push(statement),
            Err(problem) => problems.push(*problem),
        }
        if problems.len() == PROBLEMS_MAX {
            break;
        }
    }
    if problems.is_empty() { Ok(statements) } else { Err(problems) }
}

fn parse_one(source: &Arc<Source>, tokens: &[Lexed]) -> Result<Statement, Box<Diagnostic>> {
    let mut cursor = Cursor::new(source, tokens)?;
    let kind = statement::statement(&mut cursor)?;
    cursor.expect_end()?;
    Ok(Statement {
        kind,
        span: tokens[0].span.to(tokens[tokens.len() - 1].span),
        source: source.clone(),
        text: lexer::one_line(tokens),
        canonical: lexer::canonical(tokens),
    })
}
