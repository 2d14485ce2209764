//! A disk that another program fills: producers wait, all else goes on, and when there is room again so does everything.
//!
//! On a file system of its own: a small tmpfs, which only root may mount; with `MILLSTREAM_DISK_FULL=ext4` a loop-mounted ext4
//! instead. Without either it is skipped; `crates/runtime/tests/pipeline/space.rs` needs neither.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use testkit::mount::Mount;
use testkit::process::run;
use testkit::{Process, require, requirement};
use tests::http;
use tests::program::{Program, binary, test_dir};

use crate::recount::{WAIT, check_counts, end_offset, kcat, settle};

const DISK_BYTES: u64 = 160 << 20;
const RESERVE_BYTES: &str = "disk.reserve.bytes=33554432";

/// A small file system, mounted until this is dropped.
struct SmallDisk(Mount);

impl SmallDisk {
    fn mount(dir: &Path) -> Result<Self, String> {
        let in_a_file = std::env::var("MILLSTREAM_DISK_FULL").is_ok_and(|kind| kind == "ext4");
        let mount = if in_a_file { Mount::image(dir, "ext4", DISK_BYTES) } else { Mount::tmpfs(dir, DISK_BYTES) };
        mount.map(Self)
    }

    fn dir(&self) -> &Path {
        &self.0.dir
    }

    fn free_bytes(&self) -> u64 {
        let output = run(Command::new("df").args(["--output=avail", "-B1"]).arg(self.dir()), "", WAIT);
        output.stdout.lines().last().and_then(|line| line.trim().parse().ok()).expect("df tells")
    }

    /// Another program fills the disk, down to this.
    fn fill_to(&self, free_bytes: u64) -> PathBuf {
        let path = self.dir().join("big");
        let big = std::fs::OpenOptions::new().create(true).append(true).open(&path).expect("a file can be made");
        let block = vec![1; 1 << 16];
        loop {
            let free = self.free_bytes();
            if free <= free_bytes {
                return path;
            }
            let mut left = free - free_bytes;
            while left > 0 {
                let n = left.min(block.len() as u64) as usize;
                if std::io::Write::write(&mut &big, &block[..n]).is_err() {
                    return path;
                }
                left -= n as u64;
            }
        }
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + WAIT;
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn generator_state(program: &Program) -> String {
    let answer = http::get(&program.http, "/v1/generators").expect("it answers").json();
    answer["generators"][0]["state"].as_str().unwrap_or_default().to_owned()
}

fn query_states(program: &Program) -> Vec<String> {
    let answer = http::get(&program.http, "/v1/queries").expect("it answers").json();
    let queries = answer["queries"].as_array().expect("queries").clone();
    queries.iter().map(|query| query["state"].as_str().unwrap_or_default().to_owned()).collect()
}

/// What must go on while producers are refused.
fn all_else_goes_on(program: &Program, round: usize) {
    // A fetch, and an offset commit of a group.
    let group = format!("readers-{round}");
    let read = kcat(program, &["-q", "-c", "5", "-o", "beginning", "-G", &group, "R2"], "");
    assert_eq!(read.lines().count(), 5, "{read}");
    let committed =
        format!("kafka_consumergroup_current_offset{{consumergroup=\"{group}\",topic=\"R2\",partition=\"0\"}} 5");
    until("the group's offset is committed", || {
        http::get(&program.http, "/metrics").expect("it answers").body.contains(&committed)
    });
    // The page, its health, and a table.
    for path in ["/", "/readyz", "/v1/topics", "/v1/tables/page_count", "/analytics"] {
        if path == "/analytics" {
            assert_eq!(http::events(&program.http, path, 1).expect("a stream").len(), 1);
        } else {
            assert_eq!(http::get(&program.http, path).expect("it answers").status, 200, "{path}");
        }
    }
    assert!(http::get(&program.http, "/readyz").expect("it answers").body.contains("nearly full"));
    // Somebody makes room by deleting.
    let delete = ["topics", "--bootstrap-server", &program.bootstrap, "--delete", "--topic", &format!("scrap{round}")];
    let deleted = run(Command::new(binary()).args(delete), "", WAIT);
    assert!(deleted.success(), "{}", deleted.text());
}

#[test]
fn producers_wait_for_room_and_all_else_goes_on() {
    let Some(_) = require("kcat", requirement::program("kcat")) else { return };
    let dir = test_dir("disk-full");
    let Some(disk) = require("the right to mount a small file system", SmallDisk::mount(&dir)) else { return };
    let Some(kafka) = tests::kafka(testkit::kafka::KAFKA_4) else { return };
    let args = ["--set", "supplier.every=5 ms", "--set", RESERVE_BYTES];
    let program = Program::start(&disk.dir().join("data"), &args);
    for round in 0..2 {
        kcat(&program, &["-P", "-t", &format!("scrap{round}")], "to be deleted\n");
    }
    until("some events are counted", || end_offset(&program, "R4") > 20);

    // Kafka's own producer, all the while.
    const SENT: usize = 6000;
    // (The verifier forbids retries unless it is told otherwise; Kafka's own default is to retry for two minutes.)
    let config = dir.join("producer.properties");
    std::fs::write(&config, "retries=2147483647\nenable.idempotence=true\n").expect("written");
    let java = ["--bootstrap-server", &program.bootstrap, "--topic", "java", "--acks", "-1", "--throughput", "300"];
    let mut java = Process::start(
        kafka
            .command("verifiable-producer", &java)
            .args(["--max-messages", &SENT.to_string(), "--producer.config"])
            .arg(&config),
    );
    until("Kafka's producer sends", || end_offset(&program, "java") > 0);

    for (round, free_bytes) in [20 << 20, 0].into_iter().enumerate() {
        let big = disk.fill_to(free_bytes);
        until("the generator is blocked", || generator_state(&program) == "blocked");
        if free_bytes > 0 {
            assert!(
                http::get(&program.http, "/metrics").expect("it answers").body.contains("\nmillstream_disk_low 1\n")
            );
            let ends = ["R2", "R4", "java"].map(|topic| end_offset(&program, topic));
            // librdkafka says what it was told: KAFKA_STORAGE_ERROR, and that it tries again.
            let refused = ["-P", "-t", "java", "-d", "msg", "-X", "message.timeout.ms=1500", "-b", &program.bootstrap];
            let refused = run(Command::new("kcat").args(refused), "refused\n", WAIT);
            assert!(!refused.success() && refused.stderr.contains("Disk error"), "{}", refused.text());
            all_else_goes_on(&program, round);
            assert_eq!(ends, ["R2", "R4", "java"].map(|topic| end_offset(&program, topic)), "nothing was taken");
            // (A query that had nothing left to commit just then is not blocked.)
            println!("queries: {:?}", query_states(&program));
        }
        assert!(java.wait(Duration::ZERO).is_none(), "Kafka's producer waits: {:?}", java.stderr.all());
        let (r2, r4) = (end_offset(&program, "R2"), end_offset(&program, "R4"));
        std::fs::remove_file(big).expect("removed");
        until("everything goes on by itself", || {
            end_offset(&program, "R2") > r2 + 100
                && end_offset(&program, "R4") > r4
                && generator_state(&program) == "running"
                && query_states(&program).iter().all(|state| state == "running")
        });
    }

    assert!(java.wait(WAIT).is_some_and(|status| status.success()), "{:?}", java.stderr.all());
    let lines = java.stdout.all();
    let count = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
    assert_eq!((count("producer_send_success"), count("producer_send_error")), (SENT, 0));
    let values: std::collections::BTreeSet<String> =
        kcat(&program, &["-C", "-t", "java", "-e", "-q"], "").lines().map(str::to_owned).collect();
    assert_eq!(values.len(), SENT, "every acknowledged value is there");

    settle(&program);
    assert!(check_counts(&program) > 2);
    let said = program.process.stderr.all();
    let times = |what: &str| said.iter().filter(|line| line.contains(what)).count();
    assert!(times("the disk is nearly full: producers are refused") <= 2, "{said:#?}");
    assert!(times("generator") <= 8, "{said:#?}");
    program.stop();
}
