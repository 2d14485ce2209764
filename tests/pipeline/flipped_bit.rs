//! A bit that flips on the disk, while the program is stopped and while it runs: it says where, hides that range and nothing
//! else, and deletes nothing.

use std::path::{Path, PathBuf};

use tests::http;
use tests::program::{Program, test_dir};

use crate::recount::WAIT;
use crate::small_segments::{SmallSegments, segments};

const TOPIC: &str = "rotten";

fn flip(path: &Path, position: u64) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).expect("opened");
    let mut byte = [0];
    file.read_exact_at(&mut byte, position).expect("read");
    file.write_all_at(&[byte[0] ^ 0x10], position).expect("written");
}

fn without_colours(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    first + &parts.map(|part| part.split_once('m').map_or("", |(_, text)| text)).collect::<String>()
}

/// Waits until the program says by itself that this file is damaged, and returns the range of offsets that it names.
fn told(program: &Program, path: &Path) -> std::ops::Range<i64> {
    let file = path.file_name().and_then(|name| name.to_str()).expect("a name");
    let line = program.process.stderr.wait(WAIT, |line| line.contains("damaged bytes") && line.contains(file));
    let line = line.unwrap_or_else(|| panic!("it does not say so: {:?}", program.process.stderr.all()));
    let line = without_colours(&line);
    let number = |name: &str| -> i64 {
        let from = line.find(&format!(" {name}=")).unwrap_or_else(|| panic!("no {name} in {line}")) + name.len() + 2;
        let digits: String = line[from..].chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or_else(|_| panic!("no {name} in {line}"))
    };
    number("offset")..number("next")
}

/// What is damaged, as the metric, the health and the topic have it.
fn shown(program: &Program) -> (u64, Option<String>, serde_json::Value) {
    let get = |path: &str| http::get(&program.http, path).expect("it answers");
    let label = format!("millstream_log_damaged_ranges{{topic=\"{TOPIC}\",partition=\"0\"}} ");
    let metrics = get("/metrics").body;
    let count = metrics.lines().find_map(|line| line.strip_prefix(&label)).expect("the metric is there");
    let ready = get("/readyz");
    assert_eq!(ready.status, 200, "all but the damaged range goes on");
    let checks = ready.json()["checks"].as_array().expect("checks").clone();
    let storage = checks.iter().find(|check| check["name"] == "storage").expect("a check of the storage");
    let topic = get(&format!("/v1/topics/{TOPIC}")).json();
    let damaged = topic["partitions"][0]["damaged"].clone();
    (count.parse().expect("a number"), storage["detail"].as_str().map(str::to_owned), damaged)
}

#[test]
fn a_flipped_bit_is_told_and_costs_its_own_range_only() {
    let dir = test_dir("flipped-bit");
    // So that the program looks at what it has written, too, and soon.
    let start = || Program::start(&dir, &["up", "--set", "disk.scrub.interval=1 second"]);
    let program = start();
    let topic = SmallSegments::connect(&program, TOPIC);
    topic.create(16 << 10);
    let end = topic.append(0, 80);
    assert_eq!(topic.read(0, end), Vec::<i64>::new());
    let written = segments(&dir, TOPIC);
    assert!(written.len() > 5, "{written:?}");
    assert_eq!(shown(&program), (0, None, serde_json::json!([])));

    // While it runs, in bytes that it has read itself: nobody asks for them, and nothing is started again.
    let (_, running, len) = &written[1];
    flip(running, len / 2);
    let first = told(&program, running);
    let range = |range: &std::ops::Range<i64>| range.clone().collect::<Vec<i64>>();
    assert_eq!(topic.read(0, end), range(&first));
    let says = |program: &Program, ranges: &[(&PathBuf, &std::ops::Range<i64>)]| {
        let (count, detail, damaged) = shown(program);
        let detail = detail.expect("the health says so");
        assert_eq!((count, damaged.as_array().map(Vec::len)), (ranges.len() as u64, Some(ranges.len())));
        for (number, (path, range)) in ranges.iter().enumerate() {
            let shown = &damaged[number];
            assert_eq!(shown["first_offset"], range.start);
            assert_eq!(shown["next_offset"], range.end);
            assert_eq!(shown["file"], path.to_str().expect("text"));
        }
        let (path, range) = ranges[0];
        for part in [path.display().to_string(), format!("offsets {} to {}", range.start, range.end - 1)] {
            assert!(detail.contains(&part), "no {part:?} in {detail:?}");
        }
    };
    says(&program, &[(running, &first)]);
    drop(topic);
    program.stop();

    // While it is stopped.
    let (_, stopped, len) = &written[3];
    flip(stopped, len / 2);
    let program = start();
    let (first, second) = (told(&program, running), told(&program, stopped));
    let topic = SmallSegments::connect(&program, TOPIC);
    assert_eq!(topic.read(0, end), [range(&first), range(&second)].concat());
    says(&program, &[(running, &first), (stopped, &second)]);

    // What is written goes on, and nothing was deleted or changed.
    let more = topic.append(end, 3);
    assert_eq!(topic.read(end, more), Vec::<i64>::new());
    let there = segments(&dir, TOPIC);
    assert_eq!(there[..written.len() - 1], written[..written.len() - 1]);
    let said = program.process.stderr.all().join("\n");
    assert!(!said.contains("panicked at"), "{said}");
    program.stop();
}
