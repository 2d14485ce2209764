//! Groups: membership, and what tools do with them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use client::{Assignor, Client, ConsumerOptions, GroupConsumer, GroupOptions, OffsetToCommit, OutOfRange};
use record::{LeaderEpoch, Offset};
use wire::ErrorCode;

use super::{fresh_topic, record, text};

fn options(group: &str, topic: &str, assignor: Assignor) -> GroupOptions {
    let consumer = ConsumerOptions { out_of_range: OutOfRange::Earliest, ..ConsumerOptions::default() };
    GroupOptions {
        assignors: vec![assignor],
        heartbeat_interval: Duration::from_millis(200),
        session_timeout: Duration::from_secs(10),
        rebalance_timeout: Duration::from_secs(10),
        consumer,
        ..GroupOptions::new(group, vec![topic.to_owned()])
    }
}

/// Polls the members, each at its own pace, until each has `partitions` partitions; collects what they read.
async fn settle(members: &mut [GroupConsumer], partitions: usize) -> BTreeSet<String> {
    let counts = RefCell::new(vec![0; members.len()]);
    let seen = RefCell::new(BTreeSet::new());
    let deadline = Instant::now() + Duration::from_secs(30);
    let loops = members.iter_mut().enumerate().map(|(index, member)| {
        let (counts, seen) = (&counts, &seen);
        async move {
            loop {
                let polled = member.poll(100, Duration::from_millis(50)).await.expect("a poll");
                seen.borrow_mut().extend(polled.iter().map(|one| text(&one.value).expect("a value").to_owned()));
                counts.borrow_mut()[index] = member.assignment().count();
                if counts.borrow().iter().all(|count| *count == partitions) {
                    return;
                }
                assert!(Instant::now() < deadline, "the group does not settle: {counts:?}");
            }
        }
    });
    join_all(loops).await;
    seen.into_inner()
}

async fn join_all<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.map(Box::pin).collect();
    let mut done: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        let mut pending = false;
        for (future, done) in futures.iter_mut().zip(&mut done) {
            if done.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => *done = Some(value),
                    std::task::Poll::Pending => pending = true,
                }
            }
        }
        if pending { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    })
    .await;
    done.into_iter().flatten().collect()
}

pub async fn two_members_share(client: &Client) {
    for assignor in [Assignor::Range, Assignor::RoundRobin] {
        let topic = fresh_topic(client, "shared", 4).await;
        let group = format!("g-{topic}");
        let producer = client::Producer::new(client, client::ProducerOptions::default());
        let mut expected = BTreeSet::new();
        for index in 0..40 {
            let value = format!("v{index}");
            producer.send(record(&topic, Some(&value), &value)).await.expect("room").wait().await.expect("written");
            expected.insert(value);
        }

        let mut members = vec![GroupConsumer::new(client, options(&group, &topic, assignor))];
        let mut seen = settle(&mut members, 4).await;
        members.push(GroupConsumer::new(client, options(&group, &topic, assignor)));
        seen.extend(settle(&mut members, 2).await);
        let deadline = Instant::now() + Duration::from_secs(20);
        while seen.len() < expected.len() || !members.iter().all(GroupConsumer::is_at_end) {
            assert!(Instant::now() < deadline, "{} of {} records", seen.len(), expected.len());
            for member in &mut members {
                let polled = member.poll(100, Duration::from_millis(100)).await.expect("a poll");
                seen.extend(polled.iter().map(|record| text(&record.value).expect("a value").to_owned()));
            }
        }
        assert_eq!(seen, expected);

        let described = client.describe_group(&group).await.expect("the group");
        assert_eq!((described.state.as_str(), described.assignor.as_str()), ("Stable", assignor.name()));
        assert_eq!(described.members.len(), 2);
        let assigned: Vec<usize> = described
            .members
            .iter()
            .flat_map(|member| &member.assignment)
            .map(|(_, partitions)| partitions.len())
            .collect();
        assert_eq!(assigned, [2, 2]);
        assert!(described.members.iter().all(|member| member.client_id == "client-tests"), "{described:?}");
        let error = client.delete_groups(std::slice::from_ref(&group)).await.expect("an answer").remove(0).1;
        assert_eq!(error.expect_err("it has members").code(), Some(ErrorCode::NonEmptyGroup));

        for member in &mut members {
            member.commit().await.expect("a commit");
        }
        let committed = client.committed_offsets(&group).await.expect("offsets");
        assert_eq!(committed.iter().map(|committed| committed.offset.0).sum::<i64>(), 40);

        // One leaves; the other takes over where it was, and reads nothing twice.
        members.pop().expect("two").leave().await.expect("left");
        let seen_again = settle(&mut members, 4).await;
        assert!(seen_again.is_empty(), "{seen_again:?}");
        members.pop().expect("one").leave().await.expect("left");
        assert_eq!(client.describe_group(&group).await.expect("the group").state, "Empty");
    }
}

pub async fn offsets_by_tool(client: &Client) {
    let topic = fresh_topic(client, "tool", 2).await;
    let group = format!("g-{topic}");
    assert!(client.describe_group(&group).await.expect_err("no such group").is_not_found());
    let commit = |partition, offset| OffsetToCommit {
        topic: topic.clone(),
        partition,
        offset: Offset(offset),
        leader_epoch: LeaderEpoch(0),
        metadata: "noted".to_owned(),
    };
    client.commit_offsets(&group, &[commit(0, 7), commit(1, 9)]).await.expect("committed");
    let committed = client.committed_offsets(&group).await.expect("offsets");
    let flat: Vec<_> = committed.iter().map(|one| (one.partition, one.offset.0, one.metadata.as_str())).collect();
    assert_eq!(flat, [(0, 7, "noted"), (1, 9, "noted")]);
    let listed = client.list_groups().await.expect("groups");
    let listing = listed.iter().find(|listing| listing.group_id == group).expect("the group");
    assert_eq!(listing.state.as_deref(), Some("Empty"));

    let deleted = client.delete_group_offsets(&group, &[(topic.clone(), 0)]).await.expect("an answer");
    assert!(deleted.iter().all(|(_, _, done)| done.is_ok()), "{deleted:?}");
    assert_eq!(client.committed_offsets(&group).await.expect("offsets").len(), 1);
    client.delete_groups(std::slice::from_ref(&group)).await.expect("an answer").remove(0).1.expect("deleted");
    let gone = client.delete_groups(std::slice::from_ref(&group)).await.expect("an answer").remove(0).1;
    assert!(gone.expect_err("it is gone").is_not_found());
}
