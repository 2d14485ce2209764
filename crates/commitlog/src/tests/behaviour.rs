//! What one log does on a friendly disk, across clean stops and kills.

use std::sync::Arc;

use os::Disk;
use testkit::SimDisk;

use super::*;

fn sim() -> Arc<dyn Disk> {
    Arc::new(SimDisk::new())
}

#[test]
fn appended_records_are_read_back_across_a_clean_stop_and_a_kill() {
    let disk = sim();
    let (set, report) = open(&disk);
    assert!(!report.clean);
    let log = set.create("R2-0", small_segments()).expect("created");
    let mut expected = Vec::new();
    for i in 0..20 {
        let value = format!("v{i}");
        let appended = log.append(batch(&[&value, "x"], NOW.0 + i), CLIENT).expect("appended");
        assert_eq!(appended.base_offset, Offset(2 * i));
        appended.ticket.wait().expect("durable");
        assert_eq!(log.high_watermark(), Offset(2 * i + 2));
        expected.push(format!("{}:{value}", 2 * i));
        expected.push(format!("{}:x", 2 * i + 1));
    }
    assert_eq!(contents(&log, 0, Isolation::HighWatermark), expected);
    assert_eq!(contents(&log, 7, Isolation::HighWatermark), expected[7..]);
    drop((log, set));

    let (set, report) = open(&disk);
    assert!(!report.clean && report.cuts.is_empty() && report.damage.is_empty(), "{report:?}");
    let log = set.get("R2-0").expect("there");
    assert_eq!(contents(&log, 0, Isolation::HighWatermark), expected);
    set.close().expect("closed");
    drop((log, set));

    let (set, report) = open(&disk);
    assert!(report.clean && report.cuts.is_empty() && report.damage.is_empty(), "{report:?}");
    let log = set.get("R2-0").expect("there");
    assert_eq!(contents(&log, 0, Isolation::HighWatermark), expected);
    assert_eq!(contents(&log, 39, Isolation::HighWatermark), expected[39..]);
    assert_eq!(log.log_end_offset(), Offset(40));
}
