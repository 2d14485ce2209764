//! Every aggregate as data: rows in, result out, the same after its state was encoded, decoded and merged.

use super::*;
use crate::data_type::{Value, column};

fn check(name: &str, ty: Type, values: &[Value], expected: Value) {
    let call = AggregateCall::new(name, vec![Expr::column(0, ty)], Vec::new()).unwrap();
    let args = [column(ty, values)];
    let rows: Vec<u32> = (0..values.len() as u32).collect();
    let slots = vec![1; rows.len()];
    let mut whole = call.accumulator();
    whole.grow(2);
    whole.update(&args, &rows, &slots);
    assert_eq!(whole.value(1), expected, "{name} of {values:?}");
    assert_eq!(Value::at(&whole.read(&[1, 0]), call.ty, 0), expected, "{name} read of {values:?}");

    // Cut anywhere, the two parts merge to the same.
    for cut in 0..=rows.len() {
        let (mut left, mut right) = (call.accumulator(), call.accumulator());
        left.grow(1);
        right.grow(2);
        left.update(&args, &rows[..cut], &vec![0; cut]);
        right.update(&args, &rows[cut..], &slots[cut..]);
        left.merge(0, &*right, 1).unwrap();
        assert_eq!(left.value(0), expected, "{name} of {values:?} cut at {cut}");
    }

    let mut state = Vec::new();
    whole.encode(1, &mut state);
    let mut restored = call.accumulator();
    restored.grow(1);
    let mut input = &state[..];
    restored.decode(0, &mut input).unwrap();
    assert!(input.is_empty());
    assert_eq!(restored.value(0), expected, "{name} restored of {values:?}");
    for short in 0..state.len() {
        assert!(restored.decode(0, &mut &state[..short]).is_err(), "{name}: {short} bytes of {}", state.len());
    }
}

#[test]
fn aggregates() {
    use Value::{BigInt, Boolean, Double, Int, Interval, Null, Timestamp};
    let text = |text: &str| Value::text(text);
    check("count", Type::BigInt, &[BigInt(1), Null, BigInt(1)], BigInt(2));
    check("sum", Type::BigInt, &[BigInt(1), Null, BigInt(-3)], BigInt(-2));
    check("sum", Type::BigInt, &[Null], Null);
    check("sum", Type::Int, &[Int(i32::MAX), Int(1)], BigInt(2_147_483_648));
    check("sum", Type::Interval, &[Interval(5), Interval(6)], Interval(11));
    check("sum", Type::Double, &[Double(0.5), Double(0.25), Null], Double(0.75));
    check("avg", Type::BigInt, &[BigInt(i64::MAX), BigInt(i64::MAX)], Double(i64::MAX as f64));
    check("avg", Type::Int, &[Int(1), Int(2), Null], Double(1.5));
    check("avg", Type::Double, &[Double(1.0), Double(2.0)], Double(1.5));
    check("avg", Type::Double, &[], Null);
    check("min", Type::Int, &[Int(3), Null, Int(-1)], Int(-1));
    check("max", Type::BigInt, &[BigInt(3), BigInt(3), BigInt(-1)], BigInt(3));
    check("max", Type::Timestamp, &[Timestamp(1), Timestamp(9)], Timestamp(9));
    check("min", Type::Text, &[text("b"), text("a"), text("aa")], text("a"));
    check("max", Type::Text, &[Null, text("b"), text("ba")], text("ba"));
    check("max", Type::Double, &[Double(1.0), Double(f64::NAN)], Double(f64::NAN));
    check("min", Type::Boolean, &[Boolean(true), Boolean(false)], Boolean(false));
    check("latest_by_offset", Type::Text, &[text("a"), text("b"), Null], text("b"));
    check("earliest_by_offset", Type::Text, &[Null, text("a"), text("b")], text("a"));
}

#[test]
fn a_sum_refuses_the_row_that_overflows() {
    let call = AggregateCall::new("sum", vec![Expr::column(0, Type::BigInt)], Vec::new()).unwrap();
    let args = [column(Type::BigInt, &[Value::BigInt(i64::MAX), Value::BigInt(1), Value::BigInt(-1)])];
    let mut sum = call.accumulator();
    sum.grow(1);
    assert!(!sum.may_refuse(&args, &[0]));
    sum.update(&args, &[0], &[0]);
    assert!(sum.may_refuse(&args, &[1, 2]));
    assert_eq!(sum.check(&args, 1, 0).unwrap_err().reason, "sum: BIGINT out of range");
    assert!(sum.check(&args, 2, 0).is_ok());
}
