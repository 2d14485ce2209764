//! A disk without room: generators and commits wait and say so, queries and pages go on, and nothing has to be restarted.

use std::path::Path;

use broker::{Broker, BrokerOptions};
use os::Disk;
use runtime::{GeneratorState, QueryState};
use testkit::SimDisk;

use crate::bench::{Bench, PAGE_EVENTS};
use crate::counts::check_counts;

const RESERVE_BYTES: u64 = 8 << 20;

/// Less than the reserve is free, but space for all that goes on.
fn fill(disk: &SimDisk) {
    leave(disk, RESERVE_BYTES - (1 << 20));
}

fn leave(disk: &SimDisk, free_bytes: u64) {
    disk.set_capacity(Some(1 << 40));
    let used = (1 << 40) - disk.space(Path::new("/")).unwrap().free_bytes;
    disk.set_capacity(Some(used + free_bytes));
}

#[test]
fn commits_and_generators_wait_for_room_and_the_counts_stay_right() {
    let disk = SimDisk::new();
    let options = || BrokerOptions {
        disk: std::sync::Arc::new(disk.clone()),
        reserve_bytes: Some(RESERVE_BYTES),
        ..BrokerOptions::new("/data")
    };
    let bench = Bench::on(Broker::open(options()).unwrap(), &[("supplier.every", "2 ms")]);
    bench.sql(PAGE_EVENTS);
    let query = || bench.instance.query("page_count").unwrap();
    bench.until("100 events are counted", || query().facts.records > 100);
    for round in 0..2 {
        let blocked = |state| state == QueryState::Blocked;
        let is_blocked = || bench.instance.queries().iter().any(|q| blocked(q.state));
        let generator_is = |state| bench.instance.generators().iter().any(|g| g.state == state);
        loop {
            fill(&disk);
            bench.until("the generator is blocked", || generator_is(GeneratorState::Blocked));
            // A query whose commit was just done has nothing that could be blocked: once more, then.
            if bench.instance.table("page_count", runtime::Isolation::Committed, 1).is_err() {
                break;
            }
            disk.set_capacity(None);
            bench.until("the generator goes on", || generator_is(GeneratorState::Running));
        }
        assert!(is_blocked());
        let generator = &bench.instance.generators()[0];
        assert!(generator.reason.as_ref().unwrap().contains("nearly full"), "{generator:?}");
        let error = bench.instance.queries().into_iter().find(|q| blocked(q.state)).unwrap().error.unwrap();
        assert_eq!(error.code, "disk_full");
        // In service still: reading goes on, and so do tables.
        let health = bench.instance.health();
        let storage = health.checks.iter().find(|check| check.name == "storage").unwrap();
        assert!(health.ready && storage.detail.as_ref().unwrap().contains("nearly full"), "{health:?}");
        assert!(!bench.instance.table("page_count", runtime::Isolation::Latest, 10).unwrap().rows.is_empty());
        let written = bench.broker.partition("R2", 0).unwrap().log().log_end_offset();
        let r4 = bench.broker.partition("R4", 0).unwrap().log().log_end_offset();
        // Whoever tidies up may do so: a statement is logged out of the reserve.
        bench.sql(&format!(
            "CREATE STREAM s{round} (a TEXT) WITH (topic = 'R2', value_format = 'json'); DROP STREAM s{round};"
        ));
        assert_eq!(bench.broker.partition("R2", 0).unwrap().log().log_end_offset(), written, "no event was taken");
        assert_eq!(bench.broker.partition("R4", 0).unwrap().log().log_end_offset(), r4, "nothing was committed");
        disk.set_capacity(None);
        let before = query().facts.records;
        bench.until("it goes on by itself", || {
            query().state == QueryState::Running && query().facts.records > before + 50
        });
        assert!(bench.instance.generators()[0].reason.is_none());
    }
    // A stop while there is no room loses nothing either.
    fill(&disk);
    bench.until("the generator is blocked", || {
        bench.instance.generators().iter().any(|g| g.state == GeneratorState::Blocked)
    });
    bench.stop();
    disk.set_capacity(None);
    let bench = Bench::on(Broker::open(options()).unwrap(), &[("supplier.every", "2 ms")]);
    bench.sql(PAGE_EVENTS);
    bench.instance.generator_pause("page_event_supplier").unwrap();
    bench.until_idle();
    check_counts(&bench);
    bench.stop();
}

#[test]
fn a_write_that_finds_no_space_at_all_leaves_the_counts_right() {
    let disk = SimDisk::new();
    // Without a reserve: as when another program fills the disk between two looks at it.
    let options = || BrokerOptions {
        disk: std::sync::Arc::new(disk.clone()),
        reserve_bytes: Some(0),
        ..BrokerOptions::new("/data")
    };
    let bench = Bench::on(Broker::open(options()).unwrap(), &[("supplier.every", "2 ms")]);
    bench.sql(PAGE_EVENTS);
    let query = || bench.instance.query("page_count").unwrap();
    for round in 0..5_u64 {
        let before = query().facts.records;
        bench.until("it runs", || query().state == QueryState::Running && query().facts.records > before + 50);
        // A little space: some writes of a commit succeed, others do not.
        leave(&disk, round * 1500);
        bench.until("the generator is blocked", || {
            bench.instance.generators().iter().any(|g| g.state == GeneratorState::Blocked)
        });
        assert!(bench.broker.health().is_none(), "nothing latches: {:?}", bench.broker.health());
        disk.set_capacity(None);
    }
    let before = query().facts.records;
    bench.until("it goes on by itself", || query().state == QueryState::Running && query().facts.records > before + 50);
    bench.instance.generator_pause("page_event_supplier").unwrap();
    bench.until_idle();
    check_counts(&bench);
    bench.stop();
}
