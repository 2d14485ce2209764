//! Clients that are not Java's: librdkafka (through kcat) and kafka-python.

use std::process::Command;
use std::time::Duration;

use testkit::process::{Output, run};
use testkit::{require, requirement};
use tests::program::{Program, test_dir};

const WAIT: Duration = Duration::from_secs(60);

fn kcat(program: &Program, args: &[&str], input: &str) -> Output {
    let mut command = Command::new("kcat");
    command.args(["-b", &program.bootstrap]).args(args);
    let output = run(&mut command, input, WAIT);
    assert!(output.success(), "kcat {args:?}: {}", output.text());
    output
}

#[test]
fn kcat_lists_produces_and_consumes() {
    let Some(_) = require("kcat", requirement::program("kcat")) else { return };
    let program = Program::start(&test_dir("kcat"), &["up"]);
    for (codec, number) in [("none", 0), ("gzip", 1), ("snappy", 2), ("lz4", 3), ("zstd", 4)] {
        let produced = format!("{codec}:a{number}\n{codec}:b{number}\n");
        kcat(&program, &["-P", "-t", "words", "-K:", "-z", codec, "-H", "from=kcat"], &produced);
    }
    let listed = kcat(&program, &["-L"], "");
    assert!(listed.stdout.contains("topic \"words\" with 1 partitions"), "{}", listed.text());
    let consumed = kcat(&program, &["-C", "-t", "words", "-o", "beginning", "-e", "-q", "-f", "%o %k %s %h\n"], "");
    let lines: Vec<&str> = consumed.stdout.lines().collect();
    assert_eq!(lines.len(), 10, "{}", consumed.text());
    assert_eq!((lines[0], lines[9]), ("0 none a0 from=kcat", "9 zstd b4 from=kcat"));

    // From the middle of the topic, and as a group that commits and goes on where it was.
    let tail = kcat(&program, &["-C", "-t", "words", "-o", "7", "-e", "-q", "-f", "%s\n"], "");
    assert_eq!(tail.stdout, "b3\na4\nb4");
    let group = ["-G", "readers", "-q", "-e", "-X", "auto.offset.reset=earliest", "-f", "%s\n", "words"];
    assert_eq!(kcat(&program, &group, "").stdout.lines().count(), 10);
    kcat(&program, &["-P", "-t", "words"], "later\n");
    assert_eq!(kcat(&program, &group, "").stdout, "later");

    // Offsets for a timestamp, and a transaction.
    let query = kcat(&program, &["-Q", "-t", "words:0:0"], "");
    assert!(query.stdout.contains("words [0] offset 0"), "{}", query.text());
    kcat(&program, &["-P", "-t", "txn", "-X", "transactional.id=kcat-txn"], "in a transaction\n");
    let committed = kcat(&program, &["-C", "-t", "txn", "-e", "-q", "-X", "isolation.level=read_committed"], "");
    assert_eq!(committed.stdout, "in a transaction");
    program.stop();
}

/// kafka-python in a virtual environment of its own.
fn kafka_python() -> Result<std::path::PathBuf, String> {
    const VERSION: &str = "kafka-python==2.3.0";
    let python = requirement::program("python3")?;
    let venv = tests::scratch().join("kafka-python");
    let inside = venv.join("bin/python");
    let imports = |python: &std::path::Path| {
        Command::new(python).args(["-c", "import kafka"]).output().is_ok_and(|o| o.status.success())
    };
    if !imports(&inside) {
        let made = run(Command::new(python).args(["-m", "venv"]).arg(&venv), "", WAIT);
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", VERSION];
        let installed = run(Command::new(&inside).args(install), "", Duration::from_secs(180));
        if !made.success() || !installed.success() {
            return Err(format!("{}\n{}", made.text(), installed.text()));
        }
    }
    Ok(inside)
}

#[test]
fn kafka_python_produces_and_consumes_in_a_group() {
    let Some(python) = require("kafka-python", kafka_python()) else { return };
    let program = Program::start(&test_dir("kafka-python"), &["up"]);
    let script = tests::root().join("tests/python/round_trip.py");
    let output = run(Command::new(python).arg(script).arg(&program.bootstrap), "", WAIT);
    assert!(output.success() && output.stdout.ends_with("ok"), "{}", output.text());
    program.stop();
}
