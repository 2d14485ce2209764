//! Kafka Streams itself, as a client: a word count with its own repartition and changelog topics.

use std::collections::BTreeMap;
use std::time::Duration;

use testkit::Process;
use testkit::kafka::{KAFKA_4, Kafka};
use tests::program::{Program, test_dir};

const WAIT: Duration = Duration::from_secs(60);

#[test]
fn word_count_at_least_once_and_exactly_once() {
    let Some(kafka) = tests::kafka(KAFKA_4) else { return };
    let program = Program::start(&test_dir("streams"), &["up"]);
    let bootstrap = program.bootstrap.clone();
    for topic in ["lines", "alos-counts", "eos-counts"] {
        let created = kafka.run(
            "topics",
            &["--bootstrap-server", &bootstrap, "--create", "--topic", topic, "--partitions", "2"],
            "",
        );
        assert!(created.success(), "{}", created.text());
    }
    let lines = "all streams lead to kafka\nhello kafka streams\njoin kafka summit\n";
    let produced = kafka.run("console-producer", &["--bootstrap-server", &bootstrap, "--topic", "lines"], lines);
    assert!(produced.success(), "{}", produced.text());

    word_count(&kafka, &program, "at_least_once", "alos");
    word_count(&kafka, &program, "exactly_once_v2", "eos");

    let topics =
        kafka.run("topics", &["--bootstrap-server", &bootstrap, "--describe", "--topic", "eos-words-changelog"], "");
    assert!(
        topics.stdout.contains("cleanup.policy=compact") && topics.stdout.contains("PartitionCount: 2"),
        "{}",
        topics.text()
    );
    program.stop();
}

fn word_count(kafka: &Kafka, program: &Program, guarantee: &str, id: &str) {
    let source = tests::root().join("tests/java/streams/WordCount.java").display().to_string();
    let state = program.data_dir.join(format!("streams-{id}")).display().to_string();
    let mut command = kafka.command("org.example.Placeholder", &[]);
    // The single-file launcher compiles the program in memory: nothing to build.
    command = {
        let mut java = std::process::Command::new(command.get_program());
        java.args(["-Xmx512m", "-cp", kafka.class_path(), &source, &program.bootstrap, guarantee, id, &state]);
        java
    };
    let mut streams = Process::start(&mut command);
    let running = streams.stdout.wait(WAIT, |line| line == "STATE RUNNING");
    assert!(running.is_some(), "{guarantee}: {}\n{}", streams.stdout.all().join("\n"), streams.stderr.all().join("\n"));

    let topic = format!("{id}-counts");
    let expected = BTreeMap::from([
        ("all", 1),
        ("hello", 1),
        ("join", 1),
        ("kafka", 3),
        ("lead", 1),
        ("streams", 2),
        ("summit", 1),
        ("to", 1),
    ]);
    let consume = [
        "--bootstrap-server",
        &program.bootstrap,
        "--topic",
        &topic,
        "--from-beginning",
        "--isolation-level",
        "read_committed",
        "--property",
        "print.key=true",
        "--property",
        "value.deserializer=org.apache.kafka.common.serialization.LongDeserializer",
    ];
    let consumer = Process::start(&mut kafka.command("console-consumer", &consume));
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    let complete = consumer.stdout.wait(WAIT, |line| {
        if let Some((word, count)) = line.split_once('\t') {
            counts.insert(word.to_owned(), count.trim().parse().unwrap_or(-1));
        }
        counts.iter().map(|(word, count)| (word.as_str(), *count)).eq(expected.clone())
    });
    assert!(complete.is_some(), "{guarantee}: {counts:?}\n{}", streams.stdout.all().join("\n"));
    streams.close_input();
    assert!(streams.stdout.wait(WAIT, |line| line == "CLOSED").is_some(), "{guarantee}: {:?}", streams.stdout.all());
    assert!(!streams.stdout.all().iter().any(|line| line.starts_with("FAILED")), "{:?}", streams.stdout.all());
}
