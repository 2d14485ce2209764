//! Apache Kafka itself, from its Maven artifacts: its command-line tools, and whole brokers as peers.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process;
use crate::requirement::program;

/// A Kafka release whose jars are at hand.
#[derive(Clone, Debug)]
pub struct Kafka {
    version: String,
    class_path: String,
}

/// The newest release that the tests use.
pub const KAFKA_4: &str = "4.3.1";
/// The last line with ZooKeeper, whose clients are still everywhere.
pub const KAFKA_3: &str = "3.9.2";

/// Tool, class in Kafka 4, class in Kafka 3.9 where it differs.
const TOOLS: &[(&str, &str, &str)] = &[
    ("acls", "org.apache.kafka.tools.AclCommand", "kafka.admin.AclCommand"),
    ("client-metrics", "org.apache.kafka.tools.ClientMetricsCommand", ""),
    ("configs", "kafka.admin.ConfigCommand", ""),
    ("console-consumer", "org.apache.kafka.tools.consumer.ConsoleConsumer", ""),
    ("console-producer", "org.apache.kafka.tools.ConsoleProducer", "kafka.tools.ConsoleProducer"),
    ("consumer-groups", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", ""),
    ("consumer-perf-test", "org.apache.kafka.tools.ConsumerPerformance", ""),
    ("delete-records", "org.apache.kafka.tools.DeleteRecordsCommand", ""),
    ("dump-log", "org.apache.kafka.tools.DumpLogSegments", "kafka.tools.DumpLogSegments"),
    ("get-offsets", "org.apache.kafka.tools.GetOffsetShell", ""),
    ("producer-perf-test", "org.apache.kafka.tools.ProducerPerformance", ""),
    ("topics", "org.apache.kafka.tools.TopicCommand", ""),
    ("transactions", "org.apache.kafka.tools.TransactionsCommand", ""),
    ("verifiable-consumer", "org.apache.kafka.tools.VerifiableConsumer", ""),
    ("verifiable-producer", "org.apache.kafka.tools.VerifiableProducer", ""),
];

impl Kafka {
    /// Resolves the jars of `version` with the `pom.xml` in `project`, once: the class path is kept in `scratch`.
    pub fn resolve(version: &str, project: &Path, scratch: &Path) -> Result<Self, String> {
        let class_path = class_path(&format!("kafka-{version}"), version, project, scratch)?;
        Ok(Self { version: version.to_owned(), class_path })
    }

    /// The command that runs a tool (by its short name) or a class (by its full name).
    ///
    /// # Panics
    /// When there is no such tool: a mistake in the test.
    #[must_use]
    pub fn command(&self, tool: &str, args: &[&str]) -> Command {
        let class = match TOOLS.iter().find(|(name, ..)| *name == tool) {
            Some((_, _, three)) if self.version.starts_with('3') && !three.is_empty() => three,
            Some((_, four, _)) => four,
            None => {
                assert!(tool.contains('.'), "unknown tool {tool}");
                tool
            }
        };
        let mut java = Command::new("java");
        java.args(["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true"]);
        java.arg("-cp").arg(&self.class_path).arg(class).args(args);
        java
    }

    /// Runs a tool to its end.
    #[must_use]
    pub fn run(&self, tool: &str, args: &[&str], input: &str) -> process::Output {
        process::run(&mut self.command(tool, args), input, Duration::from_secs(120))
    }

    /// The jars, for programs that compile against them.
    #[must_use]
    pub fn class_path(&self) -> &str {
        &self.class_path
    }
}

/// The runtime class path of the Maven project in `project`; asks Maven the first time only.
///
/// `key` names it in `scratch`; `kafka_version` is handed on as `-Dkafka.version`.
pub fn class_path(key: &str, kafka_version: &str, project: &Path, scratch: &Path) -> Result<String, String> {
    program("java")?;
    let kept: PathBuf = scratch.join(format!("{key}.classpath"));
    let present = |text: &String| !text.is_empty() && text.trim().split(':').all(|jar| Path::new(jar).exists());
    if let Some(text) = std::fs::read_to_string(&kept).ok().filter(present) {
        return Ok(text.trim().to_owned());
    }
    let mvn = program("mvn")?;
    std::fs::create_dir_all(scratch).map_err(|e| e.to_string())?;
    // Several tests may ask at once: each writes a file of its own and moves it into place.
    let fresh = scratch.join(format!("{key}.{}.{:?}.new", std::process::id(), std::thread::current().id()));
    let mut command = Command::new(mvn);
    command.args(["-q", "-B", "-Dstyle.color=never", "-f"]).arg(project.join("pom.xml"));
    command.arg(format!("-Dkafka.version={kafka_version}"));
    command.arg("org.apache.maven.plugins:maven-dependency-plugin:3.6.1:build-classpath");
    command.arg("-DincludeScope=runtime").arg(format!("-Dmdep.outputFile={}", fresh.display()));
    let output = process::run(&mut command, "", Duration::from_secs(600));
    if !output.success() {
        return Err(format!("Maven could not resolve Kafka {kafka_version}: {}", output.text()));
    }
    std::fs::rename(&fresh, &kept).map_err(|e| e.to_string())?;
    std::fs::read_to_string(&kept).map(|text| text.trim().to_owned()).map_err(|e| e.to_string())
}
