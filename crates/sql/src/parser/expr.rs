//! Expressions, by PostgreSQL's precedence: `OR` < `AND` < `NOT` < `IS` < comparison < `BETWEEN IN LIKE` < `||` < `+
//! -` < `* / %` < sign < `::`.

use crate::ast::{BinaryOp, Call, DataType, Expr, ExprKind, Ident, IsWhat, OrderBy, UnaryOp};
use crate::diagnostic::{Code, Span};
use crate::duration;
use crate::lexer::Token;
use crate::parser::cursor::{Cursor, Fault};
use crate::suggest;

const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const IS: u8 = 4;
const COMPARE: u8 = 5;
const RANGE: u8 = 6;
const CONCAT: u8 = 7;
const ADD: u8 = 8;
const MULTIPLY: u8 = 9;
const SIGN: u8 = 10;
const CAST: u8 = 11;

/// A whole expression.
pub(super) fn expr(c: &mut Cursor) -> Result<Expr, Fault> {
    above(c, 0)
}

/// An expression whose operators bind tighter than `floor`.
fn above(c: &mut Cursor, floor: u8) -> Result<Expr, Fault> {
    c.nested(|c| {
        let mut left = prefix(c)?;
        loop {
            match infix(c, left, floor)? {
                Step::More(next) => left = next,
                Step::Done(whole) => return Ok(whole),
            }
            // A chain `a + b + c …` grows a tree without recursion here, so operators are counted.
            c.count_operator(left.span)?;
        }
    })
}

enum Step {
    /// An operator was taken; there may be another.
    More(Expr),
    /// Nothing more belongs to this expression.
    Done(Expr),
}

fn binary(c: &mut Cursor, left: Expr, op: BinaryOp, level: u8) -> Result<Expr, Fault> {
    let op_span = c.span();
    c.advance();
    let right = above(c, level)?;
    let span = left.span.to(right.span);
    Ok(Expr { kind: ExprKind::Binary { op, op_span, left: Box::new(left), right: Box::new(right) }, span })
}

/// One more operator after `left`, if it binds tighter than `floor`.
fn infix(c: &mut Cursor, left: Expr, floor: u8) -> Result<Step, Fault> {
    let Some(token) = c.peek() else { return Ok(Step::Done(left)) };
    let operator = match token {
        Token::Symbol(symbol) => match *symbol {
            "=" => Some((BinaryOp::Equal, COMPARE)),
            "<>" => Some((BinaryOp::NotEqual, COMPARE)),
            "<" => Some((BinaryOp::Less, COMPARE)),
            "<=" => Some((BinaryOp::LessOrEqual, COMPARE)),
            ">" => Some((BinaryOp::Greater, COMPARE)),
            ">=" => Some((BinaryOp::GreaterOrEqual, COMPARE)),
            "||" => Some((BinaryOp::Concat, CONCAT)),
            "+" => Some((BinaryOp::Add, ADD)),
            "-" => Some((BinaryOp::Subtract, ADD)),
            "*" => Some((BinaryOp::Multiply, MULTIPLY)),
            "/" => Some((BinaryOp::Divide, MULTIPLY)),
            "%" => Some((BinaryOp::Remainder, MULTIPLY)),
            "::" if CAST > floor => {
                c.advance();
                let (to, type_span) = data_type(c)?;
                let span = left.span.to(type_span);
                return Ok(Step::More(Expr { kind: ExprKind::Cast { expr: Box::new(left), to }, span }));
            }
            _ => None,
        },
        Token::Word { text, quoted: false } => match text.as_str() {
            "or" => Some((BinaryOp::Or, OR)),
            "and" => Some((BinaryOp::And, AND)),
            "is" if IS > floor => return is(c, left).map(Step::More),
            "between" | "in" | "like" | "ilike" if RANGE > floor => return range(c, left, false).map(Step::More),
            "not" if RANGE > floor => {
                let follows = matches!(c.peek_at(1), Some(Token::Word { text, quoted: false })
                    if ["between", "in", "like", "ilike"].contains(&text.as_str()));
                if !follows {
                    return Ok(Step::Done(left));
                }
                c.advance();
                return range(c, left, true).map(Step::More);
            }
            "similar" | "collate" | "at" | "over" => {
                let what = format!("`{}`", text.to_uppercase());
                return Err(c.not_supported(c.span(), &what, ""));
            }
            _ => None,
        },
        Token::Foreign(text) => {
            let fix = match text.as_str() {
                "==" => "equality is written `=`",
                "&&" => "write AND",
                "|" => "texts are joined by `||`",
                "->" | "->>" => "access to nested JSON fields is not part of this version",
                _ => "",
            };
            let cause = format!("there is no operator `{text}`");
            return Err(c.fault(c.span(), Code::Syntax, cause, fix));
        }
        _ => None,
    };
    match operator {
        Some((op, level)) if level > floor => {
            // PostgreSQL's comparisons do not chain: `1 < x < 3` would compare a truth value with 3.
            if level == COMPARE && is_bare_comparison(&left) {
                let cause = "comparisons do not chain";
                return Err(c.fault(c.span(), Code::Syntax, cause, "write `low < x AND x < high`, or BETWEEN"));
            }
            binary(c, left, op, level).map(Step::More)
        }
        _ => Ok(Step::Done(left)),
    }
}

/// A comparison that does not stand in parentheses (which would widen its span beyond its operands).
fn is_bare_comparison(expr: &Expr) -> bool {
    use BinaryOp::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    match &expr.kind {
        ExprKind::Binary { op: Equal | Greater | GreaterOrEqual | Less | LessOrEqual | NotEqual, left, .. } => {
            expr.span.start == left.span.start
        }
        _ => false,
    }
}

/// `IS [NOT] NULL | TRUE | FALSE`
fn is(c: &mut Cursor, left: Expr) -> Result<Expr, Fault> {
    let op_span = c.span();
    c.advance();
    let negated = c.eat_word("not");
    if c.eat_words(&["distinct", "from"]) {
        let op = if negated { BinaryOp::IsNotDistinctFrom } else { BinaryOp::IsDistinctFrom };
        let right = above(c, IS)?;
        let span = left.span.to(right.span);
        return Ok(Expr { kind: ExprKind::Binary { op, op_span, left: Box::new(left), right: Box::new(right) }, span });
    }
    let what = if c.eat_word("null") {
        IsWhat::Null
    } else if c.eat_word("true") {
        IsWhat::True
    } else if c.eat_word("false") {
        IsWhat::False
    } else {
        return Err(c.expected("NULL, TRUE or FALSE", "other values are compared by `=`"));
    };
    let span = left.span.to(c.last_span());
    Ok(Expr { kind: ExprKind::Is { expr: Box::new(left), what, negated }, span })
}

/// `[NOT] BETWEEN … AND …`, `[NOT] IN (…)`, `[NOT] LIKE …`, the NOT already read.
fn range(c: &mut Cursor, left: Expr, negated: bool) -> Result<Expr, Fault> {
    let start = left.span;
    let expr = Box::new(left);
    if c.eat_word("between") {
        let low = Box::new(above(c, RANGE)?);
        c.expect_word("and", "BETWEEN takes two bounds: x BETWEEN low AND high")?;
        let high = Box::new(above(c, RANGE)?);
        let span = start.to(high.span);
        return Ok(Expr { kind: ExprKind::Between { expr, low, high, negated }, span });
    }
    if c.eat_word("in") {
        c.expect_symbol("(", "IN takes a list: x IN (1, 2, 3)")?;
        if c.is_word("select") {
            return Err(c.not_supported(c.span(), "a query inside an expression", "list the values"));
        }
        let list = c.list(self::expr)?;
        c.expect_symbol(")", "")?;
        return Ok(Expr { kind: ExprKind::In { expr, list, negated }, span: start.to(c.last_span()) });
    }
    let case_insensitive = c.is_word("ilike");
    c.advance();
    let pattern = Box::new(above(c, RANGE)?);
    if c.is_word("escape") {
        return Err(c.not_supported(c.span(), "ESCAPE", "the escape character is `\\`"));
    }
    let span = start.to(pattern.span);
    Ok(Expr { kind: ExprKind::Like { expr, pattern, negated, case_insensitive }, span })
}

/// What an expression begins with.
fn prefix(c: &mut Cursor) -> Result<Expr, Fault> {
    let start = c.span();
    let Some(token) = c.peek() else { return Err(c.expected("an expression", "")) };
    let literal = |c: &mut Cursor, kind| {
        c.advance();
        Ok(Expr { kind, span: start })
    };
    match token {
        Token::Number(text) => literal(c, ExprKind::Number(text.clone())),
        Token::Text(text) => literal(c, ExprKind::Text(text.clone())),
        Token::Symbol("-") => unary(c, UnaryOp::Minus, SIGN),
        Token::Symbol("+") => unary(c, UnaryOp::Plus, SIGN),
        Token::Symbol("(") => {
            c.advance();
            if c.is_word("select") {
                return Err(c.not_supported(
                    c.span(),
                    "a query inside an expression",
                    "declare it as a table of its own",
                ));
            }
            let mut inner = expr(c)?;
            if c.is_symbol(",") {
                return Err(c.not_supported(
                    start.to(c.span()),
                    "a row of several values",
                    "compare the columns one by one",
                ));
            }
            c.expect_symbol(")", "a parenthesis is not closed")?;
            inner.span = start.to(c.last_span());
            Ok(inner)
        }
        Token::Word { text, quoted: false } => match text.as_str() {
            "not" => unary(c, UnaryOp::Not, NOT),
            "null" => literal(c, ExprKind::Null),
            "true" => literal(c, ExprKind::Boolean(true)),
            "false" => literal(c, ExprKind::Boolean(false)),
            "case" => case(c),
            "cast" => cast(c),
            "exists" => Err(c.not_supported(start, "EXISTS", "")),
            "array" if matches!(c.peek_at(1), Some(Token::Foreign(_))) => Err(c.not_supported(start, "an array", "")),
            "interval" if matches!(c.peek_at(1), Some(Token::Text(_))) => interval(c),
            "timestamp" | "timestamptz" if matches!(c.peek_at(1), Some(Token::Text(_))) => {
                c.advance();
                let (text, span) = c.text("an instant")?;
                Ok(Expr { kind: ExprKind::Timestamp(text), span: start.to(span) })
            }
            "current_timestamp" if !matches!(c.peek_at(1), Some(Token::Symbol("("))) => {
                let name = Ident { text: "now".into(), quoted: false, span: start, written: text.clone() };
                literal(
                    c,
                    ExprKind::Call(Call {
                        name,
                        args: vec![],
                        star: false,
                        distinct: false,
                        order_by: vec![],
                        filter: None,
                    }),
                )
            }
            _ => column_or_call(c),
        },
        Token::Word { quoted: true, .. } => column_or_call(c),
        Token::Foreign(text) if text.starts_with('$') || text == "?" => Err(c.fault(
            start,
            Code::Syntax,
            format!("`{text}` is not part of this SQL"),
            "settings are written ${name:default}, parameters of a request param('name')",
        )),
        _ => Err(c.expected("an expression", "")),
    }
}

fn unary(c: &mut Cursor, op: UnaryOp, level: u8) -> Result<Expr, Fault> {
    let start = c.span();
    c.advance();
    // `-5` is one literal, so that the smallest BIGINT can be written.
    if op == UnaryOp::Minus
        && let Some(Token::Number(digits)) = c.peek()
        && !digits.starts_with('-')
        && !matches!(c.peek_at(1), Some(Token::Symbol("::")))
    {
        c.advance();
        return Ok(Expr { kind: ExprKind::Number(format!("-{digits}")), span: start.to(c.last_span()) });
    }
    // NOT binds looser than comparison: its operand is everything above it, other NOTs included.
    let inner = above(c, if op == UnaryOp::Not { level - 1 } else { level })?;
    let inner = Box::new(inner);
    let span = start.to(inner.span);
    Ok(Expr { kind: ExprKind::Unary { op, expr: inner }, span })
}

fn case(c: &mut Cursor) -> Result<Expr, Fault> {
    let start = c.span();
    c.advance();
    let operand = if c.is_word("when") { None } else { Some(Box::new(expr(c)?)) };
    let mut branches = Vec::new();
    while c.eat_word("when") {
        let when = expr(c)?;
        c.expect_word("then", "CASE WHEN condition THEN result … END")?;
        branches.push((when, expr(c)?));
    }
    if branches.is_empty() {
        return Err(c.expected("WHEN", "CASE WHEN condition THEN result … END"));
    }
    let otherwise = if c.eat_word("else") { Some(Box::new(expr(c)?)) } else { None };
    c.expect_word("end", "CASE is closed by END")?;
    Ok(Expr { kind: ExprKind::Case { operand, branches, otherwise }, span: start.to(c.last_span()) })
}

fn cast(c: &mut Cursor) -> Result<Expr, Fault> {
    let start = c.span();
    c.advance();
    c.expect_symbol("(", "CAST(expression AS type)")?;
    let inner = Box::new(expr(c)?);
    c.expect_word("as", "CAST(expression AS type)")?;
    let (to, _) = data_type(c)?;
    c.expect_symbol(")", "CAST(expression AS type)")?;
    Ok(Expr { kind: ExprKind::Cast { expr: inner, to }, span: start.to(c.last_span()) })
}

/// `INTERVAL '5 seconds'`, `INTERVAL '5' SECOND`
pub(super) fn interval(c: &mut Cursor) -> Result<Expr, Fault> {
    let start = c.span();
    c.expect_word("interval", duration::DURATION_FIX)?;
    let (mut text, text_span) = c.text("a length of time")?;
    if let Some(Token::Word { text: unit, quoted: false }) = c.peek()
        && duration::unit_ms(unit).is_ok()
        && text.trim().bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-')
    {
        text = format!("{} {unit}", text.trim());
        c.advance();
        if c.is_word("to") {
            return Err(c.not_supported(c.span(), "an interval from one unit to another", duration::DURATION_FIX));
        }
    }
    let ms = duration::parse_ms(&text)
        .map_err(|error| c.fault(text_span, Code::Value, error.to_string(), duration::DURATION_FIX))?;
    Ok(Expr { kind: ExprKind::Interval(ms), span: start.to(c.last_span()) })
}

fn column_or_call(c: &mut Cursor) -> Result<Expr, Fault> {
    let first = c.name("an expression")?;
    if c.is_symbol("(") {
        return call(c, first);
    }
    if !c.eat_symbol(".") {
        let span = first.span;
        return Ok(Expr { kind: ExprKind::Column { qualifier: None, name: first }, span });
    }
    if c.is_symbol("*") {
        return Err(c.not_supported(first.span.to(c.span()), "`name.*`", "write `*`"));
    }
    let name = c.name("a column")?;
    if c.is_symbol("(") || c.is_symbol(".") {
        return Err(c.not_supported(first.span.to(c.span()), "a name of more than two parts", ""));
    }
    let span = first.span.to(name.span);
    Ok(Expr { kind: ExprKind::Column { qualifier: Some(first), name }, span })
}

fn call(c: &mut Cursor, name: Ident) -> Result<Expr, Fault> {
    let start = name.span;
    c.advance();
    let mut call = Call { name, args: vec![], star: false, distinct: false, order_by: vec![], filter: None };
    if c.eat_symbol("*") {
        call.star = true;
    } else if !c.is_symbol(")") {
        call.distinct = c.eat_word("distinct");
        if c.is_word("select") {
            return Err(c.not_supported(c.span(), "a query inside an expression", ""));
        }
        // extract(hour FROM date): the field is a word, not a column.
        if call.name.text == "extract"
            && !call.name.quoted
            && matches!(c.peek(), Some(Token::Word { quoted: false, .. }))
        {
            let field = c.name("a field such as hour")?;
            call.args.push(Expr { kind: ExprKind::Text(field.text), span: field.span });
            c.expect_word("from", "extract(field FROM timestamp)")?;
            call.args.push(expr(c)?);
        } else if call.name.text == "position" && !call.name.quoted {
            // position(part IN text) is strpos(text, part), and so is written in the other order.
            let part = above(c, RANGE)?;
            c.expect_word("in", "position(part IN text)")?;
            call.name.text = "strpos".to_string();
            call.args = vec![above(c, RANGE)?, part];
        } else {
            call.args = c.list(expr)?;
            // substring(text FROM 2 FOR 3)
            if call.name.text == "substring" && call.args.len() == 1 && c.eat_word("from") {
                call.args.push(expr(c)?);
                if c.eat_word("for") {
                    call.args.push(expr(c)?);
                }
            }
        }
        if c.is_word("order") {
            call.order_by = order_by(c)?;
        }
        for (word, fix) in
            [("from", "arguments are separated by commas"), ("as", "to change a type write CAST(x AS type)")]
        {
            if c.is_word(word) {
                return Err(c.expected("`,` or `)`", fix));
            }
        }
    }
    c.expect_symbol(")", "the call's parenthesis is not closed")?;
    if c.is_word("filter") && matches!(c.peek_at(1), Some(Token::Symbol("("))) {
        c.advance();
        c.advance();
        c.expect_word("where", "count(*) FILTER (WHERE condition)")?;
        call.filter = Some(Box::new(expr(c)?));
        c.expect_symbol(")", "")?;
    }
    for word in ["over", "within"] {
        if c.is_word(word) {
            let what = format!("`{} …`", word.to_uppercase());
            return Err(c.not_supported(
                c.span(),
                &what,
                "windows are given in FROM: TUMBLE(stream, INTERVAL '5 seconds')",
            ));
        }
    }
    Ok(Expr { kind: ExprKind::Call(call), span: start.to(c.last_span()) })
}

/// `ORDER BY x [ASC | DESC] [NULLS FIRST | LAST], …`
pub(super) fn order_by(c: &mut Cursor) -> Result<Vec<OrderBy>, Fault> {
    c.expect_word("order", "")?;
    c.expect_word("by", "ORDER BY column")?;
    c.list(|c| {
        let expr = expr(c)?;
        let descending = c.eat_word("desc");
        if !descending {
            c.eat_word("asc");
        }
        let mut nulls_first = descending;
        if c.eat_word("nulls") {
            nulls_first = c.eat_word("first");
            if !nulls_first {
                c.expect_word("last", "NULLS FIRST or NULLS LAST")?;
            }
        }
        Ok(OrderBy { expr, descending, nulls_first })
    })
}

const TYPE_NAMES: [&str; 7] = ["BOOLEAN", "INTEGER", "BIGINT", "DOUBLE PRECISION", "TEXT", "BYTEA", "TIMESTAMP"];

/// A type's name, with PostgreSQL's, ksqlDB's and Flink's spellings.
pub(super) fn data_type(c: &mut Cursor) -> Result<(DataType, Span), Fault> {
    let span = c.span();
    let name = match c.peek() {
        Some(Token::Word { text, quoted: false }) => text.as_str(),
        _ => return Err(c.expected("a type", format!("types are {}", TYPE_NAMES.join(", ")))),
    };
    let data_type = match name {
        "boolean" | "bool" => DataType::Boolean,
        "int" | "integer" | "int4" => DataType::Int,
        "bigint" | "int8" | "long" => DataType::BigInt,
        "double" | "float8" => DataType::Double,
        "text" | "varchar" | "string" => DataType::Text,
        "bytea" | "bytes" | "blob" => DataType::Bytes,
        "timestamp" | "timestamptz" => DataType::Timestamp,
        _ => {
            let instead = match name {
                "smallint" | "tinyint" | "int2" => "use INTEGER",
                "real" | "float" | "float4" | "decimal" | "numeric" => "use DOUBLE PRECISION",
                "char" | "character" | "uuid" | "json" | "jsonb" => "use TEXT",
                "date" | "time" | "datetime" => "use TIMESTAMP",
                "array" | "map" | "struct" | "row" => "nested fields are not part of this version",
                _ => "",
            };
            if !instead.is_empty() {
                return Err(c.not_supported(span, &format!("the type {}", name.to_uppercase()), instead));
            }
            let lower = TYPE_NAMES.map(str::to_lowercase);
            let fix = match suggest::closest(name, lower.iter().map(String::as_str)) {
                Some(near) => format!("did you mean {}?", near.to_uppercase()),
                None => format!("types are {}", TYPE_NAMES.join(", ")),
            };
            return Err(c.fault(span, Code::Type, format!("unknown type `{name}`"), fix));
        }
    };
    c.advance();
    if data_type == DataType::Double {
        c.eat_word("precision");
    }
    if data_type == DataType::Timestamp && c.is_word("without") {
        return Err(c.not_supported(c.span(), "TIMESTAMP WITHOUT TIME ZONE", "TIMESTAMP is an instant here, in UTC"));
    }
    if data_type == DataType::Timestamp && !c.eat_words(&["with", "time", "zone"]) && c.is_symbol("(") {
        // TIMESTAMP(3) is what Flink writes, and what this type is.
        if matches!((c.peek_at(1), c.peek_at(2)), (Some(Token::Number(n)), Some(Token::Symbol(")"))) if n == "3") {
            (0..3).for_each(|_| c.advance());
        }
    }
    if c.is_symbol("(") {
        return Err(c.not_supported(c.span(), "a length or precision", "leave it out"));
    }
    if matches!(c.peek(), Some(Token::Foreign(text)) if text == "[") {
        return Err(c.not_supported(c.span(), "an array type", ""));
    }
    Ok((data_type, span.to(c.last_span())))
}
