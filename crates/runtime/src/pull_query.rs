//! Pull queries: SELECT, and endpoints that read. The answer is that of one moment between two supersteps.

use std::collections::BTreeMap;

use arrow_array::ArrayRef;
use engine::expr::EvalContext;
use engine::pull::{PullAnswer, PullOutput as EngineOutput, PullQuery as EngineQuery, pull};
use engine::store::StoreReader;
use engine::{Type, Value};
use format::{Encoder, TimestampText, ValueFormat};
use sql::catalog::{Body, PullOutput, PullQuery};

use crate::instance::Instance;
use crate::look::offsets_of;
use crate::outcome::{ErrorKind, RuntimeError};
use crate::status::{Column, ColumnRole, Offsets, Row};
use crate::table_view::json;

/// The answer to a pull query, for people.
pub(crate) struct Answer {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
    pub(crate) offsets: Offsets,
}

impl Instance {
    /// Answers a query, with instants as `Instant.toString`.
    pub(crate) fn pull(&self, query: &PullQuery, params: &BTreeMap<String, String>) -> Result<Answer, RuntimeError> {
        let (answer, offsets) = self.answer(query, params)?;
        let columns = query.columns();
        let rows = (0..answer.rows)
            .map(|row| {
                let values = answer.columns.iter().zip(&columns);
                values.map(|(column, (_, ty))| json(&Value::at(column, *ty, row))).collect()
            })
            .collect();
        let columns = columns
            .into_iter()
            .map(|(name, ty)| Column { name, data_type: ty.name().to_owned(), role: ColumnRole::Value })
            .collect();
        Ok(Answer { columns, rows, offsets })
    }

    /// Answers a query as the user's endpoints do: one object (`object_agg`) as it is, anything else as a list of rows.
    pub(crate) fn pull_json(
        &self,
        query: &PullQuery,
        params: &BTreeMap<String, String>,
    ) -> Result<String, RuntimeError> {
        let (answer, _) = self.answer(query, params)?;
        let columns = query.columns();
        if let ([(_, Type::Object)], 1) = (&*columns, answer.rows) {
            return Ok(Value::at(&answer.columns[0], Type::Object, 0).to_string());
        }
        let internal = |e: format::FormatError| RuntimeError::new(ErrorKind::Internal, "internal", e.to_string());
        let encoder = Encoder::compile(ValueFormat::Json, &columns).map_err(internal)?;
        let encoder = encoder.with_timestamps(TimestampText::OffsetDateTime);
        let mut out = vec![b'['];
        for row in 0..answer.rows {
            if row > 0 {
                out.push(b',');
            }
            encoder.write_row(&mut out, &answer.columns, row);
        }
        out.push(b']');
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    fn answer(
        &self,
        query: &PullQuery,
        params: &BTreeMap<String, String>,
    ) -> Result<(PullAnswer, Offsets), RuntimeError> {
        let context = EvalContext::new(self.now_ms(), fastrand::u64(..))
            .with_params(params.iter().map(|(name, value)| (name.clone(), value.clone())).collect());
        let (columns, rows, offsets) = match &query.table {
            Some(table) => self.table_rows(table)?,
            None => (Vec::new(), 1, Offsets::new()),
        };
        let output = match &query.output {
            PullOutput::Rows(columns) => EngineOutput::Rows(columns.iter().map(|(_, expr)| expr).collect()),
            PullOutput::Groups { group, calls, columns } => EngineOutput::Groups {
                group: group.iter().map(|(_, expr)| expr).collect(),
                calls: calls.iter().map(|(_, call)| call).collect(),
                columns: columns.iter().map(|(_, expr)| expr).collect(),
            },
        };
        let pulled =
            EngineQuery { filter: query.filter.as_ref(), output, order_by: &query.order_by, limit: query.limit };
        let answer = pull(&pulled, &columns, rows, &context)
            .map_err(|e| RuntimeError::new(ErrorKind::Invalid, "bad_value", e.to_string()))?;
        Ok((answer, offsets))
    }

    /// The rows of a table's store; none while its query starts.
    fn table_rows(&self, table: &str) -> Result<(Vec<ArrayRef>, usize, Offsets), RuntimeError> {
        let (query, _) = self.find_table(table)?;
        let snapshot = {
            let readers = query.shared().readers.read();
            readers.iter().find(|reader| reader.name() == table).map(StoreReader::snapshot)
        };
        if let Some(snapshot) = snapshot {
            let batch = snapshot.rows();
            let rows = batch.rows();
            return Ok((batch.columns, rows, offsets_of(&snapshot)));
        }
        let state = self.state.read();
        let types = match state.catalog.get(table).map(|object| &object.body) {
            Some(Body::Table(table)) => table.store_schema().types(),
            _ => Vec::new(),
        };
        Ok((types.iter().map(|ty| ty.empty()).collect(), 0, Offsets::new()))
    }
}
