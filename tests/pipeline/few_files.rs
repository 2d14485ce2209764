//! A process that may open few files: a log of more segments than that is written, read and opened again.

use tests::program::{Program, test_dir};

use crate::small_segments::{SmallSegments, segments};

const TOPIC: &str = "many";
/// Half of them are for connections.
const FILES_MAX: usize = 96;
const BATCHES: i64 = 400;

fn open_files(program: &Program) -> usize {
    let dir = format!("/proc/{}/fd", program.process.pid());
    std::fs::read_dir(dir).expect("its descriptors").count()
}

#[test]
fn a_log_of_more_segments_than_files_may_be_open_is_served() {
    let dir = test_dir("few-files");
    let start = || Program::start_with_files(&dir, &["up"], FILES_MAX);
    let program = start();
    let topic = SmallSegments::connect(&program, TOPIC);
    // Two batches each.
    topic.create(2600);
    let end = topic.append(0, BATCHES);
    let written = segments(&dir, TOPIC).len();
    // Each has three files: its records and two indexes.
    assert!(written >= 2 * FILES_MAX && written as i64 >= BATCHES / 2, "{written} segments");
    let read_all = |program: &Program| {
        let topic = SmallSegments::connect(program, TOPIC);
        // From the beginning, and here and there: each look goes through a segment's index.
        assert_eq!(topic.read(0, end), Vec::<i64>::new());
        for from in (0..end).step_by(511) {
            assert_eq!(topic.read(from, from + 1), Vec::<i64>::new());
        }
        let open = open_files(program);
        assert!(open < FILES_MAX * 3 / 4, "{open} files are open");
        let said = program.process.stderr.all().join("\n");
        assert!(!said.contains("descriptor") && !said.contains("Too many open files"), "{said}");
    };
    read_all(&program);
    drop(topic);
    program.stop();

    let program = start();
    read_all(&program);
    let topic = SmallSegments::connect(&program, TOPIC);
    let end = topic.append(end, 10);
    drop(topic);
    program.kill9();

    let program = start();
    read_all(&program);
    assert_eq!(SmallSegments::connect(&program, TOPIC).append(end, 1), end + 10);
    program.stop();
}
