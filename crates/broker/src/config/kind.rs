//! The kinds of config values and how a text is checked against one.

/// What kind of value a config has. The numbers are those of DescribeConfigs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum Kind {
    /// `true` or `false`.
    Boolean = 1,
    /// Any text.
    String = 2,
    /// A 32-bit integer.
    Int = 3,
    /// A 16-bit integer.
    Short = 4,
    /// A 64-bit integer.
    Long = 5,
    /// A floating-point number.
    Double = 6,
    /// Texts separated by commas.
    List = 7,
    /// The name of a Java class.
    Class = 8,
    /// A secret.
    Password = 9,
}

impl Kind {
    /// The kind with this lower-case name, as the table of broker configs writes it.
    #[must_use]
    pub fn named(name: &str) -> Option<Kind> {
        Some(match name {
            "boolean" => Kind::Boolean,
            "string" => Kind::String,
            "int" => Kind::Int,
            "short" => Kind::Short,
            "long" => Kind::Long,
            "double" => Kind::Double,
            "list" => Kind::List,
            "class" => Kind::Class,
            "password" => Kind::Password,
            _ => return None,
        })
    }
}

/// What a value must satisfy beside its kind.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// Anything of the kind.
    Any,
    /// A number of at least this.
    AtLeast(i64),
    /// A number in this closed range.
    Between(i64, i64),
    /// A number in this closed range, or this other one.
    BetweenOr(i64, i64, i64),
    /// A floating-point number from 0 to 1.
    Fraction,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A list of these texts.
    ListOf(&'static [&'static str]),
    /// `*`, or a list of `partition:broker`.
    Replicas,
}

/// Checks `value`, and says what is wrong with it in Kafka's words.
pub fn check(name: &str, kind: Kind, rule: Rule, value: &str) -> Result<(), String> {
    let invalid = |why: &str| Err(format!("Invalid value {value} for configuration {name}: {why}"));
    let trimmed = value.trim();
    let number = match kind {
        Kind::Boolean => {
            return match trimmed.to_ascii_lowercase().as_str() {
                "true" | "false" => Ok(()),
                _ => invalid("Expected value to be either true or false"),
            };
        }
        Kind::Short => trimmed.parse::<i16>().ok().map(i64::from),
        Kind::Int => trimmed.parse::<i32>().ok().map(i64::from),
        Kind::Long => trimmed.parse::<i64>().ok(),
        Kind::Double => {
            return match (trimmed.parse::<f64>(), rule) {
                (Ok(number), Rule::Fraction) if !(0.0..=1.0).contains(&number) => {
                    invalid("Value must be between 0 and 1")
                }
                (Ok(_), _) => Ok(()),
                (Err(_), _) => invalid("Not a number of type DOUBLE"),
            };
        }
        Kind::List => {
            if let Rule::ListOf(allowed) = rule
                && list(trimmed).any(|item| !allowed.contains(&item))
            {
                return invalid(&format!("String must be one of: {}", allowed.join(", ")));
            }
            let is_replica = |item: &str| {
                item.split_once(':').is_some_and(|(partition, broker)| {
                    partition.trim().parse::<i32>().is_ok() && broker.trim().parse::<i32>().is_ok()
                })
            };
            if matches!(rule, Rule::Replicas) && trimmed != "*" && !list(trimmed).all(is_replica) {
                return invalid(&format!(
                    "{name} must be the literal '*' or a list of replicas in the following format: \
                     [partitionId]:[brokerId],[partitionId]:[brokerId],..."
                ));
            }
            return Ok(());
        }
        Kind::String | Kind::Class | Kind::Password => {
            return match rule {
                Rule::OneOf(allowed) if !allowed.contains(&trimmed) => {
                    invalid(&format!("String must be one of: {}", allowed.join(", ")))
                }
                _ => Ok(()),
            };
        }
    };
    let Some(number) = number else {
        let kind = format!("{kind:?}").to_uppercase();
        return invalid(&format!("Not a number of type {kind}"));
    };
    match rule {
        Rule::AtLeast(least) if number < least => invalid(&format!("Value must be at least {least}")),
        Rule::Between(least, _) if number < least => invalid(&format!("Value must be at least {least}")),
        Rule::BetweenOr(least, most, other) if number != other && !(least..=most).contains(&number) => {
            invalid(&format!("Value must be between {least} and {most} or equal to {other}"))
        }
        Rule::Between(_, most) if number > most => invalid(&format!("Value must be no more than {most}")),
        _ => Ok(()),
    }
}

/// The items of a list value, without blanks around them and without empty ones.
pub fn list(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|item| !item.is_empty())
}
