//! Apache Kafka's own command-line tools, 4.3 and 3.9.

use std::time::Duration;

use testkit::Process;
use testkit::kafka::{KAFKA_3, KAFKA_4, Kafka};
use testkit::process::Output;
use tests::program::{Program, test_dir};

const WAIT: Duration = Duration::from_secs(60);

struct Bench {
    kafka: Kafka,
    program: Program,
}

impl Bench {
    fn start(name: &str, version: &str) -> Option<Self> {
        let kafka = tests::kafka(version)?;
        let program = Program::start(&test_dir(name), &["up"]);
        Some(Self { kafka, program })
    }

    fn run(&self, tool: &str, args: &[&str], input: &str) -> Output {
        // Two tools name the address otherwise.
        let server = match tool {
            "verifiable-producer" | "verifiable-consumer" => "--bootstrap-server",
            _ => "--bootstrap-server",
        };
        let mut all = vec![server, &self.program.bootstrap];
        all.extend(args);
        self.kafka.run(tool, &all, input)
    }

    /// Runs a tool that must succeed and print all of `expected`.
    fn check(&self, tool: &str, args: &[&str], input: &str, expected: &[&str]) -> String {
        let output = self.run(tool, args, input);
        assert!(output.success(), "{tool} {args:?} ended with {:?}:\n{}", output.status, output.text());
        for part in expected {
            assert!(output.text().contains(part), "{tool} {args:?} did not print {part:?} but:\n{}", output.text());
        }
        output.stdout
    }
}

#[test]
fn tools_of_kafka_4() {
    if let Some(bench) = Bench::start("tools-4", KAFKA_4) {
        tools(&bench, "4");
    }
}

#[test]
fn tools_of_kafka_3_9() {
    if let Some(bench) = Bench::start("tools-3.9", KAFKA_3) {
        tools(&bench, "3");
    }
}

fn tools(bench: &Bench, line: &str) {
    topics_and_configs(bench);
    console_pair(bench);
    offsets_and_groups(bench);
    perf(bench, line);
    verifiable(bench);
}

fn topics_and_configs(bench: &Bench) {
    let created = ["--create", "--topic", "orders", "--partitions", "3", "--config", "retention.ms=86400000"];
    bench.check("topics", &created, "", &["Created topic orders."]);
    bench.check("topics", &["--list"], "", &["orders"]);
    let described =
        ["Topic: orders", "PartitionCount: 3", "ReplicationFactor: 1", "retention.ms=86400000", "Leader: 1"];
    bench.check("topics", &["--describe", "--topic", "orders"], "", &described);
    bench.check("topics", &["--alter", "--topic", "orders", "--partitions", "4"], "", &[]);
    bench.check("topics", &["--describe", "--topic", "orders"], "", &["PartitionCount: 4", "Partition: 3"]);

    let again = bench.run("topics", &created, "");
    assert!(!again.success() && again.text().contains("already exists"), "{}", again.text());
    let missing = bench.run("topics", &["--describe", "--topic", "nothing"], "");
    assert!(!missing.success(), "{}", missing.text());

    let entity = ["--entity-type", "topics", "--entity-name", "orders"];
    let alter =
        [&entity[..], &["--alter", "--add-config", "max.message.bytes=4096,cleanup.policy=[compact,delete]"]].concat();
    bench.check("configs", &alter, "", &["Completed updating config"]);
    let describe = [&entity[..], &["--describe"]].concat();
    bench.check(
        "configs",
        &describe,
        "",
        &["max.message.bytes=4096", "cleanup.policy=compact,delete", "DYNAMIC_TOPIC_CONFIG"],
    );
    let delete = [&entity[..], &["--alter", "--delete-config", "max.message.bytes,cleanup.policy"]].concat();
    bench.check("configs", &delete, "", &["Completed updating config"]);
    let all = [&entity[..], &["--describe", "--all"]].concat();
    bench.check(
        "configs",
        &all,
        "",
        &["cleanup.policy=delete", "max.message.bytes=1048588", "segment.bytes=1073741824"],
    );
    let wrong = [&entity[..], &["--alter", "--add-config", "retention.ms=soon"]].concat();
    let refused = bench.run("configs", &wrong, "");
    assert!(!refused.success() && refused.text().contains("retention.ms"), "{}", refused.text());
    bench.check(
        "configs",
        &["--entity-type", "brokers", "--entity-name", "1", "--describe", "--all"],
        "",
        &["num.partitions"],
    );

    // What is not there is said as Kafka says it: no authorizer, no quotas, no metrics' subscriptions.
    let acls = bench.run("acls", &["--list"], "");
    assert!(acls.text().contains("SecurityDisabledException"), "{}", acls.text());
    bench.check("configs", &["--entity-type", "clients", "--describe"], "", &[]);
    bench.check("client-metrics", &["--list"], "", &[]);

    bench.check("topics", &["--create", "--topic", "doomed"], "", &["Created"]);
    bench.check("topics", &["--delete", "--topic", "doomed"], "", &[]);
    let list = bench.check("topics", &["--list"], "", &[]);
    assert!(!list.lines().any(|topic| topic == "doomed"), "{list}");
}

fn console_pair(bench: &Bench) {
    let produce = ["--topic", "orders", "--property", "parse.key=true", "--property", "key.separator=:"];
    bench.check("console-producer", &produce, "k1:one\nk2:two\nk3:three\n", &[]);
    for codec in ["gzip", "snappy", "lz4", "zstd"] {
        bench.check(
            "console-producer",
            &["--topic", "orders", "--compression-codec", codec],
            &format!("{codec}\n"),
            &[],
        );
    }
    let consume = [
        "--topic",
        "orders",
        "--from-beginning",
        "--max-messages",
        "7",
        "--timeout-ms",
        "30000",
        "--property",
        "print.key=true",
        "--property",
        "print.value=true",
        "--property",
        "key.deserializer=org.apache.kafka.common.serialization.StringDeserializer",
        "--property",
        "value.deserializer=org.apache.kafka.common.serialization.StringDeserializer",
    ];
    let printed = bench.check("console-consumer", &consume, "", &["k1\tone", "k2\ttwo", "k3\tthree"]);
    for codec in ["gzip", "snappy", "lz4", "zstd"] {
        assert!(printed.contains(&format!("null\t{codec}")), "{printed}");
    }
}

fn offsets_and_groups(bench: &Bench) {
    let consume =
        ["--topic", "orders", "--from-beginning", "--max-messages", "7", "--timeout-ms", "30000", "--group", "readers"];
    bench.check("console-consumer", &consume, "", &["one"]);
    bench.check("consumer-groups", &["--list"], "", &["readers"]);
    let described = bench.check("consumer-groups", &["--describe", "--group", "readers"], "", &["orders"]);
    let lag: i64 = described
        .lines()
        .filter(|line| line.contains("orders"))
        .map(|line| line.split_whitespace().nth(5).and_then(|lag| lag.parse().ok()).unwrap_or(-1_000_000))
        .sum();
    assert_eq!(lag, 0, "{described}");
    bench.check("consumer-groups", &["--describe", "--group", "readers", "--state"], "", &["Empty"]);
    let reset = ["--reset-offsets", "--group", "readers", "--topic", "orders", "--to-earliest", "--execute"];
    bench.check("consumer-groups", &reset, "", &["orders"]);
    bench.check("consumer-groups", &["--delete", "--group", "readers"], "", &["successful"]);

    let offsets = bench.check("get-offsets", &["--topic", "orders"], "", &["orders:0:", "orders:3:"]);
    let total =
        |text: &str| -> i64 { text.lines().filter_map(|line| line.rsplit(':').next()?.parse::<i64>().ok()).sum() };
    assert_eq!(total(&offsets), 7, "{offsets}");

    let busiest = offsets.lines().max_by_key(|line| total(line)).expect("four partitions");
    let mut fields = busiest.split(':').skip(1).map(|field| field.parse::<i64>().expect("a number"));
    let (partition, end) = (fields.next().expect("partition"), fields.next().expect("offset"));
    let file = bench.program.data_dir.join("delete.json");
    let wish = format!(r#"{{"partitions":[{{"topic":"orders","partition":{partition},"offset":{end}}}],"version":1}}"#);
    std::fs::write(&file, wish).expect("the file can be written");
    let file = file.display().to_string();
    bench.check("delete-records", &["--offset-json-file", &file], "", &[&format!("low_watermark: {end}")]);
    let earliest = bench.check("get-offsets", &["--topic", "orders", "--time", "earliest"], "", &[]);
    assert!(earliest.contains(&format!("orders:{partition}:{end}")), "{earliest}");
}

fn perf(bench: &Bench, line: &str) {
    let bootstrap = format!("bootstrap.servers={}", bench.program.bootstrap);
    let args = [
        "--topic",
        "perf",
        "--num-records",
        "20000",
        "--record-size",
        "100",
        "--throughput",
        "-1",
        "--producer-props",
        &bootstrap,
    ];
    let output = bench.kafka.run("producer-perf-test", &args, "");
    assert!(output.success() && output.stdout.contains("20000 records sent"), "{}", output.text());
    let transactional = [&args[..], &["--transactional-id", "perf-txn", "--transaction-duration-ms", "50"]].concat();
    let output = bench.kafka.run("producer-perf-test", &transactional, "");
    assert!(output.success() && output.stdout.contains("20000 records sent"), "{}", output.text());
    let messages = if line == "3" { "--messages" } else { "--num-records" };
    let consumed = bench.run("consumer-perf-test", &["--topic", "perf", messages, "40000", "--timeout", "30000"], "");
    let counts = |text: &str| {
        text.lines()
            .any(|line| line.split(", ").nth(4).and_then(|n| n.trim().parse::<i64>().ok()).is_some_and(|n| n >= 40000))
    };
    assert!(consumed.success() && counts(&consumed.stdout), "{}", consumed.text());
}

fn verifiable(bench: &Bench) {
    let produced = bench.check(
        "verifiable-producer",
        &["--topic", "verified", "--max-messages", "500", "--acks", "-1"],
        "",
        &[r#""sent":500"#, r#""acked":500"#],
    );
    assert!(!produced.contains("producer_send_error"), "{produced}");
    let args = [
        "--bootstrap-server",
        &bench.program.bootstrap,
        "--topic",
        "verified",
        "--group-id",
        "verifiers",
        "--max-messages",
        "500",
        "--reset-policy",
        "earliest",
    ];
    let mut consumer = Process::start(&mut bench.kafka.command("verifiable-consumer", &args));
    let status = consumer.wait(WAIT);
    let printed = consumer.stdout.all().join("\n");
    assert!(status.is_some_and(|s| s.success()), "{printed}\n{}", consumer.stderr.all().join("\n"));
    let consumed: i64 = printed
        .lines()
        .filter(|line| line.contains(r#""name":"records_consumed""#))
        .map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).expect("it prints JSON");
            event["count"].as_i64().expect("a count")
        })
        .sum();
    assert_eq!(consumed, 500, "{printed}");
    assert!(printed.contains(r#""name":"offsets_committed""#) && !printed.contains(r#""success":false"#), "{printed}");
}

/// Every kind of file that we write, read by Kafka's own reader, which prints faults and exits 0.
#[test]
fn dump_log_finds_no_fault() {
    let Some(bench) = Bench::start("dump-log", KAFKA_4) else { return };
    let bootstrap = format!("bootstrap.servers={}", bench.program.bootstrap);
    bench.check(
        "topics",
        &[
            "--create",
            "--topic",
            "dumped",
            "--config",
            "segment.bytes=1048576",
            "--config",
            "index.interval.bytes=1024",
        ],
        "",
        &[],
    );
    let plain = [
        "--topic",
        "dumped",
        "--num-records",
        "30000",
        "--record-size",
        "100",
        "--throughput",
        "-1",
        "--producer-props",
        &bootstrap,
        "batch.size=2000",
    ];
    let transactional = [&plain[..], &["--transactional-id", "dump-txn", "--transaction-duration-ms", "100"]].concat();
    for args in [&plain[..], &transactional] {
        let output = bench.kafka.run("producer-perf-test", args, "");
        assert!(output.success(), "{}", output.text());
    }
    bench.check(
        "console-consumer",
        &["--topic", "dumped", "--group", "dumpers", "--max-messages", "10", "--from-beginning"],
        "",
        &[],
    );
    let Bench { kafka, program } = bench;
    let log_dir = program.data_dir.join("log");
    program.stop();

    let dump = |decoder: &[&str], files: &[String], expected: &[&str]| {
        assert!(!files.is_empty(), "there is no file to dump with {decoder:?}");
        let files = files.join(",");
        let output = kafka.run("dump-log", &[decoder, &["--files", &files]].concat(), "");
        let text = output.text();
        assert!(output.success(), "{text}");
        for fault in [
            "Mismatches",
            "mismatch",
            "isvalid: false",
            "isValid: false",
            "Exception",
            "not found",
            "Could not deserialize",
            "corrupt",
        ] {
            assert!(!text.contains(fault), "dump-log {decoder:?} {files} says {fault}:\n{}", excerpt(&text, fault));
        }
        // Kafka's reader begins each file with -1, and so reports every segment but the first, its own included.
        let gap = text.lines().find(|line| line.contains(" is followed by ") && !line.trim().starts_with("-1 "));
        assert_eq!(gap, None, "dump-log {decoder:?} {files} sees a gap");
        for part in expected {
            assert!(
                text.contains(part),
                "dump-log {decoder:?} {files} did not print {part:?}:\n{}",
                &text[..text.len().min(4000)]
            );
        }
    };
    let files = |dir: &str, suffix: &str| -> Vec<String> {
        let entries = std::fs::read_dir(log_dir.join(dir)).into_iter().flatten().flatten();
        let mut files: Vec<String> =
            entries.map(|e| e.path().display().to_string()).filter(|f| f.ends_with(suffix)).collect();
        files.sort();
        files
    };
    assert!(files("dumped-0", ".log").len() > 2, "segments roll");
    dump(&["--deep-iteration"], &files("dumped-0", ".log"), &["isTransactional: true", "endTxnMarker: COMMIT"]);
    dump(&["--index-sanity-check"], &files("dumped-0", ".index"), &["passed sanity check"]);
    dump(&[], &files("dumped-0", ".index"), &["offset:"]);
    dump(&[], &files("dumped-0", ".timeindex"), &["timestamp:"]);
    dump(&[], &files("dumped-0", ".snapshot"), &["producerId:"]);
    dump(&["--offsets-decoder"], &files("__consumer_offsets-0", ".log"), &["dumpers", "dumped"]);
    dump(
        &["--transaction-log-decoder"],
        &files("__transaction_state-0", ".log"),
        &["dump-txn", "\"transactionStatus\":4"],
    );
    dump(
        &["--cluster-metadata-decoder"],
        &files("__cluster_metadata-0", ".log"),
        &["TOPIC_RECORD", "dumped", "PARTITION_RECORD", "CONFIG_RECORD"],
    );
}

fn excerpt(text: &str, needle: &str) -> String {
    text.lines().filter(|line| line.contains(needle)).take(10).collect::<Vec<_>>().join("\n")
}

/// The running queries, their results and their input by hand, through Kafka's own tools.
#[test]
fn the_demo_as_kafkas_tools_see_it() {
    let Some(kafka) = tests::kafka(KAFKA_4) else { return };
    let bench = Bench { kafka, program: Program::start(&test_dir("tools-demo"), &[]) };
    let consume = [
        "--topic",
        "R4",
        "--from-beginning",
        "--max-messages",
        "5",
        "--timeout-ms",
        "30000",
        "--property",
        "print.key=true",
        "--property",
        "print.value=true",
        "--property",
        "key.deserializer=org.apache.kafka.common.serialization.StringDeserializer",
        "--property",
        "value.deserializer=org.apache.kafka.common.serialization.LongDeserializer",
    ];
    // Kafka 4 also prints that --property has a newer name.
    let printed = bench.check("console-consumer", &consume, "", &[]);
    let lines: Vec<&str> = printed.lines().filter(|line| line.starts_with("=>")).collect();
    assert_eq!(lines.len(), 5, "{printed}");
    for line in lines {
        let (key, value) = line.split_once('\t').expect("a key, a tab, a value");
        assert!(key.ends_with("ZP1") || key.ends_with("ZP2"), "{line}");
        assert!(value.parse::<i64>().is_ok_and(|count| count > 0), "{line}");
    }
    // A query is a member of a group like any other, with its partitions.
    bench.check("consumer-groups", &["--list"], "", &["millstream-page_count"]);
    let described = ["--describe", "--group", "millstream-page_count"];
    bench.check("consumer-groups", &described, "", &["R2", "/127.0.0.1"]);
    let deleted = bench.run("consumer-groups", &["--delete", "--group", "millstream-page_count"], "");
    assert!(deleted.text().contains("NOT_EMPTY") || deleted.text().contains("not empty"), "{}", deleted.text());

    bench.check("console-producer", &["--topic", "R1"], "{\"name\":\"P1\"}\n", &[]);
    let printed = bench.program.process.stdout.wait(WAIT, |line| line.contains("\"P1\""));
    let printed: serde_json::Value = serde_json::from_str(&printed.expect("it is printed")).expect("JSON");
    assert_eq!(printed, serde_json::json!({"name": "P1", "user": null, "date": null, "duration": 0}));
    bench.program.stop();
}
