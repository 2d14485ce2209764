//! What the program says when it is up: six lines on standard error.

use std::path::PathBuf;

use millstream::{Durability, Millstream, StartOptions};

/// What the banner needs of the options, which are gone by then.
pub(super) struct Facts {
    data_dir: PathBuf,
    durability: Durability,
    sql: Vec<String>,
    every: Option<String>,
    demo: bool,
}

impl Facts {
    pub fn of(options: &StartOptions) -> Self {
        Self {
            data_dir: options.data_dir.clone(),
            durability: options.durability,
            sql: options.sql.iter().map(|sql| sql.name.clone()).collect(),
            every: options.settings.get("supplier.every").map(str::to_owned),
            demo: options.demo,
        }
    }
}

pub(super) fn print(millstream: &Millstream, facts: &Facts) {
    let (http, bootstrap) = (millstream.http(), millstream.bootstrap());
    let data_dir = facts.data_dir.display();
    let promise = match facts.durability {
        Durability::Fsync => "synced before every acknowledgement",
        Durability::Os => "NOT synced: --durability os survives a crash, not a power loss",
    };
    let topics: Vec<String> = millstream.instance().topics(false).into_iter().map(|topic| topic.name).collect();
    let topics = if topics.is_empty() { "none yet".to_owned() } else { topics.join(" ") };
    let every = facts.every.as_deref().map(|every| format!(", supplier.every = {every}")).unwrap_or_default();
    let sql = match (facts.sql.is_empty(), facts.demo) {
        (true, _) => "none given: write statements with `millstream sql`".to_owned(),
        (false, true) => format!("{} (the demo{every})", facts.sql.join(" ")),
        (false, false) => facts.sql.join(" "),
    };
    let attempt = if facts.demo {
        format!("curl http://{http}/publish/R2/P1   or any Kafka tool: --bootstrap-server {bootstrap} --topic R4")
    } else {
        format!("millstream consume --bootstrap-server {bootstrap} --topic TOPIC   or any Kafka tool")
    };
    eprintln!(
        "console    http://{http}/\n\
         bootstrap  {bootstrap}   (Kafka; {promise})\n\
         topics     {topics}\n\
         sql        {sql}\n\
         try        {attempt}\n\
         stop       Ctrl-C; the data stay in {data_dir}"
    );
}
