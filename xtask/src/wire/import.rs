//! Takes the facts out of the message specifications that ship inside Kafka's jars: names, fields, types, versions,
//! nullability, defaults and tags. Needs `unzip`.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use super::definition::{self, Definition, Field, Kind, Struct, Versions};

/// The definition files, by path, for the specifications in `jars`.
pub fn definitions(jars: &[String]) -> Result<BTreeMap<String, String>, String> {
    let mut files: BTreeMap<String, Vec<Definition>> = BTreeMap::new();
    for jar in jars {
        for entry in unzip(&["-Z1", jar])?.lines().filter(|entry| entry.ends_with(".json")) {
            let text = without_comments(&unzip(&["-p", jar, entry])?);
            let json: Value = serde_json::from_str(&text).map_err(|error| format!("{entry}: {error}"))?;
            let message = message(&json).map_err(|error| format!("{entry}: {error}"))?;
            let Some(path) = message.as_ref().and_then(|message| file_of(message, jar)) else { continue };
            files.entry(path).or_default().extend(message);
        }
    }
    let mut printed = BTreeMap::new();
    for (path, mut definitions) in files {
        definitions.sort_by_key(|one| (one.number.filter(|_| one.kind != Kind::Request), one.full_name()));
        let mut text =
            "# Facts of Apache Kafka 4.3's message specifications. The notation: xtask/src/wire/definition.rs\n"
                .to_owned();
        for definition in &definitions {
            text.push('\n');
            text += &definition::print(definition);
        }
        printed.insert(path, text);
    }
    Ok(printed)
}

/// Where a message belongs; `None` for those that a broker and its tools never see.
fn file_of(message: &Definition, jar: &str) -> Option<String> {
    let in_jar = |name: &str| jar.rsplit('/').next().is_some_and(|file| file.starts_with(name));
    Some(match message.kind {
        Kind::Request | Kind::Response => format!("messages/{}.wire", snake(&message.name)),
        Kind::Header => "messages/header.wire".to_owned(),
        Kind::Data if message.name.starts_with("ConsumerProtocol") => "messages/consumer_protocol.wire".to_owned(),
        Kind::Data if message.name == "DefaultPrincipalData" => "messages/principal.wire".to_owned(),
        Kind::Data if in_jar("kafka-clients") => "records/control.wire".to_owned(),
        Kind::Data => return None,
        Kind::Metadata if in_jar("kafka-metadata") => "records/metadata.wire".to_owned(),
        Kind::Metadata => return None,
        Kind::Key | Kind::Value if in_jar("kafka-transaction-coordinator") => "records/transaction.wire".to_owned(),
        Kind::Key | Kind::Value if in_jar("kafka-share-coordinator") => "records/share.wire".to_owned(),
        Kind::Key | Kind::Value if message.name.contains("OffsetCommit") => "records/offset.wire".to_owned(),
        Kind::Key | Kind::Value => "records/group.wire".to_owned(),
    })
}

fn unzip(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("unzip").args(arguments).output().map_err(|error| format!("unzip: {error}"))?;
    if !output.status.success() {
        return Err(format!("unzip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr)));
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}

/// The specifications are JSON with `//` comments.
fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for line in text.lines() {
        let mut in_string = false;
        let bytes = line.as_bytes();
        let mut end = line.len();
        for index in 0..bytes.len() {
            match bytes[index] {
                b'"' if index == 0 || bytes[index - 1] != b'\\' => in_string = !in_string,
                b'/' if !in_string && bytes.get(index + 1) == Some(&b'/') => {
                    end = index;
                    break;
                }
                _ => {}
            }
        }
        kept += &line[..end];
        kept.push('\n');
    }
    kept
}

fn message(json: &Value) -> Result<Option<Definition>, String> {
    let kind = match text(json, "type")? {
        "request" => Kind::Request,
        "response" => Kind::Response,
        "header" => Kind::Header,
        "data" => Kind::Data,
        "coordinator-key" => Kind::Key,
        "coordinator-value" => Kind::Value,
        "metadata" => Kind::Metadata,
        _ => return Ok(None),
    };
    let versions = Versions::parse(text(json, "validVersions")?)?;
    if versions.is_empty() {
        return Ok(None);
    }
    let name = text(json, "name")?;
    let mut structs = Vec::new();
    for shared in json["commonStructs"].as_array().into_iter().flatten() {
        structs.push(Struct {
            name: text(shared, "name")?.to_owned(),
            versions: Versions::parse(text(shared, "versions")?)?,
            fields: fields(shared)?,
        });
    }
    let listeners = json["listeners"].as_array().into_iter().flatten();
    Ok(Some(Definition {
        kind,
        name: name.strip_suffix(kind.suffix()).unwrap_or(name).to_owned(),
        number: json["apiKey"].as_i64().and_then(|number| i16::try_from(number).ok()),
        versions,
        flexible: Versions::parse(text(json, "flexibleVersions")?)?,
        latest_unstable: json["latestVersionUnstable"] == true,
        listeners: listeners.filter_map(Value::as_str).map(str::to_owned).collect(),
        fields: fields(json)?,
        structs,
    }))
}

fn fields(json: &Value) -> Result<Vec<Field>, String> {
    json["fields"].as_array().into_iter().flatten().map(field).collect()
}

fn field(json: &Value) -> Result<Field, String> {
    let declared = text(json, "type")?;
    let ty = declared.strip_prefix("[]").unwrap_or(declared);
    let versions_of = |key: &str| json[key].as_str().map(Versions::parse).transpose();
    let tagged = versions_of("taggedVersions")?;
    let tag = match (json["tag"].as_u64(), tagged) {
        (Some(tag), Some(versions)) => Some((u32::try_from(tag).map_err(|error| error.to_string())?, versions)),
        (None, None) => None,
        _ => return Err(format!("field {} has a tag without versions", json["name"])),
    };
    Ok(Field {
        name: snake(text(json, "name")?),
        ty: ty.to_owned(),
        array: ty.len() != declared.len(),
        versions: versions_of("versions")?.or(tagged).ok_or("a field has no versions")?,
        nullable: versions_of("nullableVersions")?.unwrap_or(Versions::NONE),
        default: match &json["default"] {
            Value::String(text) => Some(text.clone()),
            // Kafka's own generator takes a bare `null` for "not given", which is not the same as the text "null".
            Value::Null => None,
            other => Some(other.to_string()),
        },
        tag,
        ignorable: json["ignorable"] == true,
        inflexible: json["flexibleVersions"] == "none",
        fields: fields(json)?,
    })
}

fn text<'a>(json: &'a Value, key: &str) -> Result<&'a str, String> {
    json[key].as_str().ok_or_else(|| format!("`{key}` is missing"))
}

/// `KRaftVersionFeature` is `k_raft_version_feature`, `lastKnownELR` is `last_known_elr`.
pub fn snake(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (index, letter) in letters.iter().enumerate() {
        let after_lower = index > 0 && !letters[index - 1].is_uppercase();
        let before_lower = letters.get(index + 1).is_some_and(|next| next.is_lowercase());
        if index > 0 && letter.is_uppercase() && (after_lower || before_lower) {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    out
}
