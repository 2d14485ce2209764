//! Bad input: a clear error with cause and fix, no panic, nothing written.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use testkit::process::{Output, run};
use tests::http;
use tests::program::{Program, binary, test_dir};

const WAIT: Duration = Duration::from_secs(20);

fn refused(args: &[&str]) -> Output {
    let output = run(Command::new(binary()).args(args).current_dir(tests::root()), "", WAIT);
    assert!(output.status.is_some_and(|s| !s.success()), "{args:?}: {}", output.text());
    assert!(!output.text().contains("panicked"), "{args:?}: {}", output.text());
    output
}

#[track_caller]
fn check_refused(args: &[&str], exit: i32, expected: &[&str]) {
    let output = refused(args);
    for part in expected {
        assert!(output.stderr.contains(part), "{args:?} did not say {part:?} but:\n{}", output.stderr);
    }
    assert_eq!(output.status.and_then(|s| s.code()), Some(exit), "{args:?}: {}", output.stderr);
}

#[test]
fn command_lines_and_settings() {
    let dir = test_dir("bad-settings");
    let data = dir.join("data").display().to_string();
    let serve = ["--data-dir", &data, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"];
    let with = |more: &[&str]| [&serve[..], more].concat().iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let check = |more: &[&str], exit, expected: &[&str]| {
        let args = with(more);
        check_refused(&args.iter().map(String::as_str).collect::<Vec<_>>(), exit, expected);
    };
    check(&["--set", "supplier.every"], 2, &["supplier.every"]);
    check(&["--set", "window.size=soon"], 2, &["window.size", "soon"]);
    let properties = dir.join("wrong.properties");
    std::fs::write(&properties, "spring.cloud.stream.bindings.pageEventSupplier-out-0.destination=A\nspring.cloud.stream.bindings.kStreamFunction-in-0.destination=B\n").expect("written");
    check(&["--config", &properties.display().to_string()], 2, &["A", "B"]);
    check(&["--config", "no-such-file.toml"], 2, &["no-such-file.toml"]);
    let sql = dir.join("wrong.sql");
    std::fs::write(&sql, "CREATE STREAM s (name TEXT, duration BIGINT) WITH (topic = 'S', value_format = 'json');\nCREATE STREAM t WITH (topic = 'T') AS SELECT name FROM s\n  WHERE durations > 100;\n").expect("written");
    let file = sql.display().to_string();
    check_refused(
        &["up", &file, "--data-dir", &data, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"],
        2,
        &["unknown column `durations`", "did you mean `duration`", "^"],
    );
}

#[test]
fn a_port_and_a_directory_that_another_process_has() {
    let program = Program::start(&test_dir("busy"), &["up"]);
    let other = test_dir("busy-other").join("data").display().to_string();
    check_refused(
        &["up", "--data-dir", &other, "--listen", &program.bootstrap, "--http", "127.0.0.1:0"],
        1,
        &["is taken by millstream", "free"],
    );
    assert!(!std::path::Path::new(&other).exists(), "a busy port leaves nothing behind");
    let data = program.data_dir.display().to_string();
    check_refused(
        &["up", "--data-dir", &data, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"],
        1,
        &["another process"],
    );
    program.stop();
}

#[test]
fn a_data_directory_of_a_newer_version() {
    let dir = test_dir("newer");
    Program::start(&dir, &["up"]).stop();
    let file = dir.join("log/meta.properties");
    let text = std::fs::read_to_string(&file).expect("it is there");
    std::fs::write(&file, text.replace("version=1", "version=99")).expect("written");
    let data = dir.display().to_string();
    check_refused(
        &["up", "--data-dir", &data, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"],
        1,
        &["version", "99"],
    );
}

#[test]
fn bytes_that_are_no_request() {
    let program = Program::start(&test_dir("bytes"), &["up"]);
    let frame = |body: &[u8]| [&(body.len() as u32).to_be_bytes()[..], body].concat();
    // key, version, correlation id, client id
    let header = |key: i16, version: i16| {
        [&key.to_be_bytes()[..], &version.to_be_bytes(), &7_i32.to_be_bytes(), &(-1_i16).to_be_bytes()].concat()
    };
    let closed: &[(&str, Vec<u8>)] = &[
        ("an unknown API", frame(&header(999, 0))),
        ("an unknown version", frame(&header(3, 99))),
        ("Produce v2", frame(&header(0, 2))),
        ("a negative length", (-5_i32).to_be_bytes().to_vec()),
        ("a length of 2 GB", i32::MAX.to_be_bytes().to_vec()),
        ("a frame of three bytes", frame(&[0, 3, 0])),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("TLS", [0x16, 3, 1, 0, 0xf8, 1, 0, 0, 0xf4, 3, 3].to_vec()),
        ("an array of 2^31-1 topics", frame(&[header(3, 1), i32::MAX.to_be_bytes().to_vec()].concat())),
    ];
    for (what, bytes) in closed {
        let mut stream = TcpStream::connect(&program.bootstrap).expect("it accepts");
        stream.set_read_timeout(Some(WAIT)).expect("a timeout");
        stream.write_all(bytes).expect("it reads");
        let mut answer = Vec::new();
        // A reset is a closed connection, too.
        let read = stream.read_to_end(&mut answer);
        assert!(read.is_err() || answer.is_empty(), "{what}: answered {answer:?}");
    }
    // ApiVersions of an unknown version is answered in v0's layout, with error 35 and the list.
    let mut stream = TcpStream::connect(&program.bootstrap).expect("it accepts");
    stream.write_all(&frame(&header(18, 99))).expect("it reads");
    let mut answer = [0; 14];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!((&answer[4..8], &answer[8..10]), (&7_i32.to_be_bytes()[..], &35_i16.to_be_bytes()[..]));
    assert!(i32::from_be_bytes(answer[10..14].try_into().expect("four bytes")) > 20);
    program.stop();
}

#[test]
fn pages_of_other_sites() {
    let program = Program::start(&test_dir("sites"), &[]);
    let before = http::get(&program.http, "/v1/topics/R4").expect("it answers").json();
    let ask = |head: &str, headers: &str| {
        let text = format!("{head} HTTP/1.1\r\nHost: {}\r\n{headers}Connection: close\r\n\r\n", program.http);
        http::request(&program.http, &text).expect("it answers")
    };
    let image = ask("GET /publish/R4/x", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Dest: image\r\n");
    assert_eq!((image.status, image.json()["code"].as_str()), (403, Some("cross_site_write")));
    let form = ask("POST /v1/sql", "Origin: http://evil.example\r\nContent-Length: 0\r\n");
    assert_eq!((form.status, form.json()["code"].as_str()), (403, Some("origin_not_allowed")));
    let rebound =
        http::request(&program.http, "GET /v1/topics HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
            .expect("it answers");
    assert_eq!((rebound.status, rebound.json()["code"].as_str()), (403, Some("host_not_allowed")));
    let internal = ask("GET /publish/__consumer_offsets/x", "");
    assert_eq!((internal.status, internal.json()["code"].as_str()), (403, Some("internal_topic")));
    let after = http::get(&program.http, "/v1/topics").expect("it answers").json();
    assert!(!after.to_string().contains("evil"), "{after}");
    assert_eq!(before["name"], "R4");
    let wrong =
        http::post_json(&program.http, "/v1/sql", r#"{"sql":"SELECT nothing FROM page_count"}"#).expect("it answers");
    assert_eq!(wrong.status, 400, "{}", wrong.body);
    assert!(
        wrong.json()["errors"][0]["line"] == 1
            && wrong.json()["errors"][0]["excerpt"].as_str().is_some_and(|e| e.contains('^')),
        "{}",
        wrong.body
    );
    program.stop();
}
