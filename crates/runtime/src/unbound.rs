//! Statements of the log that this program cannot bind any more: kept, shown as failed queries with the reason, and dropped by
//! their names. All others run.
//!
//! Never: touches what they have left behind. Topics, changelogs and offsets are as they were, until somebody drops them or
//! declares others of their names.

use crate::instance::Instance;
use crate::outcome::RuntimeError;
use crate::statement_log::LoggedStatement;
use crate::status::{Facts, QueryError, QueryKind, QueryState, QueryStatus, StatementInfo};

/// A statement, and why it does not run.
#[derive(Clone, Debug)]
pub(crate) struct Unbound {
    pub(crate) logged: LoggedStatement,
    pub(crate) cause: String,
}

impl Unbound {
    pub(crate) fn is_table(&self) -> bool {
        self.logged.kind == "table"
    }

    /// What to write.
    pub(crate) fn drop_statement(&self) -> String {
        format!("DROP {} {}", self.logged.kind.to_uppercase(), self.logged.name)
    }

    fn status(&self, instance: &str) -> QueryStatus {
        let LoggedStatement { offset, name, kind, sql, .. } = self.logged.clone();
        let kind = match kind.as_str() {
            "table" => QueryKind::Table,
            "sink" => QueryKind::Sink,
            _ => QueryKind::Stream,
        };
        QueryStatus {
            id: format!("{name}.{offset}"),
            kind,
            state: QueryState::Failed,
            error: Some(QueryError {
                code: "does_not_bind".to_owned(),
                cause: self.cause.clone(),
                fix: Some(format!("{}, then create it anew; or run the version that knew it", self.drop_statement())),
            }),
            application_id: format!("{instance}-{name}"),
            statements: vec![StatementInfo { name: name.clone(), kind, sql }],
            reads: Vec::new(),
            writes: Vec::new(),
            dead_letters: format!("{name}-dlq"),
            columns: Vec::new(),
            window: None,
            filter: None,
            facts: Facts::default(),
            name,
        }
    }
}

impl Instance {
    /// Those that do not run, as queries, by name.
    pub(crate) fn unbound(&self) -> Vec<QueryStatus> {
        let instance = &self.options.instance_name;
        self.state.read().unbound.values().map(|unbound| unbound.status(instance)).collect()
    }

    pub(crate) fn keep_unbound(&self, logged: LoggedStatement, cause: String) {
        let unbound = Unbound { logged, cause };
        let (name, offset) = (unbound.logged.name.clone(), unbound.logged.offset);
        tracing::error!(
            statement = name,
            offset,
            fix = unbound.drop_statement(),
            "a statement of the log does not run, all others do: {}",
            unbound.cause
        );
        self.state.write().unbound.insert(name, unbound);
    }

    /// What those that do not run were waiting for may be there now.
    pub(crate) fn bind_again(&self) -> Result<(), RuntimeError> {
        let mut waiting: Vec<LoggedStatement> = self.state.read().unbound.values().map(|u| u.logged.clone()).collect();
        waiting.sort_by_key(|logged| logged.offset);
        let mut bound = false;
        for logged in waiting {
            bound |= self.bring_up(&logged)?.is_ok();
        }
        if bound { self.reconcile() } else { Ok(()) }
    }

    pub(crate) fn drop_unbound(&self, name: &str) -> Result<(), RuntimeError> {
        self.log.remove(name, self.now_ms()).map_err(crate::statements::connect_error)?;
        self.state.write().unbound.remove(name);
        self.objects_changed();
        Ok(())
    }
}
