//! The exercise's own Spring Cloud Stream application, pointed at our broker: Kafka binder and Kafka Streams binder.

use std::process::Command;
use std::time::Duration;

use testkit::{Process, process, require, requirement};
use tests::http;
use tests::program::{Program, test_dir};

const WAIT: Duration = Duration::from_secs(90);

/// Builds the application once; the jar is kept beside its sources, where git ignores it.
fn application() -> Result<std::path::PathBuf, String> {
    requirement::program("java")?;
    let mvn = requirement::program("mvn")?;
    let project = tests::root().join("tests/java/spring-exercise");
    let jar = project.join("target/spring-exercise.jar");
    if !jar.exists() {
        let mut command = Command::new(mvn);
        command.args(["-q", "-B", "-f"]).arg(project.join("pom.xml")).args(["package", "-Dmaven.test.skip=true"]);
        let built = process::run(&mut command, "", Duration::from_secs(600));
        if !built.success() {
            return Err(built.text());
        }
    }
    Ok(jar)
}

#[test]
fn the_exercise_runs_on_our_broker() {
    let Some(jar) = require("the Spring application", application()) else { return };
    let program = Program::start(&test_dir("spring"), &["up"]);
    let bootstrap = &program.bootstrap;
    let state = program.data_dir.join("spring-state");
    // A port of its own: free at this moment.
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
    let mut java = Command::new("java");
    java.args(["-Xmx512m", "-XX:TieredStopAtLevel=1", "-jar"]).arg(jar).arg(format!("--server.port={port}"));
    for key in [
        "spring.kafka.bootstrap-servers",
        "spring.cloud.stream.kafka.binder.brokers",
        "spring.cloud.stream.kafka.streams.binder.brokers",
    ] {
        java.arg(format!("--{key}={bootstrap}"));
    }
    java.arg(format!("--spring.cloud.stream.kafka.streams.binder.configuration.state.dir={}", state.display()));
    let application = Process::start(&mut java);
    let address = format!("127.0.0.1:{port}");

    // The supplier's events are counted: /analytics shows both pages.
    let deadline = std::time::Instant::now() + WAIT;
    let counted = loop {
        let events = http::events(&address, "/analytics", 2).unwrap_or_default();
        if events.iter().any(|event| event.contains("\"P1\":") && event.contains("\"P2\":")) {
            break true;
        }
        if std::time::Instant::now() > deadline {
            break false;
        }
        std::thread::yield_now();
    };
    assert!(counted, "no counts: {}\n{}", application.stdout.all().join("\n"), application.stderr.all().join("\n"));

    // What is published comes out of the consumer.
    let published = http::get(&address, "/publish/R1/P7").expect("the application answers");
    assert_eq!(published.json()["name"], "P7");
    let consumed = application.stdout.wait(WAIT, |line| line.starts_with("CONSUMED") && line.contains("name=P7"));
    assert!(consumed.is_some(), "{:?}", application.stdout.all());
    drop(application);

    // R3 and R4 have what the functions wrote.
    let topics = http::get(&program.http, "/v1/topics").expect("we answer").json();
    for name in ["R1", "R2", "R3", "R4"] {
        let topic = topics["topics"].as_array().expect("topics").iter().find(|t| t["name"] == name);
        assert!(topic.is_some_and(|t| t["records"].as_i64() > Some(0)), "{name}: {topic:?}");
    }
    let newest = http::get(&program.http, "/v1/topics/R4").expect("we answer").json()["newest"].clone();
    assert!(newest["key"].as_str().is_some_and(|key| key.starts_with("=>20")), "{newest}");
    program.stop();
}
