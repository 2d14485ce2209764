//! Bound, typed expressions over the columns of a batch, with PostgreSQL's semantics.
//!
//! Owns: the expression tree, its construction with implicit casts, and its vectorised evaluation. Where an evaluation
//! fails, the batch is evaluated again in halves until the bad rows stand alone ([`eval_isolated`]); CASE, COALESCE,
//! AND and OR evaluate only the rows that they select. Never: resolves names of columns (`sql` does); reads a clock.

mod arithmetic;
mod boolean;
mod cast;
mod compare;
mod conditional;
mod eval;
mod function;
mod resolve;
mod text;
mod time;
mod volatile;

pub use cast::cast_column;
pub use eval::{EvalContext, EvalError, Evaluated, Isolated, RejectedRow, eval_isolated};
pub use function::{DatePart, Function};
pub use resolve::{Signature, TypeError};

use crate::data_type::{Type, Value};

/// A bound expression: columns are indices, every node has a type, every implicit cast is written out.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// The input column at `index`.
    Column {
        /// Position among the input's columns.
        index: usize,
        /// The column's type.
        ty: Type,
    },
    /// A constant.
    Literal {
        /// The value: NULL or of type `ty`.
        value: Value,
        /// The type.
        ty: Type,
    },
    /// A function or operator. Build it with [`Expr::call`], which resolves and casts.
    Call {
        /// What is called.
        function: Function,
        /// Arguments, already of the types that `function` wants.
        args: Vec<Expr>,
        /// The result's type.
        ty: Type,
    },
    /// CASE WHEN … THEN … ELSE … END.
    Case {
        /// Condition and result, in order; the first true condition decides.
        branches: Vec<(Expr, Expr)>,
        /// The ELSE result; NULL without.
        otherwise: Option<Box<Expr>>,
        /// The result's type.
        ty: Type,
    },
    /// The first argument that is not NULL.
    Coalesce {
        /// Arguments, all of type `ty`.
        args: Vec<Expr>,
        /// The result's type.
        ty: Type,
    },
    /// CAST(expr AS ty).
    Cast {
        /// What is cast.
        expr: Box<Expr>,
        /// To which type.
        ty: Type,
    },
}

impl Expr {
    /// The input column at `index`.
    #[must_use]
    pub fn column(index: usize, ty: Type) -> Self {
        Expr::Column { index, ty }
    }

    /// A constant. NULL and TEXT constants take the type that their context wants, as PostgreSQL's unknown literals do.
    #[must_use]
    pub fn literal(value: Value) -> Self {
        let ty = value.ty().unwrap_or(Type::Text);
        Expr::Literal { value, ty }
    }

    /// NULL of no particular type (TEXT where nothing decides).
    #[must_use]
    pub fn null() -> Self {
        Expr::literal(Value::Null)
    }

    /// The type of the result.
    #[must_use]
    pub fn ty(&self) -> Type {
        match self {
            Expr::Column { ty, .. }
            | Expr::Literal { ty, .. }
            | Expr::Call { ty, .. }
            | Expr::Case { ty, .. }
            | Expr::Coalesce { ty, .. }
            | Expr::Cast { ty, .. } => *ty,
        }
    }

    /// Calls a function or operator by its SQL name: `+`, `<=`, `||`, `and`, `not`, `is null`, `like`, `length`, …
    /// ([`Function::names`] lists all). Casts the arguments where PostgreSQL would.
    pub fn call(name: &str, args: Vec<Expr>) -> Result<Expr, TypeError> {
        let types: Vec<Option<Type>> = args.iter().map(Expr::decided_type).collect();
        let part = match args.first() {
            Some(Expr::Literal { value: Value::Text(text), .. }) => Some(&**text),
            _ => None,
        };
        let signature = resolve::resolve(name, &types, part)?;
        let args = args
            .into_iter()
            .zip(&signature.args)
            .map(|(arg, wanted)| arg.coerced(*wanted))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Expr::Call { function: signature.function, args, ty: signature.ty })
    }

    /// EXTRACT(part FROM expr).
    pub fn extract(part: DatePart, expr: Expr) -> Result<Expr, TypeError> {
        let expr = expr.coerced(Type::Timestamp)?;
        Ok(Expr::Call { function: Function::Extract(part), args: vec![expr], ty: part.ty() })
    }

    /// CASE WHEN condition THEN result … ELSE otherwise END.
    pub fn case(branches: Vec<(Expr, Expr)>, otherwise: Option<Expr>) -> Result<Expr, TypeError> {
        let results = branches.iter().map(|(_, result)| result).chain(&otherwise);
        let ty = resolve::common_type("CASE", results.map(Expr::decided_type))?;
        let branches = branches
            .into_iter()
            .map(|(condition, result)| Ok((condition.coerced(Type::Boolean)?, result.coerced(ty)?)))
            .collect::<Result<Vec<_>, TypeError>>()?;
        let otherwise = otherwise.map(|expr| expr.coerced(ty)).transpose()?.map(Box::new);
        Ok(Expr::Case { branches, otherwise, ty })
    }

    /// COALESCE(args…).
    pub fn coalesce(args: Vec<Expr>) -> Result<Expr, TypeError> {
        let ty = resolve::common_type("COALESCE", args.iter().map(Expr::decided_type))?;
        let args = args.into_iter().map(|arg| arg.coerced(ty)).collect::<Result<Vec<_>, _>>()?;
        Ok(Expr::Coalesce { args, ty })
    }

    /// CAST(self AS ty), as written by the user: every cast that exists is allowed.
    pub fn cast(self, ty: Type) -> Result<Expr, TypeError> {
        if self.is_undecided() {
            return self.coerced(ty);
        }
        let from = self.ty();
        if from == ty {
            Ok(self)
        } else if cast::exists(from, ty) {
            Ok(Expr::Cast { expr: Box::new(self), ty })
        } else {
            Err(TypeError::NoCast { from, to: ty })
        }
    }

    /// This expression where a `ty` is wanted: unchanged, with an implicit widening cast, or an error.
    pub fn coerced(self, ty: Type) -> Result<Expr, TypeError> {
        match self {
            Expr::Literal { value: Value::Null, .. } => Ok(Expr::Literal { value: Value::Null, ty }),
            Expr::Literal { value: Value::Text(text), ty: Type::Text } if ty != Type::Text => {
                match cast::text_to_value(&text, ty) {
                    Ok(value) => Ok(Expr::Literal { value, ty }),
                    Err(error) => Err(TypeError::InvalidLiteral { text: text.to_string(), ty, reason: error.reason }),
                }
            }
            expr if expr.ty() == ty => Ok(expr),
            expr if resolve::widens(expr.ty(), ty) => match &expr {
                Expr::Literal { value, .. } => match cast::cast_value(value, ty) {
                    Ok(value) => Ok(Expr::Literal { value, ty }),
                    Err(_) => Ok(Expr::Cast { expr: Box::new(expr), ty }),
                },
                _ => Ok(Expr::Cast { expr: Box::new(expr), ty }),
            },
            expr => Err(TypeError::NoCast { from: expr.ty(), to: ty }),
        }
    }

    /// True for a constant whose type its context decides: NULL and bare text.
    fn is_undecided(&self) -> bool {
        matches!(
            self,
            Expr::Literal { value: Value::Null, .. } | Expr::Literal { value: Value::Text(_), ty: Type::Text }
        )
    }

    fn decided_type(&self) -> Option<Type> {
        (!self.is_undecided()).then(|| self.ty())
    }

    /// The direct sub-expressions.
    pub fn children(&self) -> Vec<&Expr> {
        match self {
            Expr::Column { .. } | Expr::Literal { .. } => Vec::new(),
            Expr::Call { args, .. } | Expr::Coalesce { args, .. } => args.iter().collect(),
            Expr::Case { branches, otherwise, .. } => {
                let mut all: Vec<&Expr> = branches.iter().flat_map(|(condition, result)| [condition, result]).collect();
                all.extend(otherwise.as_deref());
                all
            }
            Expr::Cast { expr, .. } => vec![expr],
        }
    }

    /// The same expression with every column index replaced by what `map` gives.
    #[must_use]
    pub fn map_columns(&self, map: &dyn Fn(usize) -> Expr) -> Expr {
        let all = |args: &[Expr]| args.iter().map(|arg| arg.map_columns(map)).collect();
        match self {
            Expr::Column { index, .. } => map(*index),
            Expr::Literal { .. } => self.clone(),
            Expr::Call { function, args, ty } => Expr::Call { function: *function, args: all(args), ty: *ty },
            Expr::Case { branches, otherwise, ty } => Expr::Case {
                branches: branches.iter().map(|(c, r)| (c.map_columns(map), r.map_columns(map))).collect(),
                otherwise: otherwise.as_ref().map(|expr| Box::new(expr.map_columns(map))),
                ty: *ty,
            },
            Expr::Coalesce { args, ty } => Expr::Coalesce { args: all(args), ty: *ty },
            Expr::Cast { expr, ty } => Expr::Cast { expr: Box::new(expr.map_columns(map)), ty: *ty },
        }
    }

    /// The input columns that this expression reads, ascending, each once.
    #[must_use]
    pub fn columns(&self) -> Vec<usize> {
        fn collect(expr: &Expr, into: &mut Vec<usize>) {
            if let Expr::Column { index, .. } = expr {
                into.push(*index);
            }
            for child in expr.children() {
                collect(child, into);
            }
        }
        let mut columns = Vec::new();
        collect(self, &mut columns);
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// True when the result may differ between two evaluations of the same row (`now()`, `pick`, `random_int`, …).
    #[must_use]
    pub fn is_volatile(&self) -> bool {
        matches!(self, Expr::Call { function, .. } if function.is_volatile())
            || self.children().into_iter().any(Expr::is_volatile)
    }
}

#[cfg(test)]
mod tests;
