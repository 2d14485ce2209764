//! DescribeLogDirs: key 35, v1–v4
//!
//! Says which logs the log directory holds and how large they are. No topics asks for all; −1 partitions do not exist.
//!
//! Versions: v2 flexible · v3 top-level error · v4 total and usable bytes of the disk (total is not known: −1).

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use wire::messages::describe_log_dirs_request::DescribeLogDirsRequest;
use wire::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResponse, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use wire::{ApiKey, Str};

use super::{Api, Context};
use crate::broker::Broker;
use crate::reply::Reply;
use crate::topic::Topic;

pub(super) const API: Api = Api::new(ApiKey::DescribeLogDirs, 1..=4, |call| call.run(handle)).in_the_slow_lane();

fn handle(broker: &Arc<Broker>, _ctx: &Context, request: DescribeLogDirsRequest) -> Reply<DescribeLogDirsResponse> {
    let topics: Vec<DescribeLogDirsTopic> = match &request.topics {
        None => broker.catalog.topics().iter().map(|topic| describe(topic, None)).collect(),
        Some(wanted) => {
            let mut by_topic: BTreeMap<&Str, HashSet<i32>> = BTreeMap::new();
            for wanted in wanted {
                by_topic.entry(&wanted.topic).or_default().extend(&wanted.partitions);
            }
            let described = by_topic.iter();
            described
                .filter_map(|(topic, partitions)| Some(describe(&*broker.catalog.topic(topic)?, Some(partitions))))
                .collect()
        }
    };
    let log_dir = broker.log_dir();
    let space = broker.disk.space(log_dir).ok();
    let bytes = |bytes: Option<u64>| bytes.and_then(|bytes| i64::try_from(bytes).ok()).unwrap_or(-1);
    let result = DescribeLogDirsResult {
        log_dir: Str::from(log_dir.display().to_string()),
        topics,
        total_bytes: bytes(space.map(|space| space.total_bytes)),
        usable_bytes: bytes(space.map(|space| space.free_bytes)),
        ..DescribeLogDirsResult::default()
    };
    DescribeLogDirsResponse { results: vec![result], ..DescribeLogDirsResponse::default() }.into()
}

fn describe(topic: &Topic, wanted: Option<&HashSet<i32>>) -> DescribeLogDirsTopic {
    let shown =
        topic.partitions.iter().filter(|partition| wanted.is_none_or(|wanted| wanted.contains(&partition.index())));
    let partitions = shown.map(|partition| DescribeLogDirsPartition {
        partition_index: partition.index(),
        partition_size: i64::try_from(partition.log().size_bytes()).unwrap_or(i64::MAX),
        ..DescribeLogDirsPartition::default()
    });
    DescribeLogDirsTopic { name: (&*topic.name).into(), partitions: partitions.collect() }
}
