//! Expressions as data (`testdata/expressions.txt`): each is evaluated as a constant, over a column of several rows,
//! and with a failing row between good ones.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int64Array, StringArray};

use super::*;
use crate::instant;

/// Reads `(name arg …)`; atoms: `null true 12 12L 1.5 'text' @2022-06-09T00:00:05Z ~5 seconds~ #big #int #text`.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn expr(&mut self) -> Result<Expr, TypeError> {
        self.rest = self.rest.trim_start();
        if let Some(rest) = self.rest.strip_prefix('(') {
            self.rest = rest;
            let name = self.word();
            let mut args = Vec::new();
            let mut ty = None;
            loop {
                self.rest = self.rest.trim_start();
                if let Some(rest) = self.rest.strip_prefix(')') {
                    self.rest = rest;
                    break;
                }
                if name == "cast" && !args.is_empty() {
                    let word = self.word();
                    ty = Type::ALL.into_iter().find(|known| known.name() == word);
                    continue;
                }
                args.push(self.expr()?);
            }
            return match name.replace('_', " ").as_str() {
                "cast" => args.remove(0).cast(ty.unwrap()),
                "coalesce" => Expr::coalesce(args),
                "case" => {
                    let otherwise = (args.len() % 2 == 1).then(|| args.pop().unwrap());
                    let mut args = args.into_iter();
                    let mut branches = Vec::new();
                    while let (Some(condition), Some(result)) = (args.next(), args.next()) {
                        branches.push((condition, result));
                    }
                    Expr::case(branches, otherwise)
                }
                spaced if spaced.starts_with("is ") => Expr::call(spaced, args),
                _ => Expr::call(name, args),
            };
        }
        Ok(self.atom())
    }

    fn word(&mut self) -> &'a str {
        let end = self.rest.find([' ', ')']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn quoted(&mut self, quote: char) -> &'a str {
        let (text, rest) = self.rest[1..].split_once(quote).unwrap();
        self.rest = rest;
        text
    }

    fn atom(&mut self) -> Expr {
        match self.rest.chars().next() {
            Some('\'') => return Expr::literal(Value::text(self.quoted('\'').replace("\\n", "\n"))),
            Some('~') => return Expr::literal(Value::Interval(instant::parse_interval(self.quoted('~')).unwrap())),
            _ => {}
        }
        let word = self.word();
        match word {
            "null" => Expr::null(),
            "true" => Expr::literal(Value::Boolean(true)),
            "false" => Expr::literal(Value::Boolean(false)),
            // Typed values that are no bare literals.
            "#text" => Expr::column(0, Type::Text),
            "#big" => Expr::column(1, Type::BigInt),
            "#nan" => Expr::literal(Value::Double(f64::NAN)),
            "#inf" => Expr::literal(Value::Double(f64::INFINITY)),
            _ => Expr::literal(if let Some(instant) = word.strip_prefix('@') {
                Value::Timestamp(instant::parse(instant).unwrap())
            } else if let Some(long) = word.strip_suffix('L') {
                Value::BigInt(long.parse().unwrap())
            } else if let Ok(int) = word.parse() {
                Value::Int(int)
            } else {
                Value::Double(word.parse().unwrap_or_else(|_| panic!("{word}")))
            }),
        }
    }
}

fn columns(rows: usize) -> Vec<ArrayRef> {
    vec![Arc::new(StringArray::from(vec![Some("Ünïcode"); rows])), Arc::new(Int64Array::from(vec![Some(40); rows]))]
}

fn answer(expr: &Expr, rows: usize) -> Vec<String> {
    let context = EvalContext::new(1_654_732_805_000, 1);
    match expr.eval(&columns(rows), rows, &context) {
        Ok(column) => {
            assert_eq!(column.data_type(), &expr.ty().arrow(), "{expr:?}");
            assert_eq!(column.len(), rows, "{expr:?}");
            (0..rows).map(|row| Value::at(&column, expr.ty(), row).to_string()).collect()
        }
        Err(error) => vec![format!("error: {}", error.reason); rows],
    }
}

#[test]
fn expressions() {
    let mut checked = 0;
    let mut wrong = Vec::new();
    for line in include_str!("../../testdata/expressions.txt").lines() {
        let line = line.trim_end();
        if line.is_empty() || line.starts_with("--") {
            continue;
        }
        let (text, expected) = line.split_once(" =>").unwrap_or_else(|| panic!("{line}"));
        let expected = expected.trim_start();
        let expr = match (Reader { rest: text }).expr() {
            Ok(expr) => expr,
            Err(error) => {
                let given = format!("refused: {error}");
                if given != expected {
                    wrong.push(format!("{text}\n  {given}\n  {expected}"));
                }
                checked += 1;
                continue;
            }
        };
        let given = answer(&expr, 1).remove(0);
        let typed = format!("{given} {}", expr.ty());
        if expected != given && expected != typed {
            wrong.push(format!("{text}\n  {typed}\n  {expected}"));
        }
        assert_eq!(answer(&expr, 3), vec![given.clone(); 3], "{text} over three rows");
        if !text.contains("now") {
            // The same as columns instead of constants: kernels have other code for those.
            let (spread, columns) = spread(&expr, 2);
            let context = EvalContext::new(0, 1);
            let over = match spread.eval(&columns, 2, &context) {
                Ok(column) => Value::at(&column, expr.ty(), 1).to_string(),
                Err(error) => format!("error: {}", error.reason),
            };
            assert_eq!(over, given, "{text} over columns");
        }
        checked += 1;
    }
    assert!(wrong.is_empty(), "given, then wanted:\n{}", wrong.join("\n"));
    assert!(checked > 150, "{checked}");
}

/// The same expression with its literals in columns.
fn spread(expr: &Expr, rows: usize) -> (Expr, Vec<ArrayRef>) {
    fn replace(expr: &Expr, columns: &mut Vec<ArrayRef>, rows: usize) -> Expr {
        let mut all = |args: &[Expr]| -> Vec<Expr> { args.iter().map(|arg| replace(arg, columns, rows)).collect() };
        match expr {
            Expr::Literal { value, ty } => {
                columns.push(value.repeat(*ty, rows));
                Expr::Column { index: columns.len() - 1, ty: *ty }
            }
            Expr::Column { .. } => expr.clone(),
            Expr::Call { function, args, ty } => Expr::Call { function: *function, args: all(args), ty: *ty },
            Expr::Coalesce { args, ty } => Expr::Coalesce { args: all(args), ty: *ty },
            Expr::Cast { expr, ty } => Expr::Cast { expr: Box::new(replace(expr, columns, rows)), ty: *ty },
            Expr::Case { branches, otherwise, ty } => Expr::Case {
                branches: branches
                    .iter()
                    .map(|(c, r)| (replace(c, columns, rows), replace(r, columns, rows)))
                    .collect(),
                otherwise: otherwise.as_ref().map(|expr| Box::new(replace(expr, columns, rows))),
                ty: *ty,
            },
        }
    }
    let mut columns = columns(rows);
    (replace(expr, &mut columns, rows), columns)
}

#[test]
fn only_the_bad_rows_are_rejected() {
    let divisor = Expr::column(0, Type::BigInt);
    let quotient = Expr::call("/", vec![Expr::literal(Value::BigInt(100)), divisor.clone()]).unwrap();
    for bad in [vec![], vec![0], vec![4], vec![0, 1, 2, 3, 4], vec![1, 3]] {
        let values: Int64Array = (0..5).map(|row| if bad.contains(&row) { 0 } else { row as i64 + 1 }).collect();
        let columns: [ArrayRef; 1] = [Arc::new(values)];
        let result = eval_isolated(&[&quotient, &divisor], &columns, 5, &EvalContext::new(0, 1));
        let rejected: Vec<usize> = result.rejected.iter().map(|rejected| rejected.row).collect();
        assert_eq!(rejected, bad);
        assert!(result.rejected.iter().all(|rejected| rejected.reason == "division by zero"));
        let kept: Vec<u32> = (0..5).filter(|row| !bad.contains(&(*row as usize))).collect();
        assert_eq!(result.kept.map(|kept| kept.values().to_vec()), (!bad.is_empty()).then_some(kept.clone()));
        let expected: Vec<i64> = kept.iter().map(|row| 100 / (i64::from(*row) + 1)).collect();
        assert_eq!(result.columns[0].to_data(), Int64Array::from(expected).to_data());
        assert_eq!(result.columns[1].len(), kept.len());
    }
}

#[test]
fn guards_protect_what_they_guard() {
    // CASE, COALESCE, AND and OR evaluate only the rows that they select: no row fails here.
    let x = || Expr::column(0, Type::BigInt);
    let zero = || Expr::literal(Value::BigInt(0));
    let quotient = || Expr::call("/", vec![Expr::literal(Value::BigInt(6)), x()]).unwrap();
    let not_zero = || Expr::call("<>", vec![x(), zero()]).unwrap();
    let is_zero = || Expr::call("=", vec![x(), zero()]).unwrap();
    let large = || Expr::call(">", vec![quotient(), Expr::literal(Value::BigInt(2))]).unwrap();
    let guarded = Expr::case(vec![(not_zero(), quotient())], Some(Expr::literal(Value::BigInt(-1)))).unwrap();
    let fallback = Expr::coalesce(vec![Expr::call("nullif", vec![x(), Expr::literal(Value::BigInt(0))]).unwrap(), x()]);
    for (expr, expected) in [
        (guarded, ["-1", "6", "3", "2", "NULL"]),
        (fallback.unwrap(), ["0", "1", "2", "3", "NULL"]),
        (Expr::call("and", vec![not_zero(), large()]).unwrap(), ["false", "true", "true", "false", "NULL"]),
        (Expr::call("or", vec![is_zero(), large()]).unwrap(), ["true", "true", "true", "false", "NULL"]),
    ] {
        let column: [ArrayRef; 1] = [Arc::new(Int64Array::from(vec![Some(0), Some(1), Some(2), Some(3), None]))];
        let expected = match expr.ty() {
            // CASE with a NULL condition takes ELSE.
            Type::BigInt if matches!(expr, Expr::Case { .. }) => {
                [expected[0], expected[1], expected[2], expected[3], "-1"]
            }
            _ => expected,
        };
        let result = expr.eval(&column, 5, &EvalContext::new(0, 1)).unwrap();
        let given: Vec<String> = (0..5).map(|row| Value::at(&result, expr.ty(), row).to_string()).collect();
        assert_eq!(given, expected, "{expr:?}");
    }
}

#[test]
fn chance_stays_within_its_bounds() {
    let context = EvalContext::new(5, 42).with_params([("name".to_owned(), "P1".to_owned())].into());
    let pick = Expr::call("pick", vec![Expr::literal(Value::text("a")), Expr::literal(Value::text("b"))]).unwrap();
    let dice = Expr::call("random_int", vec![Expr::literal(Value::Int(1)), Expr::literal(Value::Int(6))]).unwrap();
    let picks = pick.eval(&[], 1000, &context).unwrap();
    let rolls = dice.eval(&[], 1000, &context).unwrap();
    let count =
        |column: &ArrayRef, ty, value: Value| (0..1000).filter(|row| Value::at(column, ty, *row) == value).count();
    assert!((400..600).contains(&count(&picks, Type::Text, Value::text("a"))));
    let faces: Vec<usize> = (1..=6).map(|face| count(&rolls, Type::BigInt, Value::BigInt(face))).collect();
    assert!(faces.iter().sum::<usize>() == 1000 && faces.iter().all(|count| *count > 100), "{faces:?}");
    let param = |name: &str| {
        let expr = Expr::call("param", vec![Expr::literal(Value::text(name))]).unwrap();
        Value::at(&expr.eval(&[], 1, &context).unwrap(), Type::Text, 0)
    };
    assert_eq!((param("name"), param("other")), (Value::text("P1"), Value::Null));
    assert!(pick.is_volatile() && !Expr::null().is_volatile());
}
