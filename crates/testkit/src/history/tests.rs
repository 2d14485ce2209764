//! A good history has no anomaly; each kind of bad one is caught, as the kind that it is.

use super::{
    Anomaly, GroupEvent, History, Isolation, Mark, PartitionId, Poll, ReaderId, Seen, SendOutcome, TransactionOutcome,
    Transformation, Value, check,
};

const P: PartitionId = PartitionId(0);
const TAIL: ReaderId = ReaderId(0);
const COMMITTED_TAIL: ReaderId = ReaderId(1);
const DRAINS: [ReaderId; 2] = [ReaderId(2), ReaderId(3)];

fn poll(reader: ReaderId, records: &[(i64, Value)]) -> Poll {
    let seen = |(offset, value): &(i64, Value)| Seen { partition: P, offset: *offset, value: *value };
    let records = records.iter().map(seen).collect();
    Poll { reader, transaction: None, repositioned: false, records, marks: Vec::new() }
}

fn acknowledged(history: &mut History, value: Value, offset: i64) {
    let send = history.send(1, P, value, None);
    history.settle(send, SendOutcome::Acknowledged(Some(offset)));
}

/// Values 10, 11, 12 at 0, 1, 2, acknowledged and followed by both tails.
fn followed() -> History {
    let mut history = History::default();
    history.partition("p", false);
    let isolations = [Isolation::Uncommitted, Isolation::Committed];
    let _tails = isolations.map(|isolation| history.reader(isolation));
    let _drains = isolations.map(|isolation| history.drain(isolation, vec![P]));
    for (value, offset) in [(10, 0), (11, 1), (12, 2)] {
        acknowledged(&mut history, value, offset);
    }
    history.polls.push(poll(TAIL, &[(0, 10), (1, 11)]));
    history.polls.push(poll(TAIL, &[(2, 12)]));
    history.polls.push(poll(COMMITTED_TAIL, &[(0, 10), (1, 11), (2, 12)]));
    history
}

const ALL: &[(i64, Value)] = &[(0, 10), (1, 11), (2, 12)];

fn drained(history: &mut History, uncommitted: &[(i64, Value)], committed: &[(i64, Value)]) {
    history.polls.push(poll(DRAINS[0], uncommitted));
    history.polls.push(poll(DRAINS[1], committed));
}

/// A transaction of the values 20 at 3 and 21 at 4, and its marker at 5.
fn with_transaction(outcome: TransactionOutcome) -> History {
    let mut history = followed();
    let transaction = history.begin();
    for (value, offset) in [(20, 3), (21, 4)] {
        let send = history.send(2, P, value, Some(transaction));
        history.settle(send, SendOutcome::Acknowledged(Some(offset)));
    }
    history.end(transaction, outcome);
    history
}

const WITH: &[(i64, Value)] = &[(0, 10), (1, 11), (2, 12), (3, 20), (4, 21)];

#[track_caller]
fn caught(what: &str, history: &History, expected: impl Fn(&Anomaly) -> bool) {
    let found = check(history);
    assert!(found.iter().any(expected), "{what} was not caught, but: {found:?}");
}

#[test]
fn good_histories_are_good() {
    let mut plain = followed();
    drained(&mut plain, ALL, ALL);
    assert_eq!(check(&plain), []);
    for (outcome, uncommitted, committed) in [
        (TransactionOutcome::Committed, WITH, WITH),
        (TransactionOutcome::Aborted, WITH, ALL),
        (TransactionOutcome::Unknown, WITH, ALL),
        (TransactionOutcome::Unknown, WITH, WITH),
    ] {
        let mut history = with_transaction(outcome);
        drained(&mut history, uncommitted, committed);
        assert_eq!(check(&history), [], "{outcome:?}");
    }
    // Unknown and refused sends need not be there; an unknown one may be. A group may jump to where it is assigned.
    let mut history = followed();
    for (value, outcome) in [(13, SendOutcome::Unknown), (14, SendOutcome::Refused), (15, SendOutcome::Unknown)] {
        let send = history.send(1, P, value, None);
        history.settle(send, outcome);
    }
    history.polls.push(Poll { repositioned: true, ..poll(TAIL, &[(1, 11)]) });
    let all = [ALL, &[(3, 15)]].concat();
    drained(&mut history, &all, &all);
    history.groups.push(GroupEvent::Committed { group: "g".to_owned(), partition: P, offset: 2 });
    history.groups.push(GroupEvent::Asked { group: "g".to_owned(), partition: P, offset: 4, log_end: 4 });
    let loops = Transformation { name: "t".to_owned(), consumed: vec![vec![1, 2]], produced: vec![vec![1, 2]] };
    history.transformations.push(loops);
    assert_eq!(check(&history), []);
}

#[test]
fn wrong_places() {
    let mut history = followed();
    drained(&mut history, &[(0, 10), (1, 99), (2, 12)], ALL);
    caught("two values at one offset", &history, |a| matches!(a, Anomaly::InconsistentOffsets { offset: 1, .. }));
    caught("a value out of nowhere", &history, |a| matches!(a, Anomaly::NeverSent { value: 99, .. }));
    let mut history = followed();
    let twice = [ALL, &[(3, 11)]].concat();
    drained(&mut history, &twice, &twice);
    caught("a value twice", &history, |a| matches!(a, Anomaly::Duplicate { value: 11, .. }));
    let mut history = followed();
    acknowledged(&mut history, 13, 4);
    acknowledged(&mut history, 14, 3);
    let all = [ALL, &[(3, 14), (4, 13)]].concat();
    drained(&mut history, &all, &all);
    caught("a send before its turn", &history, |a| matches!(a, Anomaly::NonmonotonicSend { earlier: 4, later: 3, .. }));
}

#[test]
fn lost_records() {
    let mut history = followed();
    history.polls.clear();
    drained(&mut history, &[(0, 10), (2, 12)], &[(0, 10), (2, 12)]);
    caught("a lost write", &history, |a| matches!(a, Anomaly::LostWrite { value: 11, .. }));
    let mut history = followed();
    acknowledged(&mut history, 13, 3);
    drained(&mut history, ALL, ALL);
    caught("an acknowledged record that is not there", &history, |a| matches!(a, Anomaly::Unseen { value: 13, .. }));
    let mut history = followed();
    let send = history.send(1, P, 13, None);
    history.settle(send, SendOutcome::Acknowledged(None));
    drained(&mut history, ALL, ALL);
    caught("a known duplicate that is not there", &history, |a| matches!(a, Anomaly::Unseen { value: 13, .. }));
    let mut history = followed();
    history.send(1, P, 13, None);
    history.polls.push(poll(TAIL, &[(3, 13)]));
    drained(&mut history, ALL, ALL);
    caught("a record that was shown", &history, |a| matches!(a, Anomaly::TakenBack { offset: 3, value: 13, .. }));
}

/// A third drain of the same rest, which shows this.
fn drained_again(mut history: History, isolation: Isolation, records: &[(i64, Value)]) -> History {
    drained(&mut history, WITH, WITH);
    let drain = history.drain(isolation, vec![P]);
    history.polls.push(poll(drain, records));
    history
}

/// Not only the last drain counts, nor only ours.
#[test]
fn incomplete_drains() {
    let with = || with_transaction(TransactionOutcome::Committed);
    for isolation in [Isolation::Uncommitted, Isolation::Committed] {
        let nothing = drained_again(with(), isolation, &[]);
        caught("a drain that shows nothing", &nothing, |a| matches!(a, Anomaly::Unseen { value: 10, .. }));
        let less = drained_again(with(), isolation, &WITH[..4]);
        caught("a drain that ends early", &less, |a| matches!(a, Anomaly::Unseen { value: 21, .. }));
        caught("a drain that ends early", &less, |a| matches!(a, Anomaly::TakenBack { offset: 4, .. }));
        let torn = |a: &Anomaly| matches!(a, Anomaly::TornTransaction { missing, .. } if missing == &[21]);
        assert_eq!(check(&less).iter().any(torn), isolation == Isolation::Committed);
        assert_eq!(check(&drained_again(with(), isolation, WITH)), []);
    }
    // The first of two, and ours after it.
    let mut history = with();
    history.readers.swap(DRAINS[0].0, DRAINS[1].0);
    drained(&mut history, &[], WITH);
    caught("the first drain", &history, |a| matches!(a, Anomaly::Unseen { value: 10, .. }));
    // A drain of an earlier rest need not have what came later, and one of other partitions not what is here.
    let mut history = followed();
    drained(&mut history, ALL, ALL);
    acknowledged(&mut history, 13, 3);
    let other = history.partition("other", false);
    history.rest();
    let all = [ALL, &[(3, 13)]].concat();
    for isolation in [Isolation::Uncommitted, Isolation::Committed] {
        let drain = history.drain(isolation, vec![P]);
        history.polls.push(poll(drain, &all));
    }
    history.drain(Isolation::Committed, vec![other]);
    assert_eq!(check(&history), []);
}

#[test]
fn broken_transactions() {
    let mut history = with_transaction(TransactionOutcome::Aborted);
    drained(&mut history, WITH, WITH);
    caught("an aborted read", &history, |a| matches!(a, Anomaly::AbortedRead { value: 20, .. }));
    let mut history = followed();
    let send = history.send(1, P, 13, None);
    history.settle(send, SendOutcome::Refused);
    let all = [ALL, &[(3, 13)]].concat();
    drained(&mut history, &all, ALL);
    caught("a refused write", &history, |a| matches!(a, Anomaly::AbortedRead { value: 13, .. }));
    for outcome in [TransactionOutcome::Committed, TransactionOutcome::Unknown] {
        let mut history = with_transaction(outcome);
        drained(&mut history, WITH, &WITH[..4]);
        let torn = |a: &Anomaly| matches!(a, Anomaly::TornTransaction { missing, .. } if missing == &[21]);
        caught("half a transaction", &history, torn);
    }
    let mut history = with_transaction(TransactionOutcome::Committed);
    drained(&mut history, WITH, ALL);
    caught("a lost transaction", &history, |a| matches!(a, Anomaly::Unseen { value: 20, .. }));
    let mut history = with_transaction(TransactionOutcome::Committed);
    let transaction = history.sends[3].transaction;
    history.polls.push(Poll { transaction, ..poll(TAIL, &[(3, 20)]) });
    drained(&mut history, WITH, WITH);
    caught("a transaction that reads its own", &history, |a| matches!(a, Anomaly::PrecommittedRead { value: 20 }));
}

#[test]
fn wrong_orders_of_polls() {
    let case = |polls: &[&[(i64, Value)]]| {
        let mut history = followed();
        history.polls.clear();
        history.polls.extend(polls.iter().map(|records| poll(TAIL, records)));
        drained(&mut history, ALL, ALL);
        history
    };
    let back = |inside: bool| move |a: &Anomaly| matches!(a, Anomaly::NonmonotonicPoll { internal, .. } if *internal == inside);
    let skip = |inside: bool| move |a: &Anomaly| matches!(a, Anomaly::PollSkip { skipped: 1, internal, .. } if *internal == inside);
    caught("a poll that goes back", &case(&[&[(0, 10), (1, 11)], &[(1, 11)]]), back(false));
    caught("a poll out of order", &case(&[&[(1, 11), (0, 10)]]), back(true));
    caught("a skip between polls", &case(&[&[(0, 10)], &[(2, 12)]]), skip(false));
    caught("a skip in a poll", &case(&[&[(0, 10), (2, 12)]]), skip(true));
    let mut history = followed();
    drained(&mut history, &ALL[1..], ALL);
    caught("a drain without a beginning", &history, |a| matches!(a, Anomaly::PollSkip { skipped: 0, .. }));
}

#[test]
fn watermarks_and_groups() {
    let marks: &[[(i64, i64); 2]] = &[[(3, 3), (2, 2)], [(3, 3), (4, 2)], [(3, 3), (4, 5)]];
    for case in marks {
        let mut history = followed();
        for (high_watermark, last_stable_offset) in *case {
            let mark = Mark { partition: P, high_watermark, last_stable_offset };
            history.polls.push(Poll { marks: vec![mark], ..poll(TAIL, &[]) });
        }
        drained(&mut history, ALL, ALL);
        caught("a watermark", &history, |a| matches!(a, Anomaly::Watermark { before: (3, 3), .. }));
    }
    let group = |offset, log_end| {
        let mut history = followed();
        drained(&mut history, ALL, ALL);
        history.groups.push(GroupEvent::Committed { group: "g".to_owned(), partition: P, offset: 2 });
        history.groups.push(GroupEvent::Asked { group: "g".to_owned(), partition: P, offset, log_end });
        history
    };
    let mut history = group(3, 3);
    let member = history.member(Isolation::Committed, "g");
    history.polls.push(poll(member, &ALL[1..]));
    caught("a group that skips", &history, |a| matches!(a, Anomaly::GroupSkip { skipped: 0, .. }));
    history.polls.push(poll(member, &[]));
    history.polls.push(Poll { repositioned: true, ..poll(member, &ALL[..1]) });
    assert_eq!(check(&history), []);
    caught("an offset that goes back", &group(1, 3), |a| matches!(a, Anomaly::GroupOffsetBack { found: 1, .. }));
    for then in [2, -1] {
        let mut history = group(3, 3);
        history.groups.push(GroupEvent::Asked { group: "g".to_owned(), partition: P, offset: then, log_end: 3 });
        let back = |a: &Anomaly| matches!(a, Anomaly::GroupOffsetBack { promised: 3, found, .. } if *found == then);
        caught("an offset that was shown and goes back", &history, back);
    }
    caught("an offset that is gone", &group(-1, 3), |a| matches!(a, Anomaly::GroupOffsetBack { found: -1, .. }));
    caught("an offset beyond the end", &group(4, 3), |a| matches!(a, Anomaly::GroupOffsetBeyondEnd { found: 4, .. }));
}

#[test]
fn loops_and_answers() {
    let cases: &[(&str, &[Value], &[Value], usize)] =
        &[("missing", &[1, 2, 3], &[1, 2], 2), ("doubled", &[1, 2], &[1, 1, 2], 1), ("swapped", &[1, 2], &[2, 1], 0)];
    for (what, consumed, produced, at) in cases {
        let mut history = followed();
        drained(&mut history, ALL, ALL);
        history.transformations.push(Transformation {
            name: "t".to_owned(),
            consumed: vec![consumed.to_vec()],
            produced: vec![produced.to_vec()],
        });
        caught(what, &history, |a| matches!(a, Anomaly::Transformed { agree, .. } if agree == at));
    }
    let mut history = followed();
    drained(&mut history, ALL, ALL);
    history.unexpected.push("no".to_owned());
    caught("an answer", &history, |a| matches!(a, Anomaly::Unexpected(_)));
}
