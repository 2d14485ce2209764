//! The functions and operators that an expression can call.
//!
//! Owns: their list and their properties. What each computes is in the sibling modules; which argument types each takes
//! is in `resolve`.

use crate::data_type::Type;

/// A field of a timestamp, for EXTRACT, `date_part` and `date_trunc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DatePart {
    /// Year.
    Year,
    /// Quarter, 1 to 4.
    Quarter,
    /// Month, 1 to 12.
    Month,
    /// ISO week, 1 to 53.
    Week,
    /// Day of the month.
    Day,
    /// Day of the week, Sunday = 0.
    Dow,
    /// Day of the week, Monday = 1.
    Isodow,
    /// Day of the year.
    Doy,
    /// Hour.
    Hour,
    /// Minute.
    Minute,
    /// Second with its fraction.
    Second,
    /// Seconds within the minute, times 1000.
    Milliseconds,
    /// Seconds since 1970 with their fraction.
    Epoch,
}

impl DatePart {
    const NAMES: [(&str, DatePart); 13] = [
        ("year", DatePart::Year),
        ("quarter", DatePart::Quarter),
        ("month", DatePart::Month),
        ("week", DatePart::Week),
        ("day", DatePart::Day),
        ("dow", DatePart::Dow),
        ("isodow", DatePart::Isodow),
        ("doy", DatePart::Doy),
        ("hour", DatePart::Hour),
        ("minute", DatePart::Minute),
        ("second", DatePart::Second),
        ("milliseconds", DatePart::Milliseconds),
        ("epoch", DatePart::Epoch),
    ];

    /// The part of that name, in any case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, part)| *part)
    }

    /// The type that EXTRACT gives: DOUBLE where a fraction is possible, else BIGINT.
    #[must_use]
    pub fn ty(self) -> Type {
        match self {
            DatePart::Second | DatePart::Epoch => Type::Double,
            _ => Type::BigInt,
        }
    }
}

macro_rules! define {
    ($($(#[$doc:meta])* $variant:ident => $name:expr,)+) => {
        /// A function or operator. NULL arguments give NULL unless said otherwise.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Function {
            $($(#[$doc])* $variant,)+
            /// One field of a timestamp: EXTRACT(part FROM t), date_part('part', t).
            Extract(DatePart),
            /// A timestamp cut down to a field: date_trunc('part', t).
            DateTrunc(DatePart),
        }

        /// The first spelling of each.
        const NAMED: &[(&str, Function)] = &[$(($name, Function::$variant),)+];
    };
}

define! {
    /// a + b; overflow is an error.
    Add => "+",
    /// a - b; one argument negates.
    Subtract => "-",
    /// a * b.
    Multiply => "*",
    /// a / b; integers truncate, division by zero is an error.
    Divide => "/",
    /// Remainder with the sign of the dividend.
    Modulo => "%",
    /// -a.
    Negate => "negate",
    /// Absolute value.
    Abs => "abs",
    /// Smallest integer not below.
    Ceil => "ceil",
    /// Largest integer not above.
    Floor => "floor",
    /// Nearest integer; halves to even for DOUBLE, as PostgreSQL.
    Round => "round",
    /// Towards zero.
    Trunc => "trunc",
    /// -1, 0 or 1.
    Sign => "sign",
    /// Square root.
    Sqrt => "sqrt",
    /// a to the power of b.
    Power => "power",
    /// The greatest argument; NULLs are ignored.
    Greatest => "greatest",
    /// The least argument; NULLs are ignored.
    Least => "least",
    /// a = b.
    Equal => "=",
    /// a <> b.
    NotEqual => "<>",
    /// a < b.
    Less => "<",
    /// a <= b.
    LessOrEqual => "<=",
    /// a > b.
    Greater => ">",
    /// a >= b.
    GreaterOrEqual => ">=",
    /// Differs, NULL being a value.
    IsDistinctFrom => "is distinct from",
    /// Equals, NULL being a value.
    IsNotDistinctFrom => "is not distinct from",
    /// IS NULL.
    IsNull => "is null",
    /// IS NOT NULL.
    IsNotNull => "is not null",
    /// IS TRUE.
    IsTrue => "is true",
    /// IS NOT TRUE.
    IsNotTrue => "is not true",
    /// IS FALSE.
    IsFalse => "is false",
    /// IS NOT FALSE.
    IsNotFalse => "is not false",
    /// a AND b, three-valued; b is evaluated only where a is not false.
    And => "and",
    /// a OR b, three-valued; b is evaluated only where a is not true.
    Or => "or",
    /// NOT a.
    Not => "not",
    /// NULL if a = b, else a.
    NullIf => "nullif",
    /// a || b; whatever is not text is cast to it.
    Concat => "||",
    /// The texts of all arguments in a row; NULLs are skipped.
    ConcatAll => "concat",
    /// Number of characters (bytes for BYTEA).
    Length => "length",
    /// Number of bytes.
    OctetLength => "octet_length",
    /// Lower case.
    Lower => "lower",
    /// Upper case.
    Upper => "upper",
    /// substring(text, from [, count]), from 1.
    Substring => "substring",
    /// Without the given characters (default: spaces) at both ends.
    Trim => "trim",
    /// … at the start.
    TrimStart => "ltrim",
    /// … at the end.
    TrimEnd => "rtrim",
    /// replace(text, from, to), everywhere.
    Replace => "replace",
    /// text LIKE pattern; `\` escapes.
    Like => "like",
    /// text ILIKE pattern, case ignored.
    ILike => "ilike",
    /// strpos(text, part): where part starts, from 1; 0 if nowhere. POSITION(part IN text).
    Position => "strpos",
    /// The first n characters; negative n: all but the last -n.
    Left => "left",
    /// The last n characters; negative n: all but the first -n.
    Right => "right",
    /// Whether text starts with a prefix.
    StartsWith => "starts_with",
    /// text n times.
    Repeat => "repeat",
    /// The characters in reverse order.
    Reverse => "reverse",
    /// split_part(text, delimiter, n): the nth field, from 1; negative n counts from the end.
    SplitPart => "split_part",
    /// lpad(text, length [, fill]).
    PadStart => "lpad",
    /// rpad(text, length [, fill]).
    PadEnd => "rpad",
    /// The time of evaluation, the same for a whole superstep.
    Now => "now",
    /// A timestamp from seconds since 1970.
    ToTimestamp => "to_timestamp",
    /// Milliseconds since 1970.
    EpochMs => "epoch_ms",
    /// One of its arguments, at random.
    Pick => "pick",
    /// A random BIGINT between two, both included.
    RandomInt => "random_int",
    /// A random DOUBLE in [0, 1).
    Random => "random",
    /// A parameter of the request; NULL when it has none of that name.
    Param => "param",
}

/// Further spellings.
const ALIASES: &[(&str, Function)] = &[
    ("!=", Function::NotEqual),
    ("mod", Function::Modulo),
    ("ceiling", Function::Ceil),
    ("pow", Function::Power),
    ("char_length", Function::Length),
    ("character_length", Function::Length),
    ("substr", Function::Substring),
    ("btrim", Function::Trim),
    ("~~", Function::Like),
    ("~~*", Function::ILike),
    ("position", Function::Position),
    ("current_timestamp", Function::Now),
];

impl Function {
    /// The function of that name, in any case. `extract`, `date_part` and `date_trunc` need their part: see
    /// [`crate::Expr::call`].
    #[must_use]
    pub fn named(name: &str) -> Option<Function> {
        let same = |known: &&(&str, Function)| known.0.eq_ignore_ascii_case(name);
        NAMED.iter().find(same).or_else(|| ALIASES.iter().find(same)).map(|(_, function)| *function)
    }

    /// Every name that [`crate::Expr::call`] knows and that is written as `name(…)`: for suggestions and completion.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let special = ["date_part", "date_trunc", "coalesce"];
        let plain = NAMED.iter().chain(ALIASES).map(|(name, _)| *name);
        plain.chain(special).filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
    }

    /// The first spelling.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Function::Extract(_) => "date_part",
            Function::DateTrunc(_) => "date_trunc",
            other => NAMED.iter().find(|(_, function)| *function == other).map_or("?", |(name, _)| name),
        }
    }

    /// True when two evaluations of the same arguments may differ.
    #[must_use]
    pub fn is_volatile(self) -> bool {
        matches!(self, Function::Now | Function::Pick | Function::RandomInt | Function::Random | Function::Param)
    }
}
