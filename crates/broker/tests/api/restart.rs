//! What is there again after a stop, and which data directories are refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use broker::{Broker, BrokerOptions, NewTopic, OpenError};
use os::Disk;
use testkit::{Loss, SimDisk};

use crate::harness::{Fixture, records_of};

#[test]
fn topics_records_and_ids_are_there_again() {
    let fixture = Fixture::new();
    fixture.create("t", 3, &[("retention.ms", "-1")]);
    fixture.create("gone", 1, &[]);
    fixture.produce_values("t", 2, &["a", "b"]);
    fixture.broker.delete_topic("gone").expect("deleted");
    let (topics, cluster_id) = (fixture.broker.topics(), fixture.broker.cluster_id().to_owned());
    let fixture = fixture.restart();
    assert_eq!(fixture.broker.topics(), topics);
    assert_eq!(fixture.broker.cluster_id(), cluster_id);
    assert_eq!(records_of(&fixture.fetch("t", 2, 0)), ["0=a", "1=b"]);
    assert_eq!(fixture.produce_values("t", 2, &["c"]), 2);
    let fixture = fixture.restart().restart();
    assert_eq!(records_of(&fixture.fetch("t", 2, 2)), ["2=c"]);
}

#[test]
fn what_was_acknowledged_survives_a_power_cut() {
    for (seed, loss) in [(1, Loss::All), (2, Loss::Random), (3, Loss::Random), (4, Loss::Random)] {
        let fixture = Fixture::new();
        fixture.create("t", 1, &[]);
        fixture.produce_values("t", 0, &["a"]);
        fixture.create("u", 2, &[("cleanup.policy", "compact")]);
        fixture.broker.delete_topic("t").expect("deleted");
        fixture.create("t", 1, &[]);
        fixture.produce_values("t", 0, &["b"]);
        let topics = fixture.broker.topics();
        fixture.disk.cut_power();
        let disk = fixture.disk.reboot(loss, seed);
        let broker = reopen(&disk).unwrap_or_else(|e| panic!("{seed}: {e}"));
        assert_eq!(broker.topics(), topics, "{seed}");
        assert_eq!(broker.partition("t", 0).expect("there").log().log_end_offset().0, 1, "{seed}");
    }
}

#[test]
fn a_topic_is_there_whole_or_not_at_all() {
    // Power is cut at each disk operation of a creation: the topic is there with all partitions, or it can be created.
    let fixture = Fixture::new();
    let before = fixture.disk.operations();
    fixture.create("t", 2, &[]);
    let operations = fixture.disk.operations() - before;
    assert!(operations > 0);
    for at in (0..operations).step_by(3) {
        let fixture = Fixture::new();
        fixture.disk.cut_power_at(fixture.disk.operations() + at);
        let created = fixture.broker.create_topic("t", NewTopic { partitions: Some(2), ..NewTopic::default() });
        fixture.disk.cut_power();
        let disk = fixture.disk.reboot(Loss::Random, at);
        let broker = reopen(&disk).unwrap_or_else(|e| panic!("{at}: {e}"));
        match broker.topic("t") {
            Some(info) => assert_eq!(info.partitions, 2, "{at}"),
            None => {
                assert!(created.is_err(), "{at}: it was acknowledged");
                broker.create_topic("t", NewTopic::default()).unwrap_or_else(|e| panic!("{at}: {e}"));
            }
        }
    }
}

fn reopen(disk: &SimDisk) -> Result<Arc<Broker>, OpenError> {
    let mut options = BrokerOptions::new(PathBuf::from("/data"));
    options.disk = Arc::new(disk.clone());
    options.background = false;
    Broker::open(options)
}

#[test]
fn directories_that_are_not_ours_to_open() {
    let check = |change: &dyn Fn(&SimDisk), expected: &str| {
        let fixture = Fixture::new();
        fixture.create("t", 1, &[]);
        fixture.broker.shutdown().expect("a clean stop");
        let disk = fixture.disk.clone();
        drop(fixture);
        change(&disk);
        let got = match reopen(&disk) {
            Ok(_) => "opened".to_owned(),
            Err(e) => e.to_string(),
        };
        assert!(got.contains(expected), "{got}");
    };
    let write = |disk: &SimDisk, file: &str, text: &str| {
        disk.replace(Path::new(file), text.as_bytes()).expect("written");
    };
    check(&|_| {}, "opened");
    check(&|disk| write(disk, "/data/state/version", "2\n"), "use the newer program");
    check(&|disk| write(disk, "/data/state/version", "?"), "use the newer program");
    check(&|disk| write(disk, "/data/log/meta.properties", "version=2\ncluster.id=x\nnode.id=1\n"), "newer program");
    check(&|disk| write(disk, "/data/log/meta.properties", "version=1\nnode.id=1\n"), "no cluster.id");
    check(&|disk| write(disk, "/data/log/meta.properties", "version=1\ncluster.id=x\nnode.id=7\n"), "another broker");
}

#[test]
fn a_directory_that_is_in_use_is_refused() {
    let fixture = Fixture::new();
    let got = reopen(&fixture.disk).map(|_| ()).expect_err("locked").to_string();
    assert!(got.contains("in use by another process"), "{got}");
}
