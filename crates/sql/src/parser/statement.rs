//! The statements themselves: CREATE, DROP, INSERT, SHOW, DESCRIBE, EXPLAIN and the query on its own.

use crate::ast::{ColumnDef, Create, Ident, ObjectKind, OptionDef, OptionValue, Show, StatementKind, Target};
use crate::diagnostic::{Code, Span};
use crate::lexer::Token;
use crate::parser::cursor::{Cursor, Fault};
use crate::parser::expr::{data_type, expr, interval};
use crate::parser::query::select;
use crate::suggest;

const STATEMENTS: [&str; 7] = ["create", "drop", "insert", "select", "show", "describe", "explain"];

/// One statement; the cursor is left behind what it took.
pub(super) fn statement(c: &mut Cursor) -> Result<StatementKind, Fault> {
    let span = c.span();
    let word = match c.peek() {
        Some(Token::Word { text, quoted: false }) => text.as_str(),
        _ => {
            return Err(
                c.expected("a statement", "statements begin with CREATE, DROP, SELECT, SHOW, DESCRIBE or INSERT")
            );
        }
    };
    match word {
        "create" => create(c).map(StatementKind::Create),
        "drop" => drop_object(c),
        "insert" => insert(c),
        "select" => select(c).map(StatementKind::Select),
        "show" | "list" => {
            c.advance();
            show(c)
        }
        "describe" | "desc" => {
            c.advance();
            c.eat_word("extended");
            c.name("the name of a stream, table, sink, generator or endpoint").map(StatementKind::Describe)
        }
        "explain" => {
            c.advance();
            c.nested(statement).map(|inner| StatementKind::Explain(Box::new(inner)))
        }
        "update" | "delete" | "merge" | "truncate" => Err(c.not_supported(
            span,
            &word.to_uppercase(),
            "records are never changed; write another record with the same key",
        )),
        "alter" => Err(c.not_supported(span, "ALTER", "DROP the object and CREATE it anew")),
        "set" => {
            Err(c.not_supported(span, "SET", "options stand in WITH (…), settings are given with --set name=value"))
        }
        "with" => {
            Err(c.not_supported(span, "WITH before SELECT", "declare a stream or table of its own and read that"))
        }
        "pause" | "resume" => Err(c.not_supported(
            span,
            &word.to_uppercase(),
            "pause and resume generators on the page, or POST /v1/generators/NAME/pause",
        )),
        "begin" | "commit" | "rollback" | "start" => {
            Err(c.not_supported(span, &word.to_uppercase(), "every commit is a transaction"))
        }
        other => {
            let fix = suggest::closest(other, STATEMENTS)
                .map_or("statements begin with CREATE, DROP, SELECT, SHOW, DESCRIBE or INSERT".to_string(), |near| {
                    format!("did you mean `{}`?", near.to_uppercase())
                });
            Err(c.fault(span, Code::Syntax, format!("unknown statement `{other}`"), fix))
        }
    }
}

const KINDS: [(&str, ObjectKind); 5] = [
    ("stream", ObjectKind::Stream),
    ("table", ObjectKind::Table),
    ("sink", ObjectKind::Sink),
    ("generator", ObjectKind::Generator),
    ("endpoint", ObjectKind::Endpoint),
];

fn object_kind(c: &mut Cursor, verb: &str) -> Result<ObjectKind, Fault> {
    for (word, kind) in KINDS {
        if c.eat_word(word) {
            return Ok(kind);
        }
    }
    let span = c.span();
    let Some(Token::Word { text, quoted: false }) = c.peek() else {
        return Err(c.expected("STREAM, TABLE, SINK, GENERATOR or ENDPOINT", ""));
    };
    let what = format!("{verb} {}", text.to_uppercase());
    match text.as_str() {
        "view" | "materialized" => Err(c.not_supported(span, &what, "a continuously kept result is a TABLE")),
        "source" => Err(c.not_supported(span, &what, "a topic is read through a STREAM")),
        "connector" => Err(c.not_supported(span, &what, "")),
        "type" | "function" | "index" | "schema" | "database" | "user" | "role" => {
            Err(c.not_supported(span, &what, ""))
        }
        "topic" => Err(c.not_supported(
            span,
            &what,
            "topics are made by `CREATE STREAM … WITH (topic = '…')` or `millstream topics --create`",
        )),
        other => {
            let fix = suggest::closest(other, KINDS.map(|(word, _)| word))
                .map_or(String::new(), |near| format!("did you mean `{}`?", near.to_uppercase()));
            Err(c.expected("STREAM, TABLE, SINK, GENERATOR or ENDPOINT", fix))
        }
    }
}

fn create(c: &mut Cursor) -> Result<Create, Fault> {
    c.advance();
    if c.is_word("or") {
        return Err(c.not_supported(c.span(), "CREATE OR REPLACE", "DROP the object first, then CREATE it"));
    }
    for word in ["temporary", "temp", "external"] {
        if c.is_word(word) {
            return Err(c.not_supported(c.span(), &format!("CREATE {}", word.to_uppercase()), "leave the word out"));
        }
    }
    let kind = object_kind(c, "CREATE")?;
    let if_not_exists = c.eat_words(&["if", "not", "exists"]);
    let name = c.name(&format!("the name of {}", kind.with_article()))?;
    let mut create = Create { kind, name, if_not_exists, columns: None, options: vec![], into: None, query: None };
    if c.is_symbol("(") {
        let span = c.span();
        if kind != ObjectKind::Stream {
            let (what, fix) = match kind {
                ObjectKind::Table => {
                    ("a table with declared columns", "a table is declared by a query: CREATE TABLE name AS SELECT …")
                }
                _ => ("a column list here", "the columns are those of the query after AS"),
            };
            return Err(c.not_supported(span, what, fix));
        }
        create.columns = Some(columns(c)?);
    }
    let mut with_seen = false;
    loop {
        if c.is_word("with") && !with_seen {
            c.advance();
            create.options = options(c)?;
            with_seen = true;
        } else if c.is_word("into") && create.into.is_none() {
            let span = c.span();
            c.advance();
            create.into = Some(into(c, kind, span)?);
        } else {
            break;
        }
    }
    if c.eat_word("as") {
        if !c.is_word("select") {
            return Err(c.expected("SELECT", "AS is followed by a query"));
        }
        create.query = Some(select(c)?);
    }
    check_parts(c, &create)?;
    Ok(create)
}

/// Each kind has parts that it needs and parts that it cannot have.
fn check_parts(c: &Cursor, create: &Create) -> Result<(), Fault> {
    let span = create.name.span;
    let name = &create.name.written;
    if let (Some(_), Some(query)) = (&create.columns, &create.query) {
        let fix = "either declare columns over a topic, or take them from the query: leave out the column list";
        return Err(c.fault(
            query.span,
            Code::Syntax,
            "a stream has either declared columns or a query, not both",
            fix,
        ));
    }
    let missing_query = create.query.is_none();
    match create.kind {
        ObjectKind::Stream if missing_query && create.columns.is_none() => {
            let fix = format!("write CREATE STREAM {name} (column TYPE, …) WITH (topic = '…'), or … AS SELECT …");
            Err(c.expected("columns or AS SELECT", fix))
        }
        ObjectKind::Stream => Ok(()),
        ObjectKind::Generator if create.into.is_none() => {
            let fix = format!(
                "say where its rows go: CREATE GENERATOR {name} WITH (every = '1 second') INTO stream AS SELECT …"
            );
            Err(c.fault(span, Code::Syntax, "a generator needs INTO", fix))
        }
        kind if missing_query => {
            Err(c.expected("AS SELECT", format!("{} is declared by a query: … AS SELECT …", kind.with_article())))
        }
        _ => Ok(()),
    }
}

fn into(c: &mut Cursor, kind: ObjectKind, span: Span) -> Result<Target, Fault> {
    let refused = match kind {
        ObjectKind::Stream => Some("the topic that a stream writes is given by WITH (topic = '…')"),
        ObjectKind::Table => {
            Some("a table keeps its rows itself; write them on with CREATE STREAM … AS SELECT … FROM table")
        }
        ObjectKind::Sink => Some("where a sink writes is given by WITH (connector = '…')"),
        ObjectKind::Generator | ObjectKind::Endpoint => None,
    };
    if let Some(fix) = refused {
        return Err(c.not_supported(span, &format!("INTO for {}", kind.with_article()), fix));
    }
    if c.is_word("topic") && !matches!(c.peek_at(1), Some(Token::Word { .. }) | None) {
        c.advance();
        let (template, span) = c.text("a topic's name in quotes")?;
        if kind == ObjectKind::Generator {
            return Err(c.not_supported(
                span,
                "INTO TOPIC for a generator",
                "declare a stream over the topic and write INTO that",
            ));
        }
        return Ok(Target::Topic { template, span });
    }
    let name = c.name("the name of a stream, or TOPIC '…'")?;
    Ok(Target::Object(name))
}

fn columns(c: &mut Cursor) -> Result<Vec<ColumnDef>, Fault> {
    c.advance();
    let columns = c.list(column)?;
    c.expect_symbol(")", "columns are separated by commas: name TYPE, name TYPE")?;
    Ok(columns)
}

fn column(c: &mut Cursor) -> Result<ColumnDef, Fault> {
    let name = c.name("a column's name")?;
    if c.is_symbol(",") || c.is_symbol(")") {
        return Err(c.expected(
            &format!("the type of `{}`", name.text),
            "for example TEXT, BIGINT, DOUBLE PRECISION, TIMESTAMP",
        ));
    }
    let (data_type, type_span) = data_type(c)?;
    let mut column = ColumnDef { name, data_type, type_span, default: None, key: false };
    loop {
        let span = c.span();
        if c.eat_word("default") {
            column.default = Some(expr(c)?);
        } else if c.eat_word("key") {
            column.key = true;
        } else if c.eat_word("not") {
            return Err(c.not_supported(
                span,
                "NOT NULL",
                "a missing field becomes its DEFAULT, or NULL; filter with WHERE column IS NOT NULL",
            ));
        } else if c.eat_word("primary") {
            return Err(c.not_supported(
                span,
                "PRIMARY KEY",
                "the column that is read from the record's key is marked KEY",
            ));
        } else if c.eat_word("null") {
            // Every column may be NULL.
        } else {
            return Ok(column);
        }
    }
}

const OPTION_FIX: &str = "options are written WITH (name = 'value', …)";

fn options(c: &mut Cursor) -> Result<Vec<OptionDef>, Fault> {
    c.expect_symbol("(", OPTION_FIX)?;
    if c.eat_symbol(")") {
        return Ok(vec![]);
    }
    let options = c.list(option)?;
    c.expect_symbol(")", OPTION_FIX)?;
    for (i, option) in options.iter().enumerate() {
        if options[..i].iter().any(|other| other.name == option.name) {
            let cause = format!("the option `{}` stands twice", option.name);
            return Err(c.fault(option.name_span, Code::BadOption, cause, "leave one"));
        }
    }
    Ok(options)
}

/// A word of an option's name: every word will do, reserved or not.
fn option_word(c: &mut Cursor) -> Result<String, Fault> {
    match c.peek() {
        Some(Token::Word { text, .. }) => {
            c.advance();
            Ok(text.clone())
        }
        _ => Err(c.expected("the name of an option", OPTION_FIX)),
    }
}

fn option(c: &mut Cursor) -> Result<OptionDef, Fault> {
    let start = c.span();
    let mut name = if let Some(Token::Text(text)) = c.peek() {
        c.advance();
        text.to_lowercase()
    } else {
        option_word(c)?
    };
    while c.eat_symbol(".") {
        name.push('.');
        name.push_str(&option_word(c)?);
    }
    let name_span = start.to(c.last_span());
    c.expect_symbol("=", OPTION_FIX)?;
    let value_start = c.span();
    let value = match c.peek() {
        Some(Token::Text(text)) => {
            c.advance();
            OptionValue::Text(text.clone())
        }
        Some(Token::Number(text)) => {
            c.advance();
            OptionValue::Number(text.clone())
        }
        Some(Token::Symbol("-")) if matches!(c.peek_at(1), Some(Token::Number(_))) => {
            c.advance();
            let Some(Token::Number(text)) = c.peek() else { return Err(c.expected("a value", OPTION_FIX)) };
            c.advance();
            OptionValue::Number(format!("-{text}"))
        }
        Some(Token::Word { text, quoted: false }) if text == "true" || text == "false" => {
            c.advance();
            OptionValue::Boolean(text == "true")
        }
        Some(Token::Word { text, quoted: false }) if text == "interval" => match interval(c)?.kind {
            crate::ast::ExprKind::Interval(ms) => OptionValue::Interval(ms),
            _ => return Err(c.expected("a value", OPTION_FIX)),
        },
        Some(Token::Word { text, .. }) => {
            return Err(c.expected("a value", format!("texts stand in single quotes: '{text}'")));
        }
        _ => return Err(c.expected("a value", OPTION_FIX)),
    };
    Ok(OptionDef { name, name_span, value, value_span: value_start.to(c.last_span()) })
}

fn drop_object(c: &mut Cursor) -> Result<StatementKind, Fault> {
    c.advance();
    let kind = object_kind(c, "DROP")?;
    let if_exists = c.eat_words(&["if", "exists"]);
    let name = c.name(&format!("the name of {}", kind.with_article()))?;
    let delete_topic = c.eat_words(&["delete", "topic"]);
    if c.is_word("cascade") || c.is_word("restrict") {
        return Err(c.not_supported(c.span(), "CASCADE", "drop the objects that read it first; the error names them"));
    }
    Ok(StatementKind::Drop { kind, name, if_exists, delete_topic })
}

fn insert(c: &mut Cursor) -> Result<StatementKind, Fault> {
    c.advance();
    c.expect_word("into", "INSERT INTO stream VALUES (…)")?;
    let into: Ident = c.name("a stream")?;
    let mut columns = Vec::new();
    if c.eat_symbol("(") {
        columns = c.list(|c| c.name("a column"))?;
        c.expect_symbol(")", "")?;
    }
    if c.is_word("select") {
        return Err(c.not_supported(
            c.span(),
            "INSERT … SELECT",
            "declare the query: CREATE STREAM name WITH (topic = '…') AS SELECT …",
        ));
    }
    c.expect_word("values", "INSERT INTO stream (column, …) VALUES (value, …)")?;
    let rows = c.list(|c| {
        c.expect_symbol("(", "each row stands in parentheses")?;
        let row = c.list(expr)?;
        c.expect_symbol(")", "")?;
        Ok(row)
    })?;
    Ok(StatementKind::Insert { into, columns, rows })
}

fn show(c: &mut Cursor) -> Result<StatementKind, Fault> {
    let shows = [
        ("streams", Show::Objects(ObjectKind::Stream)),
        ("tables", Show::Objects(ObjectKind::Table)),
        ("sinks", Show::Objects(ObjectKind::Sink)),
        ("generators", Show::Objects(ObjectKind::Generator)),
        ("endpoints", Show::Objects(ObjectKind::Endpoint)),
        ("queries", Show::Queries),
        ("topics", Show::Topics),
    ];
    for (word, show) in shows {
        if c.eat_word(word) {
            return Ok(StatementKind::Show(show));
        }
    }
    let fix = match c.peek() {
        Some(Token::Word { text, .. }) => suggest::closest(text, shows.map(|(word, _)| word))
            .map_or(String::new(), |near| format!("did you mean `{}`?", near.to_uppercase())),
        _ => String::new(),
    };
    Err(c.expected("STREAMS, TABLES, SINKS, GENERATORS, ENDPOINTS, QUERIES or TOPICS", fix))
}
