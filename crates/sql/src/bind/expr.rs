//! Expressions: the engine resolves functions and casts; this puts its refusals under a caret.

use engine::aggregate::AggregateFunction;
use engine::expr::TypeError;
use engine::{DatePart, Expr, Function, Type, Value};

use super::grouping::Grouping;
use super::scope::Scope;
use crate::ast::{self, BinaryOp, DataType, ExprKind, IsWhat, Statement, UnaryOp};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::suggest;

/// The engine's name for a declared type.
pub(super) fn engine_type(data_type: DataType) -> Type {
    match data_type {
        DataType::Boolean => Type::Boolean,
        DataType::Int => Type::Int,
        DataType::BigInt => Type::BigInt,
        DataType::Double => Type::Double,
        DataType::Text => Type::Text,
        DataType::Bytes => Type::Bytes,
        DataType::Timestamp => Type::Timestamp,
    }
}

/// Binds the expressions of one clause.
pub(super) struct Binder<'a> {
    pub(super) statement: &'a Statement,
    pub(super) scope: &'a Scope,
    /// Inside a grouped select list: columns are group columns, and aggregates are allowed.
    pub(super) grouping: Option<&'a mut Grouping>,
    /// `param()` has a request to ask.
    pub(super) params: bool,
    /// What this clause is, for the error about an aggregate in it.
    pub(super) clause: &'static str,
}

type Bound = Result<Expr, Box<Diagnostic>>;

impl<'a> Binder<'a> {
    pub(super) fn new(statement: &'a Statement, scope: &'a Scope, clause: &'static str) -> Self {
        Self { statement, scope, grouping: None, params: false, clause }
    }

    pub(super) fn with_params(mut self, params: bool) -> Self {
        self.params = params;
        self
    }

    /// An expression of any type.
    pub(super) fn any(&mut self, expr: &ast::Expr) -> Result<Expr, Diagnostic> {
        self.bind(expr).map_err(|problem| *problem)
    }

    /// A condition.
    pub(super) fn condition(&mut self, expr: &ast::Expr) -> Result<Expr, Diagnostic> {
        let bound = self.any(expr)?;
        let found = bound.ty();
        bound.coerced(Type::Boolean).map_err(|_| {
            let cause = format!("{} wants a condition, found {found}", self.clause);
            self.statement.error(expr.span, Code::Type, cause, "compare it with something")
        })
    }

    fn error(&self, span: Span, code: Code, cause: impl Into<String>, fix: impl Into<String>) -> Box<Diagnostic> {
        Box::new(self.statement.error(span, code, cause, fix))
    }

    fn bind(&mut self, expr: &ast::Expr) -> Bound {
        if let Some(column) = self.group_column(expr) {
            return Ok(column);
        }
        let span = expr.span;
        match &expr.kind {
            ExprKind::Column { qualifier, name } => self.column(qualifier.as_ref(), name),
            ExprKind::Null => Ok(Expr::null()),
            ExprKind::Boolean(value) => Ok(Expr::literal(Value::Boolean(*value))),
            ExprKind::Text(text) => Ok(Expr::literal(Value::text(text))),
            ExprKind::Interval(ms) => Ok(Expr::literal(Value::Interval(*ms))),
            ExprKind::Number(text) => {
                let value = number(text).ok_or_else(|| {
                    self.error(
                        span,
                        Code::Value,
                        format!("the number {text} is out of range"),
                        "write it with a decimal point",
                    )
                })?;
                Ok(Expr::literal(value))
            }
            ExprKind::Timestamp(text) => {
                engine::instant::parse(text).map(|ms| Expr::literal(Value::Timestamp(ms))).ok_or_else(|| {
                    self.error(
                        span,
                        Code::Value,
                        format!("'{text}' is not an instant"),
                        "write for example '2022-06-09T00:00:05Z'",
                    )
                })
            }
            ExprKind::Unary { op, expr: inner } => {
                let bound = self.bind(inner)?;
                match op {
                    UnaryOp::Not => self.call("not", vec![bound], span),
                    UnaryOp::Minus => self.call("negate", vec![bound], span),
                    UnaryOp::Plus if bound.ty().is_numeric() => Ok(bound),
                    UnaryOp::Plus => {
                        Err(self.error(span, Code::Type, format!("`+` wants a number, found {}", bound.ty()), ""))
                    }
                }
            }
            ExprKind::Binary { op, op_span, left, right } => {
                let (left_span, right_span) = (left.span, right.span);
                let args = vec![self.bind(left)?, self.bind(right)?];
                self.operator(*op, *op_span, args, left_span.to(right_span))
            }
            ExprKind::Is { expr: inner, what, negated } => {
                let name = match (what, negated) {
                    (IsWhat::Null, false) => "is null",
                    (IsWhat::Null, true) => "is not null",
                    (IsWhat::True, false) => "is true",
                    (IsWhat::True, true) => "is not true",
                    (IsWhat::False, false) => "is false",
                    (IsWhat::False, true) => "is not false",
                };
                let bound = self.bind(inner)?;
                self.call(name, vec![bound], span)
            }
            ExprKind::Between { expr: inner, low, high, negated } => {
                let value = self.bind(inner)?;
                let (low, high) = (self.bind(low)?, self.bind(high)?);
                let above = self.call(">=", vec![value.clone(), low], span)?;
                let below = self.call("<=", vec![value, high], span)?;
                let both = self.call("and", vec![above, below], span)?;
                if *negated { self.call("not", vec![both], span) } else { Ok(both) }
            }
            ExprKind::In { expr: inner, list, negated } => {
                let value = self.bind(inner)?;
                let mut alternatives = Vec::with_capacity(list.len());
                for item in list {
                    let item = self.bind(item)?;
                    alternatives.push(self.call("=", vec![value.clone(), item], span)?);
                }
                let any = self.any_of(alternatives, span)?;
                if *negated { self.call("not", vec![any], span) } else { Ok(any) }
            }
            ExprKind::Like { expr: inner, pattern, negated, case_insensitive } => {
                let args = vec![self.bind(inner)?, self.bind(pattern)?];
                let like = self.call(if *case_insensitive { "ilike" } else { "like" }, args, span)?;
                if *negated { self.call("not", vec![like], span) } else { Ok(like) }
            }
            ExprKind::Case { operand, branches, otherwise } => {
                let operand = operand.as_ref().map(|operand| self.bind(operand)).transpose()?;
                let mut bound = Vec::with_capacity(branches.len());
                for (when, then) in branches {
                    let condition = match &operand {
                        Some(operand) => {
                            let value = self.bind(when)?;
                            self.call("=", vec![operand.clone(), value], when.span)?
                        }
                        None => self.bind(when)?,
                    };
                    bound.push((condition, self.bind(then)?));
                }
                let otherwise = otherwise.as_ref().map(|otherwise| self.bind(otherwise)).transpose()?;
                Expr::case(bound, otherwise).map_err(|error| self.type_error(error, span))
            }
            ExprKind::Cast { expr: inner, to } => {
                let bound = self.bind(inner)?;
                let (from, to) = (bound.ty(), engine_type(*to));
                bound.cast(to).map_err(|error| match error {
                    TypeError::NoCast { .. } => {
                        self.error(span, Code::Type, format!("{from} cannot be cast to {to}"), "")
                    }
                    other => self.type_error(other, span),
                })
            }
            ExprKind::Call(call) => self.function(call, span),
        }
    }

    /// OR over many alternatives, as a tree that stays flat.
    fn any_of(&self, mut alternatives: Vec<Expr>, span: Span) -> Bound {
        while alternatives.len() > 1 {
            let mut next = Vec::with_capacity(alternatives.len() / 2 + 1);
            let mut pairs = alternatives.into_iter();
            while let Some(left) = pairs.next() {
                next.push(match pairs.next() {
                    Some(right) => self.call("or", vec![left, right], span)?,
                    None => left,
                });
            }
            alternatives = next;
        }
        Ok(alternatives.pop().unwrap_or_else(|| Expr::literal(Value::Boolean(false))))
    }

    fn column(&mut self, qualifier: Option<&ast::Ident>, name: &ast::Ident) -> Bound {
        if let Some(grouping) = &self.grouping {
            // The column exists, but this row stands for many of its values.
            if self.scope.resolve(self.statement, qualifier, name).is_ok() {
                let cause = format!("column `{}` must stand in GROUP BY or inside an aggregate", name.text);
                let fix = if grouping.is_explicit() {
                    format!("add it to GROUP BY, or write for example latest_by_offset({})", name.written)
                } else {
                    format!("add GROUP BY {}", name.written)
                };
                return Err(self.error(name.span, Code::Grouping, cause, fix));
            }
        }
        self.scope.resolve(self.statement, qualifier, name).map_err(Box::new)
    }

    fn group_column(&self, expr: &ast::Expr) -> Option<Expr> {
        let grouping = self.grouping.as_deref()?;
        if let ExprKind::Column { qualifier: None, name } = &expr.kind
            && let Some(column) = grouping.window_column(&name.text)
        {
            return Some(column);
        }
        if matches!(expr.kind, ExprKind::Null | ExprKind::Number(_) | ExprKind::Text(_) | ExprKind::Boolean(_)) {
            return None;
        }
        let bound = Binder::new(self.statement, self.scope, self.clause).bind(expr).ok()?;
        grouping.column_of(&bound)
    }

    fn function(&mut self, call: &ast::Call, span: Span) -> Bound {
        let name = call.name.text.as_str();
        if AggregateFunction::named(name).is_some() {
            return self.aggregate(call, span);
        }
        if call.star || call.distinct || call.filter.is_some() || !call.order_by.is_empty() {
            let cause = format!("`{name}` is no aggregate, so it takes no `*`, DISTINCT, ORDER BY or FILTER");
            return Err(self.error(span, Code::UnknownFunction, cause, ""));
        }
        if name == "param" && !self.params {
            let cause = "param() is the parameter of a request, and there is none here";
            return Err(self.error(span, Code::UnknownFunction, cause, "it stands in CREATE ENDPOINT"));
        }
        let mut args = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            args.push(self.bind(arg)?);
        }
        match name {
            "coalesce" if !args.is_empty() => Expr::coalesce(args).map_err(|error| self.type_error(error, span)),
            "extract" => {
                let [ast::Expr { kind: ExprKind::Text(field), span: field_span }, _] = &call.args[..] else {
                    return Err(self.error(
                        span,
                        Code::UnknownFunction,
                        "extract takes a field and a timestamp",
                        "write extract(hour FROM date)",
                    ));
                };
                let part = DatePart::parse(field).ok_or_else(|| {
                    let fields = [
                        "year",
                        "quarter",
                        "month",
                        "week",
                        "day",
                        "dow",
                        "isodow",
                        "doy",
                        "hour",
                        "minute",
                        "second",
                        "milliseconds",
                        "epoch",
                    ];
                    self.error(
                        *field_span,
                        Code::Value,
                        format!("unknown field `{field}`"),
                        suggest::did_you_mean(field, fields),
                    )
                })?;
                let timestamp = args.remove(1);
                Expr::extract(part, timestamp).map_err(|error| self.type_error(error, call.args[1].span))
            }
            // Names that only operators have must not be callable as functions.
            _ if !Function::names().any(|known| known == name) => Err(self.unknown_function(name, call.name.span)),
            _ => self.call(name, args, span),
        }
    }

    fn unknown_function(&self, name: &str, span: Span) -> Box<Diagnostic> {
        let known = Function::names().chain(AggregateFunction::names()).chain(["coalesce", "extract"]);
        let fix = match (name, suggest::closest(name, known)) {
            ("len", _) => "did you mean `length`?".to_string(),
            ("ifnull" | "nvl", _) => "write coalesce(a, b)".to_string(),
            ("if" | "iff", _) => "write CASE WHEN condition THEN a ELSE b END".to_string(),
            ("topk" | "count_distinct" | "collect_list" | "collect_set" | "histogram" | "percentile", _) => {
                "aggregates are count, sum, min, max, avg, earliest_by_offset and latest_by_offset".to_string()
            }
            (_, Some(near)) => format!("did you mean `{near}`?"),
            _ => String::new(),
        };
        self.error(span, Code::UnknownFunction, format!("unknown function `{name}`"), fix)
    }

    fn aggregate(&mut self, call: &ast::Call, span: Span) -> Bound {
        let name = call.name.text.as_str();
        if call.distinct {
            let cause = format!("{name}(DISTINCT …) is not supported");
            return Err(self.error(span, Code::NotSupported, cause, "GROUP BY the column and count in the reader"));
        }
        if call.star && name != "count" {
            return Err(self.error(
                span,
                Code::UnknownFunction,
                format!("`{name}` does not take `*`"),
                "only count(*) does",
            ));
        }
        if self.grouping.is_none() {
            let cause = format!("the aggregate `{name}` cannot stand in {}", self.clause);
            let fix = if self.clause == "WHERE" { "WHERE chooses rows before they are grouped" } else { "" };
            return Err(self.error(span, Code::Grouping, cause, fix));
        }
        // Arguments are over the rows that go in, not over the groups.
        let mut inner =
            Binder::new(self.statement, self.scope, "the argument of an aggregate").with_params(self.params);
        let mut args = Vec::new();
        for arg in &call.args {
            args.push(inner.bind(arg)?);
        }
        let mut order_by = Vec::new();
        for key in &call.order_by {
            order_by.push(engine::aggregate::SortKey {
                expr: inner.bind(&key.expr)?,
                descending: key.descending,
                nulls_first: key.nulls_first,
            });
        }
        if let Some(filter) = &call.filter {
            inner.clause = "FILTER";
            let condition = inner.condition(filter)?;
            if args.len() > 1 {
                return Err(self.error(
                    filter.span,
                    Code::NotSupported,
                    format!("FILTER for `{name}` is not supported"),
                    "filter with WHERE",
                ));
            }
            // Rows that FILTER leaves out are NULL, which every aggregate of one argument skips.
            let value = args.pop().unwrap_or_else(|| Expr::literal(Value::Int(1)));
            args.push(Expr::case(vec![(condition, value)], None).map_err(|error| self.type_error(error, span))?);
        }
        let bound = engine::AggregateCall::new(name, args, order_by).map_err(|error| self.type_error(error, span))?;
        match self.grouping.as_deref_mut() {
            Some(grouping) => Ok(grouping.call(bound)),
            None => Err(self.error(span, Code::Grouping, "an aggregate cannot stand here", "")),
        }
    }

    fn call(&self, name: &str, args: Vec<Expr>, span: Span) -> Bound {
        Expr::call(name, args).map_err(|error| self.type_error(error, span))
    }

    fn operator(&self, op: BinaryOp, op_span: Span, args: Vec<Expr>, whole: Span) -> Bound {
        let name = match op {
            BinaryOp::Or => "or",
            BinaryOp::And => "and",
            BinaryOp::IsDistinctFrom => "is distinct from",
            BinaryOp::IsNotDistinctFrom => "is not distinct from",
            other => other.symbol(),
        };
        let types: Vec<String> = args.iter().map(|arg| arg.ty().to_string()).collect();
        Expr::call(name, args).map_err(|error| match error {
            TypeError::Arguments { takes, .. } => {
                let cause = format!("`{}` does not go with {} and {}", op.symbol(), types[0], types[1]);
                let fix = match (op, types[0].as_str(), types[1].as_str()) {
                    (BinaryOp::Add, "TEXT", _) | (BinaryOp::Add, _, "TEXT") => "texts are joined by `||`".to_string(),
                    (BinaryOp::Concat, ..) => "write CAST(… AS TEXT)".to_string(),
                    _ => format!("it takes {takes}; CAST one side to the other's type"),
                };
                self.error(op_span, Code::Type, cause, fix)
            }
            other => self.type_error(other, whole),
        })
    }

    /// An engine's refusal, under a caret.
    pub(super) fn type_error(&self, error: TypeError, span: Span) -> Box<Diagnostic> {
        match error {
            TypeError::UnknownFunction { name } => self.unknown_function(&name, span),
            TypeError::Arguments { name, given, takes } => {
                let given: Vec<&str> = given.iter().map(|ty| ty.map_or("a literal", Type::name)).collect();
                let cause = format!("`{name}` does not take ({})", given.join(", "));
                self.error(span, Code::UnknownFunction, cause, format!("it takes {takes}"))
            }
            TypeError::NoCast { from, to } => {
                self.error(span, Code::Type, format!("expected {to}, found {from}"), format!("write CAST(… AS {to})"))
            }
            TypeError::NoCommonType { what, left, right } => {
                let cause = format!("{what} mixes {left} and {right}");
                self.error(span, Code::Type, cause, "CAST one of them to the other's type")
            }
            TypeError::InvalidLiteral { text, ty, reason } => {
                let fix = match ty {
                    Type::Timestamp => "write for example '2022-06-09T00:00:05Z'",
                    Type::Interval => "write INTERVAL '5 seconds'",
                    _ => "",
                };
                let cause = if reason.contains(&text) { reason } else { format!("'{text}' is no {ty}: {reason}") };
                self.error(span, Code::Value, cause, fix)
            }
        }
    }
}

/// A number as PostgreSQL types it: INT if it fits, else BIGINT; DOUBLE with a point or exponent. `None`: too large.
pub(super) fn number(text: &str) -> Option<Value> {
    if text.bytes().any(|b| matches!(b, b'.' | b'e' | b'E')) {
        return text.parse::<f64>().ok().filter(|v| v.is_finite()).map(Value::Double);
    }
    let n: i64 = text.parse().ok()?;
    Some(i32::try_from(n).map_or(Value::BigInt(n), Value::Int))
}
