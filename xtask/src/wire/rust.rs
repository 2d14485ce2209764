//! Definitions become Rust: one module per message, each struct with one function that reads it and one that writes it,
//! over the few that `wire::field` has by hand. Small code on purpose: there is a lot of it.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Family;
use super::definition::{Definition, Field, Kind, Struct, Versions};
use super::import::snake;

/// All generated files by their path in the crate.
pub fn sources(families: &[Family]) -> Result<BTreeMap<String, String>, String> {
    let mut files = BTreeMap::new();
    let mut messages = Vec::new();
    let mut records: BTreeMap<&str, Vec<&Definition>> = BTreeMap::new();
    for family in families {
        for definition in &family.definitions {
            let name = definition.full_name();
            let source = module(definition).map_err(|error| format!("{name}: {error}"))?;
            let path = if family.group == "messages" {
                messages.push(definition);
                format!("src/messages/{}.rs", snake(&name))
            } else {
                records.entry(&family.name).or_default().push(definition);
                format!("src/records/{}/{}.rs", family.name, snake(&name))
            };
            files.insert(path, source);
        }
    }
    files.insert("src/messages.rs".to_owned(), message_list(&messages));
    let mut door =
        "//! The records of Kafka's internal topics, by topic. Written by `cargo xtask wire`.\n\n".to_owned();
    for (family, definitions) in &records {
        let _ = writeln!(door, "pub mod {family};");
        files.insert(format!("src/records/{family}.rs"), record_list(family, definitions));
    }
    files.insert("src/records.rs".to_owned(), door);
    files.insert("src/api_key/table.rs".to_owned(), api_keys(&messages));
    files.insert("tests/corpus/every_message.rs".to_owned(), every_message(&messages, &records));
    Ok(files)
}

/// What tests walk over: each message's name, versions and codec behind one function pointer.
fn every_message(messages: &[&Definition], records: &BTreeMap<&str, Vec<&Definition>>) -> String {
    let mut out = "//! Every message by name. Written by `cargo xtask wire`.\n\nuse super::Entry;\n".to_owned();
    out += "use wire::messages as m;\nuse wire::records as r;\n\npub const ALL: &[Entry] = &[\n";
    for one in messages {
        let name = one.full_name();
        let _ = writeln!(out, "Entry::of::<m::{}::{name}>(),", snake(&name));
    }
    for (family, definitions) in records {
        for one in definitions {
            let _ = writeln!(out, "Entry::of::<r::{family}::{}>(),", one.full_name());
        }
    }
    out + "];\n"
}

fn message_list(messages: &[&Definition]) -> String {
    let mut out =
        "//! The messages of the network protocol, one module each. Written by `cargo xtask wire`.\n\n".to_owned();
    for message in messages {
        let _ = writeln!(out, "pub mod {};", snake(&message.full_name()));
    }
    out
}

fn record_list(family: &str, definitions: &[&Definition]) -> String {
    let about = match family {
        "control" => "Contents of control records",
        "group" => "`__consumer_offsets`: the records of groups of every kind",
        "metadata" => "`__cluster_metadata`",
        "offset" => "`__consumer_offsets`: committed offsets",
        "share" => "`__share_group_state`",
        "transaction" => "`__transaction_state`",
        _ => "Internal records",
    };
    let mut out = format!("//! {about}. Written by `cargo xtask wire`.\n\n");
    for one in definitions {
        let _ = writeln!(out, "pub mod {};", snake(&one.full_name()));
    }
    out.push('\n');
    for one in definitions {
        let _ = writeln!(out, "pub use {}::{};", snake(&one.full_name()), one.full_name());
    }
    if family == "metadata" {
        out += &metadata_enum(definitions);
    }
    out
}

/// One enum over all records of `__cluster_metadata`.
fn metadata_enum(definitions: &[&Definition]) -> String {
    let variant = |one: &Definition| one.name.trim_end_matches("Record").to_owned();
    let mut names = String::new();
    let mut read = String::new();
    let mut write = String::new();
    let mut kind = String::new();
    let mut max = String::new();
    for one in definitions {
        let (name, number) = (one.full_name(), one.number.unwrap_or(-1));
        let variant = variant(one);
        let _ = writeln!(names, "{variant}({name}),");
        let _ = writeln!(read, "{number} => Self::{variant}({name}::decode(r, version)?),");
        let _ = writeln!(write, "Self::{variant}(record) => record.encode(w, version),");
        let _ = writeln!(kind, "Self::{variant}(_) => {number},");
        let _ = writeln!(max, "Self::{variant}(_) => {},", one.versions.max);
    }
    format!(
        "
use crate::generated::*;

/// Any record of `__cluster_metadata`. [`crate::metadata`] turns it into bytes and back.
#[derive(Debug, Clone, PartialEq)]
pub enum MetadataRecord {{ {names} }}

impl MetadataRecord {{
    /// The record's number in its frame.
    pub fn record_type(&self) -> i16 {{ match self {{ {kind} }} }}

    /// The newest version of the record.
    pub fn version_max(&self) -> i16 {{ match self {{ {max} }} }}

    pub(crate) fn read(record_type: i16, r: &mut Reader, version: i16) -> Result<Self, DecodeError> {{
        Ok(match record_type {{ {read} other => return Err(DecodeError::UnexpectedType(other)) }})
    }}

    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {{
        match self {{ {write} }}
    }}
}}
"
    )
}

fn api_keys(messages: &[&Definition]) -> String {
    let mut requests: Vec<_> = messages.iter().filter(|one| one.kind == Kind::Request).collect();
    requests.sort_by_key(|one| one.number);
    let (mut variants, mut all, mut facts) = (String::new(), String::new(), String::new());
    for request in requests {
        let name = &request.name;
        let response = messages.iter().find(|one| one.kind == Kind::Response && one.name == *name);
        let from = |one: &Definition| {
            if one.flexible.is_empty() { "i16::MAX".to_owned() } else { one.flexible.min.to_string() }
        };
        let response_from = response.map_or_else(|| "i16::MAX".to_owned(), |one| from(one));
        let _ = writeln!(variants, "{name} = {},", request.number.unwrap_or(-1));
        let _ = writeln!(all, "Self::{name},");
        let _ = writeln!(
            facts,
            "Self::{name} => Facts {{ name: \"{name}\", versions: {}..={}, latest_unstable: {}, broker: {}, request_flexible_from: {}, \
             response_flexible_from: {response_from} }},",
            request.versions.min,
            request.versions.max,
            request.latest_unstable,
            request.listeners.iter().any(|listener| listener == "broker"),
            from(request),
        );
    }
    format!(
        "//! The numbers of the protocol's requests. Written by `cargo xtask wire`.

use super::Facts;

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum ApiKey {{ {variants} }}

impl ApiKey {{
    /// All of them, by number.
    pub const ALL: &[Self] = &[ {all} ];

    pub(super) const fn facts(self) -> Facts {{ match self {{ {facts} }} }}
}}
"
    )
}

fn module(message: &Definition) -> Result<String, String> {
    let name = message.full_name();
    let mut out = format!(
        "//! {name}, versions {}. Written by `cargo xtask wire`.\n\nuse crate::generated::*;\n\n",
        match message.versions {
            Versions { min, max } if min == max => format!("{min} only"),
            Versions { min, max } => format!("{min} to {max}"),
        }
    );
    let flexible = message.versions.and(message.flexible);
    let generator = Generator { message, flexible: !flexible.is_empty() };
    generator.structure(&mut out, &name, &message.fields, message.versions)?;
    let _ = write!(
        out,
        "\nimpl Message for {name} {{
    const NAME: &'static str = \"{name}\";
    const VERSIONS: RangeInclusive<i16> = {}..={};
    const FLEXIBLE_FROM: i16 = {};
}}\n",
        message.versions.min,
        message.versions.max,
        if flexible.is_empty() { "i16::MAX".to_owned() } else { message.flexible.min.to_string() },
    );
    match (message.kind, message.number) {
        (Kind::Request, _) => {
            let response = format!("{}Response", message.name);
            let _ = write!(
                out,
                "\nimpl Request for {name} {{
    const KEY: ApiKey = ApiKey::{};
    type Response = crate::messages::{}::{response};
}}\n",
                message.name,
                snake(&response)
            );
        }
        (Kind::Key, Some(number)) => {
            let _ = writeln!(out, "\nimpl CoordinatorKey for {name} {{\n    const TYPE: i16 = {number};\n}}");
        }
        (Kind::Value, Some(number)) => {
            let _ = writeln!(out, "\nimpl CoordinatorValue for {name} {{\n    const TYPE: i16 = {number};\n}}");
        }
        _ => {}
    }
    for Struct { name, versions, fields } in &message.structs {
        generator.structure(&mut out, name, fields, message.versions.and(*versions))?;
    }
    Ok(out)
}

struct Generator<'a> {
    message: &'a Definition,
    /// Whether any version is.
    flexible: bool,
}

impl Generator<'_> {
    /// A struct that exists in the versions `context`, then those defined inside it.
    fn structure(&self, out: &mut String, name: &str, fields: &[Field], context: Versions) -> Result<(), String> {
        let fields: Vec<Plan> = fields
            .iter()
            .filter(|field| !field.versions.and(context).is_empty())
            .map(|field| self.plan(field, context))
            .collect::<Result<_, String>>()?;
        let derived = fields.iter().all(|plan| plan.default == plan.rust_default);
        let default = if derived { ", Default" } else { "" };
        let _ = writeln!(out, "\n#[derive(Debug, Clone, PartialEq{default})]\npub struct {name} {{");
        for plan in &fields {
            let _ = writeln!(out, "pub {}: {},", plan.ident, plan.ty);
        }
        out.push_str("}\n");
        if !derived {
            let _ = writeln!(out, "\nimpl Default for {name} {{\nfn default() -> Self {{\nSelf {{");
            for plan in &fields {
                let _ = writeln!(out, "{}: {},", plan.ident, plan.default);
            }
            out.push_str("}\n}\n}\n");
        }
        self.element(out, name, &fields, context);
        for Plan { field, .. } in &fields {
            if !field.fields.is_empty() {
                self.structure(out, &field.ty, &field.fields, field.versions.and(context))?;
            }
        }
        Ok(())
    }

    fn element(&self, out: &mut String, name: &str, fields: &[Plan], context: Versions) {
        let (mut read, mut write, mut read_tags, mut write_tags) = Default::default();
        let mut tagged: Vec<&Plan> = fields.iter().filter(|plan| !plan.tagged.is_empty()).collect();
        tagged.sort_by_key(|plan| plan.field.tag.map(|(tag, _)| tag));
        for plan in fields {
            plan.regular(&mut read, &mut write, context);
        }
        for plan in &tagged {
            plan.tag(&mut read_tags, &mut write_tags, context);
        }
        if !tagged.is_empty() {
            let _ = write!(
                read,
                "let mut tags = r.tags()?;\nwhile let Some(tag) = tags.next(r)? {{\nmatch tag {{\n{read_tags} _ => tags.skip(r),\n}}\n}}\n"
            );
            let _ = write!(write, "let tags = w.tags();\n{write_tags}");
        } else if self.flexible {
            read += "r.skip_tags()?;\n";
            write += "w.no_tags();\n";
        }
        let read = if read.contains("s.") {
            format!("let mut s = Self::default();\n{read}Ok(s)")
        } else {
            format!("{read}Ok(Self::default())")
        };
        let name_if_used = |body: &str, name: &'static str| {
            let mut words = body.split(|c: char| !c.is_alphanumeric() && c != '_');
            if words.any(|word| word == name) { name } else { "_" }
        };
        let _ = write!(
            out,
            "\nimpl Element for {name} {{
fn read({}: &mut Reader, {}: i16) -> Result<Self, DecodeError> {{
{read}
}}

fn write(&self, {}: &mut Writer, {}: i16) -> Result<(), EncodeError> {{
{write}Ok(())
}}
}}\n",
            name_if_used(&read, "r"),
            name_if_used(&read, "v"),
            name_if_used(&write, "w"),
            name_if_used(&write, "v"),
        );
    }

    fn plan<'a>(&self, field: &'a Field, context: Versions) -> Result<Plan<'a>, String> {
        let present = field.versions.and(context);
        let tagged = field.tag.map_or(Versions::NONE, |(_, versions)| versions.and(present));
        let regular = match tagged {
            tagged if tagged.is_empty() => present,
            tagged if tagged.max == present.max => {
                Versions { min: present.min, max: tagged.min - 1 }.and(Versions::ALL)
            }
            _ => return Err(format!("{} stops being tagged", field.name)),
        };
        let nullable = field.nullable.and(present);
        let element = match field.ty.as_str() {
            "bool" => "bool",
            "int8" => "i8",
            "int16" => "i16",
            "uint16" => "u16",
            "int32" => "i32",
            "uint32" => "u32",
            "int64" => "i64",
            "float64" => "f64",
            "string" => "Str",
            "bytes" => "Bytes",
            "records" => "Records",
            "uuid" => "Uuid",
            other if self.is_struct(other, field) => other,
            other => return Err(format!("{} has the unknown type {other}", field.name)),
        };
        let kind = match element {
            _ if field.array => FieldKind::Array,
            "Str" => FieldKind::Text,
            "Bytes" => FieldKind::Bytes,
            "Records" => FieldKind::Records,
            "Uuid" => FieldKind::Uuid,
            "bool" => FieldKind::Bool,
            "f64" => FieldKind::Float,
            _ if element.chars().next().is_some_and(char::is_lowercase) => FieldKind::Number,
            _ => FieldKind::Struct,
        };
        let optional = !nullable.is_empty() && kind != FieldKind::Records;
        let base = if field.array { format!("Vec<{element}>") } else { element.to_owned() };
        let declared = field.default.as_deref().filter(|default| !default.is_empty());
        let empty = match kind {
            FieldKind::Array => "Vec::new()".to_owned(),
            FieldKind::Text => match declared {
                Some(text) if text != "null" => format!("Str::from_static({text:?})"),
                _ => "Str::EMPTY".to_owned(),
            },
            FieldKind::Bytes => "Bytes::new()".to_owned(),
            FieldKind::Records => "Records::Null".to_owned(),
            FieldKind::Uuid => "Uuid::ZERO".to_owned(),
            FieldKind::Bool => declared.unwrap_or("false").to_owned(),
            FieldKind::Float => "0.0".to_owned(),
            FieldKind::Number => number(declared.unwrap_or("0"))?,
            FieldKind::Struct => format!("{element}::default()"),
        };
        let default = match declared {
            Some("null") if optional => "None".to_owned(),
            _ if optional => format!("Some({empty})"),
            _ => empty.clone(),
        };
        let rust_default = if optional {
            "None".to_owned()
        } else {
            match kind {
                FieldKind::Text => "Str::EMPTY".to_owned(),
                FieldKind::Bool => "false".to_owned(),
                FieldKind::Number => "0".to_owned(),
                _ => empty,
            }
        };
        let ident = match field.name.as_str() {
            word @ ("type" | "match") => format!("{word}_"),
            name => name.to_owned(),
        };
        if kind == FieldKind::Struct && optional && !nullable.contains(present) {
            return Err(format!("{} is a struct that is nullable at some versions only", field.name));
        }
        let ty = if optional { format!("Option<{base}>") } else { base };
        Ok(Plan { field, ident, ty, kind, optional, default, rust_default, regular, tagged, nullable })
    }

    fn is_struct(&self, name: &str, field: &Field) -> bool {
        !field.fields.is_empty() || self.message.structs.iter().any(|shared| shared.name == name)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FieldKind {
    Array,
    Text,
    Bytes,
    Records,
    Uuid,
    Bool,
    Float,
    Number,
    Struct,
}

/// What becomes of one field.
struct Plan<'a> {
    field: &'a Field,
    ident: String,
    ty: String,
    kind: FieldKind,
    /// Whether it is an `Option`.
    optional: bool,
    /// The specification's default and Rust's own.
    default: String,
    rust_default: String,
    /// Versions with the field among the others, and with the field behind them under its tag.
    regular: Versions,
    tagged: Versions,
    nullable: Versions,
}

impl Plan<'_> {
    fn regular(&self, read: &mut String, write: &mut String, context: Versions) {
        let ident = &self.ident;
        if !self.regular.is_empty() {
            let (get, put) = self.get_and_put(context);
            match condition(self.regular, context) {
                None => {
                    let _ = writeln!(read, "s.{ident} = {get};");
                    let _ = writeln!(write, "{put};");
                }
                Some(condition) => {
                    let _ = writeln!(read, "if {condition} {{ s.{ident} = {get}; }}");
                    let _ = write!(write, "if {condition} {{ {put}; }}");
                    let _ = match self.absent() {
                        Some(absent) if self.tagged.is_empty() => writeln!(write, " else {{ {absent}; }}"),
                        _ => writeln!(write),
                    };
                }
            }
        }
    }

    fn tag(&self, read: &mut String, write: &mut String, context: Versions) {
        let ident = &self.ident;
        let tag = self.field.tag.map_or(0, |(tag, _)| tag);
        let nullable_struct = self.optional && self.kind == FieldKind::Struct;
        let (get, put) = if nullable_struct { ("get_tagged_struct", "put_tagged_struct") } else { ("get", "put") };
        let field = format!("tags.put(w, {tag}, {}, |w| w.{put}(&self.{ident}, v))?;", self.is_default());
        match condition(self.tagged, context) {
            None => {
                let _ = writeln!(read, "{tag} => s.{ident} = r.{get}(v)?,");
                let _ = writeln!(write, "{field}");
            }
            Some(condition) => {
                let _ = writeln!(read, "{tag} if {condition} => s.{ident} = r.{get}(v)?,");
                let _ = write!(write, "if {condition} {{ {field} }}");
                let _ = match self.absent() {
                    Some(absent) if self.regular.is_empty() => writeln!(write, " else {{ {absent}; }}"),
                    _ => writeln!(write),
                };
            }
        }
    }

    fn get_and_put(&self, context: Versions) -> (String, String) {
        let ident = &self.ident;
        let nullable = self.nullable.and(self.regular);
        if self.kind == FieldKind::Records {
            let nullable = match condition(nullable, context.and(self.regular)) {
                _ if nullable.is_empty() => "false".to_owned(),
                None => "true".to_owned(),
                Some(condition) => condition,
            };
            return (
                format!("r.get_records({nullable})?"),
                format!("w.put_records(&self.{ident}, {nullable}, \"{ident}\")?"),
            );
        }
        if self.field.inflexible {
            return ("r.get_inflexible(v)?".to_owned(), format!("w.put_inflexible(&self.{ident}, v)?"));
        }
        if self.optional && self.kind == FieldKind::Struct {
            return ("r.get_struct(v)?".to_owned(), format!("w.put_struct(&self.{ident}, v)?"));
        }
        let plain = ("r.get(v)?".to_owned(), format!("w.put(&self.{ident}, v)?"));
        let some = ("r.get_some(v)?".to_owned(), format!("w.put_some(&self.{ident}, \"{ident}\", v)?"));
        if !self.optional || nullable == self.regular {
            plain
        } else if nullable.is_empty() {
            some
        } else {
            let condition = condition(nullable, self.regular).unwrap_or_else(|| "true".to_owned());
            (
                format!("if {condition} {{ {} }} else {{ {} }}", plain.0, some.0),
                format!("if {condition} {{ {}; }} else {{ {}; }}", plain.1, some.1),
            )
        }
    }

    fn absent(&self) -> Option<String> {
        let ident = &self.ident;
        (!self.field.ignorable).then(|| format!("w.absent({}, \"{ident}\")?", self.is_default()))
    }

    fn is_default(&self) -> String {
        let ident = &self.ident;
        match self.kind {
            _ if self.default == "None" => format!("self.{ident}.is_none()"),
            FieldKind::Records => format!("self.{ident}.is_null()"),
            FieldKind::Struct | FieldKind::Text if self.optional => format!("self.{ident} == {}", self.default),
            _ if self.optional => format!("self.{ident}.as_ref().is_some_and(|value| value.is_empty())"),
            FieldKind::Text if self.default != "Str::EMPTY" => format!("self.{ident} == {}", self.default),
            FieldKind::Array | FieldKind::Bytes | FieldKind::Text => format!("self.{ident}.is_empty()"),
            FieldKind::Uuid => format!("self.{ident}.is_zero()"),
            FieldKind::Bool if self.default == "false" => format!("!self.{ident}"),
            FieldKind::Bool => format!("self.{ident}"),
            FieldKind::Float | FieldKind::Number | FieldKind::Struct => format!("self.{ident} == {}", self.default),
        }
    }
}

/// The test that tells `versions` from the rest of `context`; `None` if they are all of it.
fn condition(versions: Versions, context: Versions) -> Option<String> {
    let versions = versions.and(context);
    let from_start = versions.min == context.min;
    let to_end = versions.max == context.max;
    match (from_start, to_end) {
        (true, true) => None,
        (true, false) => Some(format!("v <= {}", versions.max)),
        (false, true) => Some(format!("v >= {}", versions.min)),
        (false, false) if versions.min == versions.max => Some(format!("v == {}", versions.min)),
        (false, false) => Some(format!("({}..={}).contains(&v)", versions.min, versions.max)),
    }
}

fn number(text: &str) -> Result<String, String> {
    let value = match text.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    match value {
        Ok(i64::MAX) => Ok("i64::MAX".to_owned()),
        Ok(value) if value == i64::from(i32::MAX) => Ok("i32::MAX".to_owned()),
        Ok(value) => Ok(value.to_string()),
        Err(_) => Err(format!("`{text}` is no number")),
    }
}
