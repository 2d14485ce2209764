//! From a name and argument types to a function: PostgreSQL's rules for the types that there are.
//!
//! A type is `None` for an undecided literal (NULL, bare text), which takes the type that the others want.

use std::fmt;

use super::function::{DatePart, Function};
use crate::data_type::Type;

/// A resolved call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// What to call.
    pub function: Function,
    /// The types that the arguments must be cast to.
    pub args: Vec<Type>,
    /// The result's type.
    pub ty: Type,
}

/// Why an expression cannot be built. The binder shows it under a caret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeError {
    /// No function has this name; [`Function::names`] has suggestions.
    UnknownFunction {
        /// As written.
        name: String,
    },
    /// The function does not take these arguments.
    Arguments {
        /// The function or operator.
        name: String,
        /// What was given; `None` for an undecided literal.
        given: Vec<Option<Type>>,
        /// What it takes, for people.
        takes: &'static str,
    },
    /// No (implicit) cast leads from one type to the other.
    NoCast {
        /// What there is.
        from: Type,
        /// What is wanted.
        to: Type,
    },
    /// The results of CASE, COALESCE and the like have no common type.
    NoCommonType {
        /// The construct.
        what: &'static str,
        /// The first type.
        left: Type,
        /// The one that does not fit.
        right: Type,
    },
    /// A literal cannot be read as the type that its place wants.
    InvalidLiteral {
        /// The literal.
        text: String,
        /// The wanted type.
        ty: Type,
        /// Why not.
        reason: String,
    },
}

impl fmt::Display for TypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TypeError::UnknownFunction { name } => write!(f, "unknown function `{name}`"),
            TypeError::Arguments { name, given, takes } => {
                write!(f, "`{name}` does not take (")?;
                for (i, ty) in given.iter().enumerate() {
                    let comma = if i > 0 { ", " } else { "" };
                    write!(f, "{comma}{}", ty.map_or("a literal", Type::name))?;
                }
                write!(f, "); it takes {takes}")
            }
            TypeError::NoCast { from, to } => {
                write!(f, "{from} where {to} is wanted; write CAST(… AS {to}) if one exists")
            }
            TypeError::NoCommonType { what, left, right } => {
                write!(f, "the results of {what} have no common type: {left} and {right}")
            }
            TypeError::InvalidLiteral { reason, .. } => f.write_str(reason),
        }
    }
}

impl std::error::Error for TypeError {}

/// True when a cast from one type to the other happens without being written.
pub(super) fn widens(from: Type, to: Type) -> bool {
    from == to
        || matches!(
            (from, to),
            (Type::Int, Type::BigInt | Type::Double) | (Type::BigInt, Type::Double) | (Type::Object, Type::Text)
        )
}

/// The type that all of these widen to. Undecided literals adapt; with nothing decided it is TEXT.
pub(super) fn common_type(what: &'static str, types: impl Iterator<Item = Option<Type>>) -> Result<Type, TypeError> {
    let mut common: Option<Type> = None;
    for ty in types.flatten() {
        common = Some(match common {
            None => ty,
            Some(left) if widens(ty, left) => left,
            Some(left) if widens(left, ty) => ty,
            Some(left) => return Err(TypeError::NoCommonType { what, left, right: ty }),
        });
    }
    Ok(common.unwrap_or(Type::Text))
}

impl Function {
    /// Resolves a function or operator by name and (decided) argument types.
    pub fn resolve(name: &str, types: &[Type]) -> Result<Signature, TypeError> {
        let types: Vec<Option<Type>> = types.iter().copied().map(Some).collect();
        resolve(name, &types, None)
    }
}

/// Resolves with undecided literals; `part` is the first argument when it is a text literal.
pub(super) fn resolve(name: &str, types: &[Option<Type>], part: Option<&str>) -> Result<Signature, TypeError> {
    let lower = name.to_ascii_lowercase();
    if matches!(&*lower, "date_part" | "date_trunc") {
        return date_function(&lower, types, part);
    }
    let function = match (Function::named(&lower), types.len()) {
        (Some(Function::Subtract), 1) => Function::Negate,
        (Some(function), _) => function,
        (None, _) => return Err(TypeError::UnknownFunction { name: name.to_owned() }),
    };
    let refuse = |takes: &'static str| TypeError::Arguments { name: name.to_owned(), given: types.to_vec(), takes };
    let make = |args: Vec<Type>, ty: Type| Ok(Signature { function, args, ty });
    // Fixed types: the first `min` are required.
    let fixed = |wanted: &[Type], min: usize, ty: Type, takes: &'static str| {
        let fits = types.len() >= min
            && types.len() <= wanted.len()
            && types.iter().zip(wanted).all(|(given, wanted)| given.is_none_or(|given| widens(given, *wanted)));
        if fits { make(wanted[..types.len()].to_vec(), ty) } else { Err(refuse(takes)) }
    };
    use Type::{BigInt, Boolean, Bytes, Double, Int, Interval, Text, Timestamp};
    match function {
        Function::Add | Function::Subtract | Function::Multiply | Function::Divide | Function::Modulo => {
            arithmetic(function, types).ok_or_else(|| refuse("two numbers, or timestamps and intervals"))
        }
        Function::Negate | Function::Abs => match types {
            [Some(ty @ (Int | BigInt | Double | Interval))] => make(vec![*ty], *ty),
            [None] => make(vec![Double], Double),
            _ => Err(refuse("one number")),
        },
        Function::Sign | Function::Ceil | Function::Floor | Function::Trunc => match types {
            [Some(ty @ (Int | BigInt | Double))] => make(vec![*ty], *ty),
            [None] => make(vec![Double], Double),
            _ => Err(refuse("one number")),
        },
        Function::Round => match types {
            [Some(ty @ (Int | BigInt | Double))] => make(vec![*ty], *ty),
            [None] => make(vec![Double], Double),
            [given, digits] if digits.is_none_or(|ty| ty == Int) && given.is_none_or(Type::is_numeric) => {
                make(vec![Double, Int], Double)
            }
            _ => Err(refuse("a number and, if wanted, a number of digits")),
        },
        Function::Sqrt => fixed(&[Double], 1, Double, "one number"),
        Function::Power => fixed(&[Double, Double], 2, Double, "two numbers"),
        Function::Greatest | Function::Least => {
            if types.is_empty() {
                return Err(refuse("at least one value"));
            }
            let ty = common_type("GREATEST or LEAST", types.iter().copied())?;
            make(vec![ty; types.len()], ty)
        }
        Function::Equal
        | Function::NotEqual
        | Function::Less
        | Function::LessOrEqual
        | Function::Greater
        | Function::GreaterOrEqual
        | Function::IsDistinctFrom
        | Function::IsNotDistinctFrom => match types {
            [_, _] => {
                let ty = common_type("a comparison", types.iter().copied())
                    .map_err(|_| refuse("two values of comparable types"))?;
                make(vec![ty, ty], Boolean)
            }
            _ => Err(refuse("two values")),
        },
        Function::IsNull | Function::IsNotNull => match types {
            [ty] => make(vec![ty.unwrap_or(Text)], Boolean),
            _ => Err(refuse("one value")),
        },
        Function::IsTrue | Function::IsNotTrue | Function::IsFalse | Function::IsNotFalse | Function::Not => {
            fixed(&[Boolean], 1, Boolean, "one condition")
        }
        Function::And | Function::Or => fixed(&[Boolean, Boolean], 2, Boolean, "two conditions"),
        Function::NullIf => match types {
            [left, _] => {
                let common = common_type("NULLIF", types.iter().copied())?;
                // As in PostgreSQL, the result has the first argument's type where the comparison allows it.
                let ty = left.filter(|left| *left == common).unwrap_or(common);
                make(vec![common, common], ty)
            }
            _ => Err(refuse("two values")),
        },
        Function::Concat => match types {
            [Some(Bytes), Some(Bytes)] => make(vec![Bytes, Bytes], Bytes),
            [_, _] if types.iter().any(|ty| matches!(ty, None | Some(Text | Type::Object))) => {
                make(types.iter().map(|ty| ty.unwrap_or(Text)).collect(), Text)
            }
            _ => Err(refuse("two values, one of them TEXT")),
        },
        Function::ConcatAll => make(types.iter().map(|ty| ty.unwrap_or(Text)).collect(), Text),
        Function::Length | Function::OctetLength => match types {
            [Some(Bytes)] => make(vec![Bytes], Int),
            _ => fixed(&[Text], 1, Int, "TEXT or BYTEA"),
        },
        Function::Lower | Function::Upper | Function::Reverse => fixed(&[Text], 1, Text, "TEXT"),
        Function::Substring => fixed(&[Text, Int, Int], 2, Text, "TEXT, the first position and, if wanted, a length"),
        Function::Trim | Function::TrimStart | Function::TrimEnd => {
            fixed(&[Text, Text], 1, Text, "TEXT and, if wanted, the characters to cut off")
        }
        Function::Replace => fixed(&[Text, Text, Text], 3, Text, "three TEXTs: in what, from, to"),
        Function::Like | Function::ILike => fixed(&[Text, Text], 2, Boolean, "TEXT and a pattern"),
        Function::Position => fixed(&[Text, Text], 2, Int, "two TEXTs"),
        Function::Left | Function::Right => fixed(&[Text, Int], 2, Text, "TEXT and a number of characters"),
        Function::StartsWith => fixed(&[Text, Text], 2, Boolean, "two TEXTs"),
        Function::Repeat => fixed(&[Text, Int], 2, Text, "TEXT and a number"),
        Function::SplitPart => fixed(&[Text, Text, Int], 3, Text, "TEXT, a delimiter and the number of the field"),
        Function::PadStart | Function::PadEnd => {
            fixed(&[Text, Int, Text], 2, Text, "TEXT, a length and, if wanted, a fill")
        }
        Function::Now => fixed(&[], 0, Timestamp, "nothing"),
        Function::ToTimestamp => fixed(&[Double], 1, Timestamp, "seconds since 1970"),
        Function::EpochMs => fixed(&[Timestamp], 1, BigInt, "a TIMESTAMP"),
        Function::Pick => {
            if types.is_empty() {
                return Err(refuse("at least one value"));
            }
            let ty = common_type("PICK", types.iter().copied())?;
            make(vec![ty; types.len()], ty)
        }
        Function::RandomInt => fixed(&[BigInt, BigInt], 2, BigInt, "the smallest and the largest integer"),
        Function::Random => fixed(&[], 0, Double, "nothing"),
        Function::Param => fixed(&[Text], 1, Text, "the name of a parameter"),
        Function::Extract(_) | Function::DateTrunc(_) => Err(refuse("a part and a TIMESTAMP")),
    }
}

fn arithmetic(function: Function, types: &[Option<Type>]) -> Option<Signature> {
    use Type::{Double, Interval, Timestamp};
    let [left, right] = types else { return None };
    // An undecided literal takes the other side's type.
    let (left, right) = match (*left, *right) {
        (None, None) => return None,
        (Some(left), None) => (left, left),
        (None, Some(right)) => (right, right),
        (Some(left), Some(right)) => (left, right),
    };
    let (args, ty) = match (function, left, right) {
        (_, left, right) if left.is_numeric() && right.is_numeric() => {
            if function == Function::Modulo && (left == Double || right == Double) {
                return None;
            }
            let ty = left.max(right);
            (vec![ty, ty], ty)
        }
        (Function::Add, Timestamp, Interval) | (Function::Subtract, Timestamp, Interval) => {
            (vec![Timestamp, Interval], Timestamp)
        }
        (Function::Add, Interval, Timestamp) => (vec![Interval, Timestamp], Timestamp),
        (Function::Subtract, Timestamp, Timestamp) => (vec![Timestamp, Timestamp], Interval),
        (Function::Add | Function::Subtract, Interval, Interval) => (vec![Interval, Interval], Interval),
        (Function::Multiply | Function::Divide, Interval, right) if right.is_numeric() => {
            (vec![Interval, Double], Interval)
        }
        (Function::Multiply, left, Interval) if left.is_numeric() => (vec![Double, Interval], Interval),
        _ => return None,
    };
    Some(Signature { function, args, ty })
}

fn date_function(name: &str, types: &[Option<Type>], part: Option<&str>) -> Result<Signature, TypeError> {
    let takes = "a part ('year', 'month', 'week', 'day', 'hour', 'minute', 'second', …) and a TIMESTAMP";
    let refuse = || TypeError::Arguments { name: name.to_owned(), given: types.to_vec(), takes };
    let (part, [_, given]) = (part.and_then(DatePart::parse), types) else { return Err(refuse()) };
    let (Some(part), true) = (part, given.is_none_or(|ty| ty == Type::Timestamp)) else { return Err(refuse()) };
    let args = vec![Type::Text, Type::Timestamp];
    if name == "date_part" {
        return Ok(Signature { function: Function::Extract(part), args, ty: part.ty() });
    }
    if matches!(part, DatePart::Dow | DatePart::Isodow | DatePart::Doy | DatePart::Epoch) {
        return Err(refuse());
    }
    Ok(Signature { function: Function::DateTrunc(part), args, ty: Type::Timestamp })
}
