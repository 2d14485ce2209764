//! What a grouped select list can name: group columns, the window's bounds, aggregates.

use engine::{AggregateCall, Expr, Type};

/// The row that stands for a group: group columns, then `window_start` and `window_end` if windowed, then the calls
/// found so far.
pub(super) struct Grouping {
    group: Vec<Expr>,
    windowed: bool,
    explicit: bool,
    calls: Vec<AggregateCall>,
}

impl Grouping {
    /// `explicit`: there is a GROUP BY.
    pub(super) fn new(group: Vec<Expr>, windowed: bool, explicit: bool) -> Self {
        Self { group, windowed, explicit, calls: Vec::new() }
    }

    pub(super) fn is_explicit(&self) -> bool {
        self.explicit
    }

    /// `window_start` or `window_end` of the group.
    pub(super) fn window_column(&self, name: &str) -> Option<Expr> {
        let at = match name {
            _ if !self.windowed => return None,
            "window_start" => 0,
            "window_end" => 1,
            _ => return None,
        };
        Some(Expr::column(self.group.len() + at, Type::Timestamp))
    }

    /// The group column that equals `expr`.
    pub(super) fn column_of(&self, expr: &Expr) -> Option<Expr> {
        self.group.iter().position(|group| group == expr).map(|index| Expr::column(index, expr.ty()))
    }

    /// The column of an aggregate; the same aggregate twice is computed once.
    pub(super) fn call(&mut self, call: AggregateCall) -> Expr {
        let ty = call.ty;
        let index = self.calls.iter().position(|known| *known == call).unwrap_or_else(|| {
            self.calls.push(call);
            self.calls.len() - 1
        });
        let first = self.group.len() + if self.windowed { 2 } else { 0 };
        Expr::column(first + index, ty)
    }

    pub(super) fn into_calls(self) -> Vec<AggregateCall> {
        self.calls
    }
}
