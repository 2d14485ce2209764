//! Expressions as data: resolution.
use super::*;

#[test]
fn calls_resolve_and_cast() {
    let text = |expr: Result<Expr, TypeError>| match expr {
        Ok(expr) => expr.ty().name().to_owned(),
        Err(error) => error.to_string(),
    };
    let big = || Expr::column(0, Type::BigInt);
    assert_eq!(text(Expr::call(">", vec![big(), Expr::literal(Value::Int(100))])), "BOOLEAN");
    assert_eq!(text(Expr::call("+", vec![big(), Expr::literal(Value::Int(100))])), "BIGINT");
    assert_eq!(text(Expr::call("lenght", vec![big()])), "unknown function `lenght`");
}
