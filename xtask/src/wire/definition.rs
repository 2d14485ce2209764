//! The notation of a message: one line for the message, one for each field, indented by two spaces under the struct
//! that it belongs to.
//!
//! ```text
//! request Produce 0 versions 3-13 flexible 9+ listeners broker
//!   transactional_id string 3+ null 3+ default null
//!   acks int16
//!   topic_data []TopicProduceData
//!     name string 0-12 ignorable
//! ```
//!
//! A message line: kind, name, number (where the kind has one), then `versions`, `flexible`, `unstable` (the last version
//! is not settled), `listeners`. A field line: name, type, its versions unless they are `0+`, then `null VERSIONS`,
//! `default VALUE` (to the end of the line), `tag NUMBER VERSIONS`, `ignorable` and `inflexible`. The fields of a struct
//! that is used once stand under its field; `struct Name` lines define one that is used more than once.

/// A range of versions; `max` is `i16::MAX` where it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    pub min: i16,
    pub max: i16,
}

impl Versions {
    pub const NONE: Self = Self { min: 0, max: -1 };
    pub const ALL: Self = Self { min: 0, max: i16::MAX };

    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` are no versions: expected N, N-M, N+ or none");
        let number = |digits: &str| digits.parse::<i16>().map_err(|_| bad());
        if text == "none" {
            Ok(Self::NONE)
        } else if let Some(min) = text.strip_suffix('+') {
            Ok(Self { min: number(min)?, max: i16::MAX })
        } else if let Some((min, max)) = text.split_once('-') {
            Ok(Self { min: number(min)?, max: number(max)? })
        } else {
            Ok(Self { min: number(text)?, max: number(text)? })
        }
    }

    pub fn is_empty(self) -> bool {
        self.min > self.max
    }

    pub fn and(self, other: Self) -> Self {
        let both = Self { min: self.min.max(other.min), max: self.max.min(other.max) };
        if both.is_empty() { Self::NONE } else { both }
    }

    pub fn contains(self, other: Self) -> bool {
        other.is_empty() || (self.min <= other.min && other.max <= self.max)
    }
}

impl std::fmt::Display for Versions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            versions if versions.is_empty() => f.write_str("none"),
            Self { min, max: i16::MAX } => write!(f, "{min}+"),
            Self { min, max } if min == max => write!(f, "{min}"),
            Self { min, max } => write!(f, "{min}-{max}"),
        }
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    pub kind: Kind,
    /// As the specification has it, without the ending that its kind implies.
    pub name: String,
    pub number: Option<i16>,
    pub versions: Versions,
    pub flexible: Versions,
    pub latest_unstable: bool,
    pub listeners: Vec<String>,
    pub fields: Vec<Field>,
    pub structs: Vec<Struct>,
}

impl Definition {
    /// The specification's name.
    pub fn full_name(&self) -> String {
        format!("{}{}", self.name, self.kind.suffix())
    }
}

/// What a message is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Request,
    Response,
    Header,
    Data,
    Key,
    Value,
    Metadata,
}

impl Kind {
    const WORDS: [(Self, &'static str, &'static str); 7] = [
        (Self::Request, "request", "Request"),
        (Self::Response, "response", "Response"),
        (Self::Header, "header", ""),
        (Self::Data, "data", ""),
        (Self::Key, "key", "Key"),
        (Self::Value, "value", "Value"),
        (Self::Metadata, "metadata", ""),
    ];

    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, word, _)| word)
    }

    pub fn suffix(self) -> &'static str {
        Self::WORDS.iter().find(|(kind, ..)| *kind == self).map_or("", |(.., suffix)| suffix)
    }

    fn parse(word: &str) -> Result<Self, String> {
        let found = Self::WORDS.iter().find(|(_, known, _)| *known == word);
        found.map(|(kind, ..)| *kind).ok_or_else(|| format!("`{word}` is no kind of message"))
    }
}

/// One field of a message or struct.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub name: String,
    /// The element's type where `array` is set.
    pub ty: String,
    pub array: bool,
    pub versions: Versions,
    pub nullable: Versions,
    pub default: Option<String>,
    pub tag: Option<(u32, Versions)>,
    pub ignorable: bool,
    pub inflexible: bool,
    /// The fields of a struct that is defined where it is used.
    pub fields: Vec<Field>,
}

/// A struct that more than one field uses.
#[derive(Debug, Clone, PartialEq)]
pub struct Struct {
    pub name: String,
    pub versions: Versions,
    pub fields: Vec<Field>,
}

/// Reads a file of definitions.
pub fn parse(text: &str) -> Result<Vec<Definition>, String> {
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let content = line.trim_start();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let indent = line.len() - content.len();
        if indent % 2 != 0 {
            return Err(format!("line {}: indented by {indent} spaces; expected two for each level", index + 1));
        }
        lines.push(Line { number: index + 1, level: indent / 2, content });
    }
    let mut rest = &lines[..];
    let mut definitions = Vec::new();
    while let [first, after @ ..] = rest {
        let mut definition = message_line(first.content).map_err(|error| first.error(error))?;
        rest = after;
        while let [line, after @ ..] = rest
            && line.level == 1
        {
            rest = after;
            let children = field_lines(&mut rest, 2)?;
            if let Some(declaration) = line.content.strip_prefix("struct ") {
                let (name, versions) = declaration.split_once(' ').unwrap_or((declaration, "0+"));
                let versions = Versions::parse(versions).map_err(|error| line.error(error))?;
                definition.structs.push(Struct { name: name.to_owned(), versions, fields: children });
            } else {
                let mut field = field_line(line.content).map_err(|error| line.error(error))?;
                field.fields = children;
                definition.fields.push(field);
            }
        }
        definitions.push(definition);
    }
    Ok(definitions)
}

struct Line<'a> {
    number: usize,
    level: usize,
    content: &'a str,
}

impl Line<'_> {
    fn error(&self, error: String) -> String {
        format!("line {}: {error}", self.number)
    }
}

fn field_lines(rest: &mut &[Line<'_>], level: usize) -> Result<Vec<Field>, String> {
    let mut fields = Vec::new();
    while let [line, after @ ..] = *rest
        && line.level >= level
    {
        if line.level > level {
            return Err(line.error("indented too deeply".to_owned()));
        }
        let mut field = field_line(line.content).map_err(|error| line.error(error))?;
        *rest = after;
        field.fields = field_lines(rest, level + 1)?;
        fields.push(field);
    }
    Ok(fields)
}

fn message_line(line: &str) -> Result<Definition, String> {
    let mut words = line.split(' ');
    let mut next = || words.next().ok_or_else(|| format!("`{line}` ends too early"));
    let kind = Kind::parse(next()?)?;
    let name = next()?.to_owned();
    let mut definition = Definition {
        kind,
        name,
        number: None,
        versions: Versions::NONE,
        flexible: Versions::NONE,
        latest_unstable: false,
        listeners: Vec::new(),
        fields: Vec::new(),
        structs: Vec::new(),
    };
    while let Ok(word) = next() {
        match word {
            "versions" => definition.versions = Versions::parse(next()?)?,
            "flexible" => definition.flexible = Versions::parse(next()?)?,
            "listeners" => definition.listeners = next()?.split(',').map(str::to_owned).collect(),
            "unstable" => definition.latest_unstable = true,
            number => definition.number = Some(number.parse().map_err(|_| format!("unexpected `{number}`"))?),
        }
    }
    Ok(definition)
}

fn field_line(line: &str) -> Result<Field, String> {
    let mut words = line.split(' ').peekable();
    let mut next = || words.next().ok_or_else(|| format!("`{line}` ends too early"));
    let name = next()?.to_owned();
    let declared = next()?;
    let ty = declared.strip_prefix("[]").unwrap_or(declared);
    let mut field = Field {
        name,
        ty: ty.to_owned(),
        array: ty.len() != declared.len(),
        versions: Versions::ALL,
        nullable: Versions::NONE,
        default: None,
        tag: None,
        ignorable: false,
        inflexible: false,
        fields: Vec::new(),
    };
    while let Ok(word) = next() {
        match word {
            "null" => field.nullable = Versions::parse(next()?)?,
            "default" => field.default = Some(next().unwrap_or_default().to_owned()),
            "tag" => {
                let tag = next()?;
                let tag = tag.parse().map_err(|_| format!("`{tag}` is no tag"))?;
                field.tag = Some((tag, Versions::parse(next()?)?));
            }
            "ignorable" => field.ignorable = true,
            "inflexible" => field.inflexible = true,
            versions => field.versions = Versions::parse(versions)?,
        }
    }
    Ok(field)
}

/// Writes a definition in the notation.
pub fn print(definition: &Definition) -> String {
    let mut text = format!("{} {}", definition.kind.word(), definition.name);
    if let Some(number) = definition.number {
        text += &format!(" {number}");
    }
    text += &format!(" versions {}", definition.versions);
    if !definition.flexible.is_empty() {
        text += &format!(" flexible {}", definition.flexible);
    }
    if definition.latest_unstable {
        text += " unstable";
    }
    if !definition.listeners.is_empty() {
        text += &format!(" listeners {}", definition.listeners.join(","));
    }
    text.push('\n');
    print_fields(&mut text, &definition.fields, 1);
    for shared in &definition.structs {
        text += &format!("  struct {}", shared.name);
        if shared.versions != Versions::ALL {
            text += &format!(" {}", shared.versions);
        }
        text.push('\n');
        print_fields(&mut text, &shared.fields, 2);
    }
    text
}

fn print_fields(text: &mut String, fields: &[Field], level: usize) {
    for field in fields {
        let array = if field.array { "[]" } else { "" };
        *text += &format!("{:indent$}{} {array}{}", "", field.name, field.ty, indent = 2 * level);
        if field.versions != Versions::ALL {
            *text += &format!(" {}", field.versions);
        }
        if !field.nullable.is_empty() {
            *text += &format!(" null {}", field.nullable);
        }
        if let Some(default) = field.default.as_ref().filter(|default| !default.is_empty()) {
            *text += &format!(" default {default}");
        }
        if let Some((tag, versions)) = field.tag {
            *text += &format!(" tag {tag} {versions}");
        }
        if field.ignorable {
            *text += " ignorable";
        }
        if field.inflexible {
            *text += " inflexible";
        }
        text.push('\n');
        print_fields(text, &field.fields, level + 1);
    }
}
