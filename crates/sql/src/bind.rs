//! Statements to bound objects: names resolved, types checked, options understood.
//!
//! A bound object's expressions are the engine's, over the columns of its input; `topology` makes plans of them.
//! Binding is pure: the same statement against the same catalogue gives the same result. Never: changes the
//! catalogue.

mod create;
mod endpoint;
mod expr;
mod grouping;
mod query;
mod scope;
mod topic;

use engine::Value;

use crate::ast::{Ident, ObjectKind, Show, Statement, StatementKind};
use crate::catalog::{Body, Catalog, Object, PullQuery, Stream};
use crate::diagnostic::{Code, Diagnostic};
use crate::suggest;

pub use scope::METADATA;

/// A statement, understood.
#[derive(Debug, Clone)]
pub enum Bound {
    /// Declares an object.
    Create {
        /// The object, in its new form.
        object: Box<Object>,
        /// How it relates to what the catalogue has.
        change: Change,
        /// Doubts that do not stop it.
        warnings: Vec<Diagnostic>,
    },
    /// Ends an object.
    Drop {
        /// Its name; `None`: `IF EXISTS`, and there is none.
        name: Option<String>,
        /// Its topic, if that is to go too.
        delete_topic: Option<String>,
    },
    /// Writes rows into a stream.
    Insert(Insert),
    /// Lists.
    Show(Show),
    /// Describes an object.
    Describe(String),
    /// Answers from a table, or from nothing.
    Select(PullQuery),
    /// Tells what would happen, without doing it: the text to show.
    Explain(String),
}

/// How a declaration relates to what the catalogue has under its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The name is new.
    New,
    /// The same declaration is there: nothing to do.
    Same,
    /// A generator, sink or endpoint takes another form.
    Replaced,
}

/// Rows for a stream.
#[derive(Debug, Clone)]
pub struct Insert {
    /// The stream, which has a topic.
    pub stream: String,
    /// One value for each of the stream's columns, of its type; missing ones have taken their DEFAULT.
    pub rows: Vec<Vec<Value>>,
}

/// The SQL name of a declared type.
pub(crate) fn type_name(data_type: crate::ast::DataType) -> &'static str {
    expr::engine_type(data_type).name()
}

/// Binds a statement.
pub fn bind(statement: &Statement, catalog: &Catalog) -> Result<Bound, Diagnostic> {
    bind_kind(statement, &statement.kind, catalog)
}

fn bind_kind(statement: &Statement, kind: &StatementKind, catalog: &Catalog) -> Result<Bound, Diagnostic> {
    match kind {
        StatementKind::Create(create) => create::create(statement, create, catalog),
        StatementKind::Drop { kind, name, if_exists, delete_topic } => {
            drop_object(statement, *kind, name, *if_exists, *delete_topic, catalog)
        }
        StatementKind::Insert { into, columns, rows } => {
            create::insert(statement, into, columns, rows, catalog).map(Bound::Insert)
        }
        StatementKind::Show(show) => Ok(Bound::Show(*show)),
        StatementKind::Describe(name) => {
            object(statement, name, catalog).map(|object| Bound::Describe(object.name.clone()))
        }
        StatementKind::Select(select) => query::pull(statement, select, catalog, false).map(Bound::Select),
        StatementKind::Explain(inner) => match bind_kind(statement, inner, catalog)? {
            Bound::Create { object, .. } => Ok(Bound::Explain(crate::describe::explain(&object, catalog))),
            Bound::Select(pull) => Ok(Bound::Explain(crate::describe::explain_pull(&pull))),
            _ => Err(statement.error(statement.span, Code::NotSupported, "EXPLAIN is for CREATE … and SELECT", "")),
        },
    }
}

/// The object of that name, or an error that suggests another.
fn object<'a>(statement: &Statement, name: &Ident, catalog: &'a Catalog) -> Result<&'a Object, Diagnostic> {
    catalog.get(&name.text).ok_or_else(|| {
        let names: Vec<&str> = catalog.objects().map(|object| object.name.as_str()).collect();
        let fix = if names.is_empty() { String::new() } else { suggest::did_you_mean(&name.text, names) };
        statement.error(name.span, Code::UnknownObject, format!("there is no `{}`", name.text), fix)
    })
}

/// The stream or table that a query reads.
fn readable<'a>(statement: &Statement, name: &Ident, catalog: &'a Catalog) -> Result<&'a Object, Diagnostic> {
    if let Some(object) = catalog.get(&name.text) {
        if matches!(object.body, Body::Stream(_) | Body::Table(_)) {
            return Ok(object);
        }
        let cause = format!("`{}` is {}, which cannot be read", name.text, object.kind().with_article());
        let fix = match object.writes() {
            Some(stream) => format!("read the stream that it writes: `{stream}`"),
            None => "read a stream or a table".to_string(),
        };
        return Err(statement.error(name.span, Code::WrongKind, cause, fix));
    }
    let names: Vec<&str> = catalog
        .objects()
        .filter(|object| matches!(object.kind(), ObjectKind::Stream | ObjectKind::Table))
        .map(|object| object.name.as_str())
        .collect();
    let fix = if names.is_empty() {
        format!("declare it first: CREATE STREAM {} (column TYPE, …) WITH (topic = '…')", name.written)
    } else {
        suggest::did_you_mean(&name.text, names)
    };
    Err(statement.error(name.span, Code::UnknownObject, format!("there is no stream or table `{}`", name.text), fix))
}

/// The stream with a topic that a statement writes into.
fn writable<'a>(statement: &Statement, name: &Ident, catalog: &'a Catalog) -> Result<&'a Stream, Diagnostic> {
    let object = readable(statement, name, catalog)?;
    match &object.body {
        Body::Stream(stream) if stream.topic.is_some() && stream.query.is_none() => Ok(stream),
        Body::Stream(_) => {
            let cause = format!("`{}` is made by a query, so nothing else writes into it", name.text);
            Err(statement.error(name.span, Code::WrongKind, cause, "write into a stream that is declared over a topic"))
        }
        _ => {
            let cause = format!("`{}` is {}, not a stream", name.text, object.kind().with_article());
            Err(statement.error(name.span, Code::WrongKind, cause, "write into a stream that is declared over a topic"))
        }
    }
}

fn drop_object(
    statement: &Statement,
    kind: ObjectKind,
    name: &Ident,
    if_exists: bool,
    delete_topic: bool,
    catalog: &Catalog,
) -> Result<Bound, Diagnostic> {
    if if_exists && catalog.get(&name.text).is_none() {
        return Ok(Bound::Drop { name: None, delete_topic: None });
    }
    let object = object(statement, name, catalog)?;
    if object.kind() != kind {
        let cause = format!("`{}` is {}, not {}", name.text, object.kind().with_article(), kind.with_article());
        let fix = format!("write DROP {} {}", object.kind().name().to_uppercase(), name.written);
        return Err(statement.error(name.span, Code::WrongKind, cause, fix));
    }
    let users: Vec<String> = catalog
        .users_of(&name.text)
        .map(|user| format!("DROP {} {}", user.kind().name().to_uppercase(), user.name))
        .collect();
    if !users.is_empty() {
        let cause = format!("`{}` is in use", name.text);
        return Err(statement.error(name.span, Code::InUse, cause, format!("first {}", users.join("; "))));
    }
    let topic = object.topic().map(|topic| topic.name.clone());
    if delete_topic && topic.is_none() {
        let cause = format!("`{}` has no topic of its own to delete", name.text);
        return Err(statement.error(name.span, Code::BadOption, cause, "leave out DELETE TOPIC"));
    }
    Ok(Bound::Drop { name: Some(object.name.clone()), delete_topic: topic.filter(|_| delete_topic) })
}
