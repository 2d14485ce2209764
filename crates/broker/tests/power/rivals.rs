//! The faults that other brokers of one node were seen to have when the power went or a bit flipped. Each has a test here,
//! under its own name.

use std::path::Path;
use std::sync::Arc;

use broker::config::Overrides;
use broker::txn::Producer;
use broker::{Broker, NewTopic, Resource};
use bytes::{Bytes, BytesMut};
use os::{Disk, OpenMode};
use record::{BatchBuilder, BatchOptions, LeaderEpoch, Offset, ProducerIdentity, Sequence, TimestampMs};
use testkit::{Loss, SimDisk};

use super::clients::{answer, committed, offsets};
use super::{NOW_MS, batch, open, read};

const JOURNAL: &str = "/data/state/journal";

fn create(broker: &Arc<Broker>, name: &str, partitions: i32) {
    broker.create_topic(name, NewTopic { partitions: Some(partitions), ..NewTopic::default() }).expect("created");
}

/// Produces, and waits until that is acknowledged.
fn produce(broker: &Broker, topic: &str, at: i32, value: &str) {
    let sent = broker.partition(topic, at).expect("there").produce(batch(value), NOW_MS).expect("appended");
    sent.ticket.wait().expect("acknowledged");
}

fn segment(topic: &str, at: i32) -> String {
    format!("/data/log/{topic}-{at}/00000000000000000000.log")
}

/// Where a text stands in a file.
fn find(disk: &SimDisk, path: &str, text: &str) -> u64 {
    let bytes = disk.read(Path::new(path), 1 << 30).expect("readable");
    bytes.windows(text.len()).rposition(|window| window == text.as_bytes()).expect("there") as u64
}

fn flip(disk: &SimDisk, path: &str, text: &str) {
    disk.corrupt(Path::new(path), find(disk, path, text), 0x04).expect("flipped");
}

#[test]
fn topics_settings_and_group_offsets_are_not_lost_with_the_tail_of_a_metadata_log() {
    let metadata = "/data/log/__cluster_metadata-0/00000000000000000000.log";
    let disk = SimDisk::new();
    let broker = open(&disk).expect("opens");
    create(&broker, "orders", 3);
    let configure = |before: &Overrides| {
        let mut configs = before.clone();
        configs.insert("retention.ms".to_owned(), "1234567".to_owned());
        Ok(configs)
    };
    broker.alter_configs(&Resource::Topic("orders".to_owned()), false, configure).expect("configured");
    let Ok(committing) = answer(&broker, broker.coordinators().commit_offsets(offsets("readers", 7))) else {
        panic!("committed")
    };
    committing.expect("committed");
    let id = broker.topic("orders").expect("there").id;
    drop(broker);

    let check = |disk: &SimDisk, what: &str| {
        let broker = open(disk).unwrap_or_else(|e| panic!("{what}: {e}"));
        let topic = broker.topic("orders").unwrap_or_else(|| panic!("{what}: the topic is gone"));
        assert_eq!((topic.id, topic.partitions), (id, 3), "{what}");
        assert_eq!(topic.configs.get("retention.ms").map(String::as_str), Some("1234567"), "{what}");
        assert_eq!(committed(&broker, "readers"), 7, "{what}");
        broker
    };
    drop(check(&disk.reboot(Loss::All, 0), "whatever was not synced is lost"));
    // Its own file lost its tail: the journal has it.
    let torn = disk.kill();
    torn.open(Path::new(metadata), OpenMode::Write).and_then(|file| file.set_len(300)).expect("cut");
    let broker = check(&torn, "the tail is torn");
    // And synced bytes that rot are not taken for the end.
    broker.shutdown().expect("stopped");
    drop(broker);
    flip(&torn, metadata, "retention.ms");
    let error = open(&torn).expect_err("the metadata is damaged").to_string();
    assert!(error.contains("metadata"), "{error}");
}

#[test]
fn consumers_are_not_shown_records_before_their_sync() {
    for cut_after in 0..40 {
        let disk = SimDisk::new();
        let broker = open(&disk).expect("opens");
        create(&broker, "orders", 1);
        disk.cut_power_at(disk.operations() + cut_after);
        let mut shown = read(&broker, "orders", 0);
        for n in 0..10 {
            let Ok(sent) = broker.partition("orders", 0).expect("there").produce(batch(&n.to_string()), NOW_MS) else {
                break;
            };
            let before = broker.partition("orders", 0).expect("there").log().high_watermark();
            let acknowledged = sent.ticket.wait().is_ok();
            let after = broker.partition("orders", 0).expect("there").log().high_watermark();
            assert!(before <= after && (acknowledged == (after > sent.base_offset)), "{cut_after}: {before} {after}");
            if acknowledged {
                shown.insert(sent.base_offset.0, n.to_string());
            }
        }
        drop(broker);
        let broker = open(&disk.reboot(Loss::All, 0)).expect("opens");
        assert_eq!(read(&broker, "orders", 0), shown, "cut after {cut_after} operations");
    }
}

fn numbered(producer: Producer, sequence: i32) -> Bytes {
    let identity = ProducerIdentity { id: producer.id, epoch: producer.epoch, base_sequence: Sequence(sequence) };
    let mut builder = BatchBuilder::new(BatchOptions { producer: Some(identity), ..BatchOptions::default() });
    builder.push(TimestampMs(NOW_MS), None, Some(b"once"), []);
    builder.finish(Offset(0), LeaderEpoch(0))
}

#[test]
fn an_idempotent_retry_is_not_answered_as_a_known_duplicate_after_the_write_of_the_first_try_failed() {
    let disk = SimDisk::new();
    let broker = open(&disk).expect("opens");
    create(&broker, "orders", 1);
    let producer = broker.coordinators().fresh_producer().expect("an id");
    let partition = broker.partition("orders", 0).expect("there");

    // The write fails for want of space: refused, and the retry is a first try.
    let used: u64 = disk.used_bytes();
    disk.set_capacity(Some(used));
    assert!(partition.produce(numbered(producer, 0), NOW_MS).is_err(), "there is no space");
    disk.set_capacity(None);
    let retried = partition.produce(numbered(producer, 0), NOW_MS).expect("appended");
    assert!(!retried.duplicate && retried.base_offset == Offset(0));
    retried.ticket.wait().expect("acknowledged");

    // The sync fails: neither the first try nor a retry is ever acknowledged.
    disk.fail_syncs(1);
    let first = partition.produce(numbered(producer, 1), NOW_MS).expect("appended");
    assert!(first.ticket.wait().is_err(), "its sync failed");
    let retried = partition.produce(numbered(producer, 1), NOW_MS);
    assert!(retried.is_err_and(|e| e.code.is_error()) && partition.log().high_watermark() == Offset(1));
    drop(broker);

    // What the disk did not keep, the next start does not know.
    let broker = open(&disk.reboot(Loss::All, 0)).expect("opens");
    let partition = broker.partition("orders", 0).expect("there");
    let retried = partition.produce(numbered(producer, 1), NOW_MS).expect("appended");
    assert!(!retried.duplicate && retried.base_offset == Offset(1));
    retried.ticket.wait().expect("acknowledged");
    assert_eq!(read(&broker, "orders", 0).len(), 2);
}

/// Six partitions with four records each, one sync round each, which only the journal holds. A bit of one round flips.
fn with_a_flipped_round(round: usize) -> (Arc<Broker>, Vec<i64>) {
    let disk = SimDisk::new();
    let broker = open(&disk).expect("opens");
    create(&broker, "orders", 6);
    let value = |n: usize| format!("value-{n:03}");
    for n in 0..24 {
        produce(&broker, "orders", n as i32 % 6, &value(n));
    }
    drop(broker);
    let disk = disk.reboot(Loss::All, 0);
    flip(&disk, JOURNAL, &value(round));
    let broker = open(&disk).expect("opens");
    let ends = (0..6).map(|at| broker.partition("orders", at).expect("there").log().log_end_offset().0).collect();
    (broker, ends)
}

#[test]
fn one_flipped_bit_does_not_shorten_every_partition() {
    // The second record of partition 3 is lost, and what came after it in this partition cannot be put back.
    let (broker, ends) = with_a_flipped_round(9);
    assert_eq!(ends, [4, 4, 4, 1, 4, 4]);
    let damage = broker.recovery().damage.join("\n");
    assert!(damage.contains("orders-3") && damage.contains("acknowledged"), "{damage}");
    let kept = broker.log_dir().parent().expect("a data directory").join("state/cut/orders-3");
    assert!(damage.contains(&kept.display().to_string()), "{damage}");
}

#[test]
fn replay_does_not_stop_at_the_first_bad_frame_without_a_word() {
    // The last record of partition 0: nothing of this partition follows, but rounds of others do.
    let (broker, ends) = with_a_flipped_round(18);
    assert_eq!(ends, [3, 4, 4, 4, 4, 4]);
    let damage = broker.recovery().damage.join("\n");
    assert!(damage.contains("journal"), "{damage}");
    drop(broker);

    // The log of group offsets: damage in what was synced is an error that names it, not an earlier end.
    let log = "/data/log/__consumer_offsets-0/00000000000000000000.log";
    let disk = SimDisk::new();
    let broker = open(&disk).expect("opens");
    for group in ["first", "middle", "last"] {
        let Ok(committing) = answer(&broker, broker.coordinators().commit_offsets(offsets(group, 5))) else {
            panic!("committed")
        };
        committing.expect("committed");
    }
    broker.shutdown().expect("stopped");
    drop(broker);
    flip(&disk, log, "middle");
    match open(&disk) {
        Err(e) => assert!(e.to_string().contains("__consumer_offsets"), "{e}"),
        Ok(broker) => {
            assert_eq!(committed(&broker, "last"), 5, "what follows the damage is read");
            assert!(!broker.recovery().damage.is_empty(), "and the damage is told");
        }
    }
}

#[test]
fn no_partition_is_cut_silently() {
    let disk = SimDisk::new();
    let broker = open(&disk).expect("opens");
    create(&broker, "orders", 1);
    for n in 0..5 {
        produce(&broker, "orders", 0, &format!("value-{n}"));
    }
    let epoch = broker.partition("orders", 0).expect("there").leader_epoch();
    drop(broker);
    // Both copies rot: the segment's, and all of the journal.
    let disk = disk.reboot(Loss::Nothing, 0);
    flip(&disk, &segment("orders", 0), "value-2");
    disk.open(Path::new(JOURNAL), OpenMode::Write).and_then(|file| file.set_len(0)).expect("emptied");
    let broker = open(&disk).expect("opens");
    let [cut] = &broker.recovery().cuts[..] else { panic!("{:?}", broker.recovery()) };
    assert_eq!((cut.log.as_str(), cut.end_offset, cut.valid_batches_follow), ("orders-0", Offset(2), true));
    let kept: u64 = disk.read_dir(&cut.kept_in).expect("kept").iter().map(|entry| entry.len).sum();
    assert_eq!(kept, cut.bytes, "every byte is kept");
    assert_eq!(read(&broker, "orders", 0).len(), 2);
    let after = broker.partition("orders", 0).expect("there").leader_epoch();
    assert!(after > epoch, "consumers who have seen more find out");
}

#[test]
fn a_declared_length_of_3_does_not_end_the_process() {
    for length in [3i32, 0, -1, 48, i32::MAX, i32::MIN] {
        let disk = SimDisk::new();
        let broker = open(&disk).expect("opens");
        create(&broker, "orders", 1);
        produce(&broker, "orders", 0, "good");
        let mut lying = BytesMut::from(&batch("bad")[..]);
        lying[8..12].copy_from_slice(&length.to_be_bytes());
        let partition = broker.partition("orders", 0).expect("there");
        assert!(partition.produce(lying.clone().freeze(), NOW_MS).is_err(), "a batch of {length} bytes is refused");
        drop(partition);
        drop(broker);
        // At the end of a segment, of the offsets' log and of the metadata, and in the journal.
        let logs = [segment("orders", 0), segment("__consumer_offsets", 0), segment("__cluster_metadata", 0)];
        for path in logs.iter().map(String::as_str).chain([JOURNAL]) {
            let disk = disk.reboot(Loss::Nothing, 0);
            let file = disk.open(Path::new(path), OpenMode::Write).expect("there");
            let end = if path == JOURNAL { 512 } else { file.len().expect("a length") };
            file.write_all_at(if path == JOURNAL { &lying[..28] } else { &lying }, end).expect("written");
            if path == JOURNAL {
                file.write_all_at(&length.to_be_bytes(), end + 24).expect("written");
            }
            let broker = open(&disk).unwrap_or_else(|e| panic!("{path}, {length}: {e}"));
            assert_eq!(read(&broker, "orders", 0).len(), 1, "{path}, {length}");
            produce(&broker, "orders", 0, "more");
            assert_eq!(read(&broker, "orders", 0).len(), 2, "{path}, {length}");
        }
    }
}

#[test]
fn a_lying_record_count_does_not_move_the_end_offset() {
    let disk = SimDisk::new();
    let broker = open(&disk).expect("opens");
    create(&broker, "orders", 1);
    let partition = broker.partition("orders", 0).expect("there");
    for (count, last_delta) in [(1000, 0), (1, 999), (1000, 999), (0, 0), (-1, -2), (i32::MAX, i32::MAX - 1), (0, -1)] {
        let mut lying = BytesMut::from(&batch("one")[..]);
        lying[23..27].copy_from_slice(&i32::to_be_bytes(last_delta));
        lying[57..61].copy_from_slice(&i32::to_be_bytes(count));
        let crc = crc32c::crc32c(&lying[21..]);
        lying[17..21].copy_from_slice(&crc.to_be_bytes());
        assert!(partition.produce(lying.freeze(), NOW_MS).is_err(), "{count} records up to {last_delta}");
        assert_eq!(partition.log().log_end_offset(), Offset(0));
    }
    produce(&broker, "orders", 0, "one");
    assert_eq!(partition.log().log_end_offset(), Offset(1));
}
