//! When a round begins, and on whose thread: with whoever waits for it, never without, and never while somebody holds it open.
//!
//! Verified: each way of waiting (and of not caring) begins the round; what is appended before shares it; a lone caller's
//! rounds run on its own thread from the third on, and nobody else's; a caller that drives shows nothing early and latches;
//! rounds do not wait for chores, but where those keep too much memory.
//! Not verified: how long anything takes (`bench`).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use os::Disk;
use testkit::SimDisk;

use super::*;
use crate::Ticket;

fn append(log: &Log) -> Ticket {
    log.append(batch(&["v"], NOW.0), CLIENT).expect("appended").ticket
}

/// A set with the logs `a-0` and `b-0`, at rest.
fn at_rest(sim: &SimDisk) -> (Arc<LogSet>, Arc<Log>, Arc<Log>) {
    let (set, _) = open(&(Arc::new(sim.clone()) as Arc<dyn Disk>));
    let [a, b] = ["a-0", "b-0"].map(|name| set.create(name, LogConfig::default()).expect("created"));
    set.sync().wait().expect("synced");
    (set, a, b)
}

fn durable(log: &Log) {
    until("a round begins", || log.high_watermark() == log.log_end_offset());
}

#[test]
fn every_way_of_waiting_begins_the_round_and_one_round_takes_all() {
    type Wait = fn(&LogSet, Vec<Ticket>);
    let ways: [(&str, Wait); 6] = [
        ("wait", |_, tickets| tickets.last().expect("one").wait().expect("durable")),
        ("wait for the first", |_, tickets| tickets[0].wait().expect("durable")),
        ("wait for all", |_, tickets| Ticket::all(tickets).wait().expect("durable")),
        ("drop", |_, tickets| drop(tickets)),
        ("poll once and keep", |_, mut tickets| {
            let mut ticket = tickets.pop().expect("one");
            let polled = Pin::new(&mut ticket).poll(&mut Context::from_waker(Waker::noop()));
            // Done already when the flusher was fast.
            assert!(!matches!(polled, Poll::Ready(Err(_))));
            std::mem::forget((ticket, tickets));
        }),
        ("wait for the set", |set, tickets| {
            set.sync().wait().expect("durable");
            std::mem::forget(tickets);
        }),
    ];
    for (what, wait) in ways {
        let sim = SimDisk::new();
        let (set, a, b) = at_rest(&sim);
        let before = sim.syncs();
        let tickets = vec![append(&a), append(&b), append(&a)];
        assert!(tickets.iter().all(|t| !t.is_done()), "{what}: nobody waits, so no round has begun");
        assert_eq!(sim.syncs(), before);
        wait(&set, tickets);
        durable(&a);
        durable(&b);
        assert_eq!(sim.syncs() - before, 1, "{what}: one round took all");
    }
}

#[test]
fn a_round_that_is_held_begins_when_it_is_let_go_if_anybody_waits() {
    let sim = SimDisk::new();
    let (set, a, b) = at_rest(&sim);
    let before = sim.syncs();
    let hold = set.hold_round();
    let ticket = append(&a);
    // Waited for by another thread, and driven by this one, while it is held.
    let waiting = std::thread::spawn({
        let ticket = ticket.clone();
        move || ticket.wait()
    });
    (0..5).for_each(|_| ticket.drive(1, 1));
    let last = append(&b);
    assert!(!ticket.is_done() && !last.is_done());
    drop(hold);
    waiting.join().expect("no panic").expect("durable");
    last.wait().expect("durable");
    assert_eq!(sim.syncs() - before, 1);
    // Let go with nobody waiting: it begins when somebody does.
    let ticket = {
        let _hold = set.hold_round();
        append(&a)
    };
    assert!(!ticket.is_done());
    ticket.wait().expect("durable");
}

/// Appends and drives, as this caller. Whether that made it durable on this thread.
fn driven(log: &Log, caller: u64) -> bool {
    let ticket = append(log);
    assert!(!ticket.is_done() && log.high_watermark() < log.log_end_offset());
    ticket.drive(caller, 1);
    let done = ticket.is_done();
    assert_eq!(done, log.high_watermark() == log.log_end_offset(), "shown and acknowledged together");
    ticket.wait().expect("durable");
    done
}

/// Appends until rounds are the caller's own. Not the first ones; and the flusher may still be busy with the last round.
fn until_lone(log: &Log, caller: u64) {
    assert!((0..2).all(|_| !driven(log, caller)), "others may come");
    assert!((0..10_000).any(|_| driven(log, caller)), "nobody else comes");
}

#[test]
fn a_lone_caller_runs_its_rounds_itself_and_others_end_that() {
    let sim = SimDisk::new();
    let (_set, a, b) = at_rest(&sim);
    until_lone(&a, 1);
    // Another caller: its first ones are not its own, and the former one has to begin anew.
    assert!(!driven(&b, 2));
    until_lone(&a, 1);
    // Two appends of which the caller knows one: the other one's ticket is somebody else's.
    let (one, other) = (append(&a), append(&b));
    one.drive(1, 1);
    assert!(!one.is_done());
    other.wait().expect("durable");
    // Several of its own are as good as one.
    until_lone(&a, 1);
    let several = (0..10_000).any(|_| {
        let ticket = Ticket::all([append(&a), append(&b)]);
        ticket.drive(1, 2);
        let done = ticket.is_done();
        ticket.wait().expect("durable");
        done
    });
    assert!(several);
}

#[test]
fn a_sync_that_fails_under_a_caller_latches_the_set_and_shows_nothing() {
    let sim = SimDisk::new();
    let (set, a, _) = at_rest(&sim);
    until_lone(&a, 1);
    let shown = a.high_watermark();
    sim.fail_syncs(1);
    let ticket = append(&a);
    ticket.drive(1, 1);
    assert!(ticket.wait().is_err());
    assert!(set.health().is_some());
    assert_eq!(a.high_watermark(), shown);
    assert!(a.append(batch(&["no"], NOW.0), CLIENT).is_err());
}

#[test]
fn large_batches_go_into_the_journal_unless_they_come_during_a_round() {
    let sim = SimDisk::new();
    let (set, a, _) = at_rest(&sim);
    let check = |in_round: bool, value_bytes: usize, journaled: bool| {
        set.shared.in_round.store(in_round, Ordering::Release);
        let value = "v".repeat(value_bytes);
        let ticket = a.append(batch(&[&value], NOW.0), CLIENT).expect("appended").ticket;
        assert_eq!(a.state.lock().pending.has_room(0), journaled, "{value_bytes} bytes, in a round: {in_round}");
        ticket.wait().expect("durable");
    };
    check(false, 20 << 10, true);
    check(true, 20 << 10, true);
    check(false, 60 << 10, true);
    check(true, 60 << 10, false);
    check(false, 130 << 10, false);
}

/// Rolls the log. Its chore waits for whoever has `log.files`.
fn roll(log: &Log) {
    log.roll(&mut log.state.lock()).expect("rolled");
}

#[test]
fn rounds_go_on_while_chores_are_stuck_unless_they_keep_too_much() {
    let sim = SimDisk::new();
    let (set, a, b) = at_rest(&sim);
    append(&a).wait().expect("durable");
    let stuck = a.files.lock();
    roll(&a);
    for log in [&a, &b, &a, &b] {
        append(log).wait().expect("durable beside a chore that is stuck");
    }
    assert!(a.has_chores());
    // An image of all the memory there is for them.
    set.shared.chore(Arc::clone(&a), usize::MAX / 2);
    append(&b).wait().expect("the round that is under way, or the one before rounds wait");
    let ticket = append(&b);
    assert!((0..1_000).all(|_| {
        let polled = Pin::new(&mut ticket.clone()).poll(&mut Context::from_waker(Waker::noop()));
        std::thread::yield_now();
        polled.is_pending()
    }));
    drop(stuck);
    ticket.wait().expect("durable once the chores are done");
    let done = || !a.has_chores() && a.recovery_point() == a.log_end_offset().0;
    append(&a).wait().expect("durable");
    roll(&a);
    until("the segment is closed", done);
}
