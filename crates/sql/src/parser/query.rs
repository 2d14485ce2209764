//! `SELECT …` with the tails of continuous queries: windows in FROM, PARTITION BY, EMIT.

use crate::ast::{Emit, Expr, FromClause, Ident, Select, SelectItem, Tumble};
use crate::diagnostic::{Code, Span};
use crate::lexer::Token;
use crate::parser::cursor::{Cursor, Fault};
use crate::parser::expr::{expr, interval, order_by};
use crate::{ast::ExprKind, suggest};

/// A query, from SELECT to the end of the statement.
pub(super) fn select(c: &mut Cursor) -> Result<Select, Fault> {
    let start = c.span();
    c.expect_word("select", "")?;
    if c.is_word("distinct") {
        return Err(c.not_supported(c.span(), "SELECT DISTINCT", "GROUP BY the columns instead"));
    }
    c.eat_word("all");
    let items = c.list(item)?;
    let mut select = Select {
        span: start,
        items,
        from: None,
        filter: None,
        group_by: vec![],
        having: None,
        partition_by: vec![],
        order_by: vec![],
        limit: None,
        emit: None,
    };
    if c.eat_word("from") {
        select.from = Some(from(c)?);
    }
    let mut seen: Vec<&str> = Vec::new();
    while let Some(Token::Word { text, quoted: false }) = c.peek() {
        let clause_span = c.span();
        let clause: &'static str = match text.as_str() {
            "where" => {
                c.advance();
                let filter = expr(c)?;
                set(&mut select.filter, filter);
                "WHERE"
            }
            "group" => {
                c.advance();
                c.expect_word("by", "GROUP BY column, …")?;
                let keys = c.list(expr)?;
                if select.group_by.is_empty() {
                    select.group_by = keys;
                }
                "GROUP BY"
            }
            "having" => {
                c.advance();
                let having = expr(c)?;
                set(&mut select.having, having);
                "HAVING"
            }
            "partition" => {
                c.advance();
                c.expect_word("by", "PARTITION BY sets the output key")?;
                let keys = c.list(expr)?;
                if select.partition_by.is_empty() {
                    select.partition_by = keys;
                }
                "PARTITION BY"
            }
            "order" => {
                let keys = order_by(c)?;
                if select.order_by.is_empty() {
                    select.order_by = keys;
                }
                "ORDER BY"
            }
            "limit" => {
                c.advance();
                let limit = limit(c)?;
                set(&mut select.limit, limit);
                "LIMIT"
            }
            "emit" => {
                c.advance();
                let emit = emit(c, clause_span)?;
                set(&mut select.emit, emit);
                "EMIT"
            }
            other => return Err(tail_fault(c, other)),
        };
        if seen.contains(&clause) {
            return Err(c.fault(clause_span, Code::Syntax, format!("{clause} stands twice"), "leave one"));
        }
        seen.push(clause);
    }
    select.span = start.to(c.last_span());
    Ok(select)
}

fn set<T>(slot: &mut Option<T>, value: T) {
    if slot.is_none() {
        *slot = Some(value);
    }
}

/// The error for a word that no clause begins with.
fn tail_fault(c: &Cursor, word: &str) -> Fault {
    let span = c.span();
    match word {
        "join" | "inner" | "left" | "right" | "full" | "cross" | "outer" => {
            c.not_supported(span, "JOIN", "joins are not part of this version; each query reads one stream or table")
        }
        "union" | "intersect" | "except" => {
            let what = word.to_uppercase();
            c.not_supported(span, &what, "let two statements write to streams of their own")
        }
        "window" => c.not_supported(
            span,
            "the WINDOW clause",
            "windows are given in FROM: FROM TUMBLE(stream, INTERVAL '5 seconds')",
        ),
        "offset" => c.not_supported(span, "OFFSET", "use LIMIT"),
        "fetch" => c.not_supported(span, "FETCH", "use LIMIT"),
        "with" => {
            c.expected("the end of the statement", "options stand before AS SELECT: CREATE … WITH (…) AS SELECT …")
        }
        "into" => {
            c.expected("the end of the statement", "INTO stands before AS SELECT: CREATE … INTO name AS SELECT …")
        }
        _ => match c.expect_end() {
            Err(fault) => fault,
            Ok(()) => c.expected("the end of the statement", ""),
        },
    }
}

fn item(c: &mut Cursor) -> Result<SelectItem, Fault> {
    if c.is_symbol("*") {
        let span = c.span();
        c.advance();
        return Ok(SelectItem::All(span));
    }
    if c.peek().is_none() || c.is_word("from") {
        return Err(c.expected("an expression", "a select list has at least one item and no comma at its end"));
    }
    let expr = expr(c)?;
    let alias = alias(c)?;
    Ok(SelectItem::Expr { expr, alias })
}

/// `[AS] name`
fn alias(c: &mut Cursor) -> Result<Option<Ident>, Fault> {
    if c.eat_word("as") {
        return c.name("a name").map(Some);
    }
    // Words that begin a clause of other dialects are not taken for names, so that their errors are about them.
    let clause = ["window", "offset", "fetch", "qualify", "within", "grace"].iter().any(|word| c.is_word(word));
    Ok(if clause { None } else { c.eat_name() })
}

const WINDOW_FIX: &str = "write TUMBLE(stream, INTERVAL '5 seconds')";

fn from(c: &mut Cursor) -> Result<FromClause, Fault> {
    let start = c.span();
    if c.is_symbol("(") {
        return Err(c.not_supported(
            start,
            "a query inside FROM",
            "declare it as a stream or table of its own and read that",
        ));
    }
    let name = c.name("a stream or table")?;
    if c.is_symbol(".") {
        return Err(c.not_supported(name.span.to(c.span()), "a name with a schema", "write the bare name"));
    }
    if !c.is_symbol("(") {
        let alias = alias(c)?;
        if c.is_symbol(",") {
            return Err(c.not_supported(c.span(), "a join", "each query reads one stream or table"));
        }
        return Ok(FromClause { name, window: None, alias, span: start.to(c.last_span()) });
    }
    match name.text.as_str() {
        "tumble" => {}
        "hop" | "session" | "cumulate" | "slide" => {
            let what = format!("{}(…)", name.text.to_uppercase());
            return Err(c.not_supported(
                name.span,
                &what,
                "the window of this version is TUMBLE(stream, INTERVAL '5 seconds')",
            ));
        }
        "table" => return Err(c.not_supported(name.span, "TABLE(…)", WINDOW_FIX)),
        other => {
            let fix = suggest::closest(other, ["tumble"])
                .map_or(WINDOW_FIX.to_string(), |_| "did you mean `TUMBLE`?".to_string());
            return Err(c.fault(name.span, Code::UnknownFunction, format!("unknown window function `{other}`"), fix));
        }
    }
    c.advance();
    c.eat_word("table");
    let of = c.name("a stream")?;
    c.expect_symbol(",", WINDOW_FIX)?;
    if !c.is_word("interval") {
        if let Some(Token::Text(text)) = c.peek() {
            return Err(c.expected("INTERVAL", format!("write INTERVAL '{text}'")));
        }
        return Err(c.expected(
            "INTERVAL",
            "a window uses the record's timestamp; WITH (timestamp = 'column') on the stream changes that",
        ));
    }
    let size = interval(c)?;
    let ExprKind::Interval(size_ms) = size.kind else { return Err(c.expected("INTERVAL", WINDOW_FIX)) };
    if size_ms <= 0 {
        return Err(c.fault(size.span, Code::Value, "a window must be longer than nothing", WINDOW_FIX));
    }
    c.expect_symbol(")", WINDOW_FIX)?;
    let alias = alias(c)?;
    let window = Some(Tumble { size_ms, size_span: size.span });
    Ok(FromClause { name: of, window, alias, span: start.to(c.last_span()) })
}

fn limit(c: &mut Cursor) -> Result<(u64, Span), Fault> {
    let span = c.span();
    if let Some(Token::Number(text)) = c.peek()
        && let Ok(n) = text.parse()
    {
        c.advance();
        return Ok((n, span));
    }
    let fix = format!("write LIMIT and a whole number from 0 to {}, such as LIMIT 10", u64::MAX);
    Err(c.expected("a number of rows", fix))
}

/// What follows EMIT.
fn emit(c: &mut Cursor, start: Span) -> Result<(Emit, Span), Fault> {
    let emit = if c.eat_word("changes") {
        Emit::Changes
    } else if c.eat_word("final") {
        Emit::Final
    } else if c.eat_word("every") {
        let every: Expr = if let Some(Token::Text(_)) = c.peek() {
            return Err(c.expected("INTERVAL", "write EMIT EVERY INTERVAL '1 second'"));
        } else {
            interval(c)?
        };
        match every.kind {
            ExprKind::Interval(every_ms) if every_ms > 0 => Emit::Every { every_ms },
            _ => return Err(c.fault(every.span, Code::Value, "the interval must be longer than nothing", "")),
        }
    } else {
        let fix = match c.peek() {
            Some(Token::Word { text, .. }) => suggest::closest(text, ["changes", "final", "every"])
                .map_or(String::new(), |near| format!("did you mean `{}`?", near.to_uppercase())),
            _ => String::new(),
        };
        return Err(c.expected("CHANGES, FINAL or EVERY", fix));
    };
    Ok((emit, start.to(c.last_span())))
}
