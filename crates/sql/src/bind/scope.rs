//! The columns that an expression can name.

use engine::plan::MetadataColumn;
use engine::{Expr, Type};

use crate::ast::{Ident, Statement};
use crate::catalog::{Body, Catalog, Object, Table};
use crate::diagnostic::{Code, Diagnostic};
use crate::suggest;

/// The columns that come with every record of a topic, under ksqlDB's names: they follow the columns of a stream that
/// has a topic.
pub const METADATA: [(&str, MetadataColumn); 4] = [
    ("rowtime", MetadataColumn::Timestamp),
    ("rowpartition", MetadataColumn::Partition),
    ("rowoffset", MetadataColumn::Offset),
    ("rowkey", MetadataColumn::Key),
];

/// The columns of one input.
pub(super) struct Scope {
    /// What a qualifier can be: the input's name and its alias.
    names: Vec<String>,
    /// The input's columns, which `*` yields.
    pub(super) columns: Vec<(String, Expr)>,
    /// Columns that must be named to be seen.
    hidden: Vec<(String, Expr)>,
    /// The words of the error for `window_start` and `window_end`, where they might be expected.
    pub(super) window_hint: Option<&'static str>,
    /// Why `rowtime` and its like are not there.
    hidden_hint: &'static str,
}

impl Scope {
    /// No columns at all: a query of values.
    pub(super) fn empty() -> Self {
        Self { names: vec![], columns: vec![], hidden: vec![], window_hint: None, hidden_hint: "" }
    }

    /// The columns of a stream or table as a continuous query or a pull query sees them.
    pub(super) fn of(object: &Object, alias: Option<&Ident>) -> Self {
        let mut names = vec![object.name.clone()];
        names.extend(alias.map(|alias| alias.text.clone()));
        let mut scope = Self { names, ..Self::empty() };
        match &object.body {
            Body::Stream(stream) => {
                scope.columns = stream
                    .columns
                    .iter()
                    .enumerate()
                    .map(|(index, column)| (column.name.clone(), Expr::column(index, column.ty)))
                    .collect();
                if stream.topic.is_some() {
                    let first = stream.columns.len();
                    scope.hidden = METADATA
                        .iter()
                        .enumerate()
                        .map(|(i, (name, column))| (name.to_string(), Expr::column(first + i, column.ty())))
                        .collect();
                } else {
                    scope.hidden_hint = "it is a column of streams that have a topic";
                }
            }
            Body::Table(table) => {
                scope.columns = table.columns.clone();
                scope.hidden_hint = "a row of a table has no single record";
            }
            _ => {}
        }
        scope
    }

    /// Resolves a column.
    pub(super) fn resolve(
        &self,
        statement: &Statement,
        qualifier: Option<&Ident>,
        name: &Ident,
    ) -> Result<Expr, Diagnostic> {
        if let Some(qualifier) = qualifier
            && !self.names.contains(&qualifier.text)
        {
            let fix = suggest::did_you_mean(&qualifier.text, self.names.iter().map(String::as_str));
            let cause = format!("`{}` is not read here", qualifier.text);
            return Err(statement.error(qualifier.span, Code::UnknownColumn, cause, fix));
        }
        let all = || self.columns.iter().chain(&self.hidden);
        if let Some((_, expr)) = all().find(|(column, _)| *column == name.text) {
            return Ok(expr.clone());
        }
        let cause = format!("unknown column `{}`", name.text);
        let error = |fix: String| Err(statement.error(name.span, Code::UnknownColumn, cause.clone(), fix));
        if let Some(hint) = self.window_hint
            && (name.text == "window_start" || name.text == "window_end")
        {
            return error(hint.to_string());
        }
        if METADATA.iter().any(|(known, _)| *known == name.text) && !self.hidden_hint.is_empty() {
            return error(self.hidden_hint.to_string());
        }
        // The same name in another case: it was quoted where it was declared.
        if let Some((column, _)) = all().find(|(column, _)| column.eq_ignore_ascii_case(&name.text)) {
            return error(format!("did you mean \"{column}\"? (names without quotes are folded to lower case)"));
        }
        if self.columns.is_empty() {
            return error("this query reads nothing: add FROM".to_string());
        }
        let candidates: Vec<&str> = self.columns.iter().map(|(column, _)| column.as_str()).collect();
        match suggest::closest(&name.text, all().map(|(column, _)| column.as_str())) {
            Some(near) => error(format!("did you mean `{near}`?")),
            None => error(suggest::choices(candidates)),
        }
    }
}

/// The table that a scope's columns come from, if it is one.
pub(super) fn table_of<'a>(catalog: &'a Catalog, name: &str) -> Option<&'a Table> {
    match &catalog.get(name)?.body {
        Body::Table(table) => Some(table),
        _ => None,
    }
}

/// Whether a column of that type can be written by the formats that there are.
pub(super) fn is_storable(ty: Type) -> bool {
    !matches!(ty, Type::Interval)
}
