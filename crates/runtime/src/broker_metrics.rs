//! Metrics of topics and groups, under the names of the well-known Kafka exporter, so that its dashboards work; and of the
//! disk and of what cannot be read from it.
//!
//! Anybody may commit for as many groups as there is memory for, and each has a line per partition: so many are listed that
//! the text stays small, those with members first, and the others are counted.

use broker::group::{GroupListing, GroupState};
use broker::net::refusal::Refusal;
use broker::{Broker, GroupInfo};

use crate::status::{Metric, MetricKind, Sample};

/// No more groups are listed.
const GROUPS_MAX: usize = 1_000;
/// Nor more of their offsets.
const OFFSETS_MAX: usize = 10_000;

/// Free space; partitions, offsets, groups and their lag.
pub(crate) fn collect(broker: &Broker) -> Vec<Metric> {
    let topics = broker.topics();
    let mut partitions = Vec::new();
    let mut newest = Vec::new();
    let mut oldest = Vec::new();
    let mut damaged = Vec::new();
    for topic in &topics {
        partitions.push(sample(&[("topic", &topic.name)], f64::from(topic.partitions)));
        for index in 0..topic.partitions {
            let Some(partition) = broker.partition(&topic.name, index) else { continue };
            let labels = [("topic", topic.name.as_str()), ("partition", &index.to_string())];
            newest.push(sample(&labels, partition.log().high_watermark().0 as f64));
            oldest.push(sample(&labels, partition.log().log_start_offset().0 as f64));
            damaged.push(sample(&labels, partition.log().damaged().len() as f64));
        }
    }
    let refused = Refusal::ALL
        .iter()
        .map(|refusal| sample(&[("what", refusal.name())], broker.refusals().count(*refusal) as f64));
    let space = broker.space();
    let mut metrics = vec![
        Metric {
            name: "millstream_refused_total".to_owned(),
            help: "Refused to Kafka clients.".to_owned(),
            kind: MetricKind::Counter,
            samples: refused.collect(),
        },
        gauge(
            "millstream_disk_free_bytes",
            "Free space on the disk of the logs.",
            vec![sample(&[], space.free_bytes as f64)],
        ),
        gauge(
            "millstream_disk_reserve_bytes",
            "Producers are refused while less is free.",
            vec![sample(&[], space.reserve_bytes as f64)],
        ),
        gauge(
            "millstream_disk_low",
            "1 while producers are refused, because the disk is nearly full.",
            vec![sample(&[], f64::from(u8::from(space.low)))],
        ),
        gauge(
            "millstream_log_damaged_ranges",
            "Ranges of a partition's offsets that are known to be damaged and cannot be read.",
            damaged,
        ),
        gauge("kafka_brokers", "Brokers in the cluster.", vec![sample(&[], 1.0)]),
        gauge("kafka_topic_partitions", "Partitions of a topic.", partitions),
        gauge("kafka_topic_partition_current_offset", "High watermark of a partition.", newest),
        gauge("kafka_topic_partition_oldest_offset", "First offset of a partition.", oldest),
    ];
    metrics.extend(of_groups(broker.coordinators().list_groups(), |group_id| broker.group(group_id)));
    metrics
}

/// The metrics of these groups, which `look` describes.
fn of_groups(mut listings: Vec<GroupListing>, look: impl Fn(&str) -> Option<GroupInfo>) -> Vec<Metric> {
    listings.sort_by_key(|listing| matches!(listing.state, GroupState::Empty | GroupState::Dead));
    let mut members = Vec::new();
    let mut committed = Vec::new();
    let mut lags = Vec::new();
    let mut lag_sums = Vec::new();
    let mut left_out = 0;
    for listing in listings {
        if members.len() >= GROUPS_MAX || committed.len() >= OFFSETS_MAX {
            left_out += 1;
            continue;
        }
        let Some(group) = look(&listing.group_id) else { continue };
        members.push(sample(&[("consumergroup", &group.group_id)], group.members.len() as f64));
        let mut lag_sum = 0;
        for offset in &group.offsets {
            let lag = offset.lag();
            lag_sum += lag.unwrap_or(0);
            if committed.len() >= OFFSETS_MAX {
                continue;
            }
            let partition = offset.partition.to_string();
            let labels =
                [("consumergroup", group.group_id.as_str()), ("topic", &offset.topic), ("partition", &partition)];
            committed.push(sample(&labels, offset.committed as f64));
            lags.extend(lag.map(|lag| sample(&labels, lag as f64)));
        }
        lag_sums.push(sample(&[("consumergroup", &group.group_id)], lag_sum as f64));
    }
    let help = format!(
        "Groups that are not listed below, where there are at most {GROUPS_MAX} groups and {OFFSETS_MAX} of their offsets."
    );
    vec![
        gauge("millstream_groups_left_out", &help, vec![sample(&[], f64::from(left_out))]),
        gauge("kafka_consumergroup_members", "Members of a group.", members),
        gauge("kafka_consumergroup_current_offset", "Committed offset of a group.", committed),
        gauge("kafka_consumergroup_lag", "Offsets that a group has not committed yet.", lags),
        gauge("kafka_consumergroup_lag_sum", "The same, over all partitions.", lag_sums),
    ]
}

fn gauge(name: &str, help: &str, samples: Vec<Sample>) -> Metric {
    Metric { name: name.to_owned(), help: help.to_owned(), kind: MetricKind::Gauge, samples }
}

fn sample(labels: &[(&str, &str)], value: f64) -> Sample {
    Sample { labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(), value }
}

#[cfg(test)]
mod tests {
    use broker::GroupOffsetInfo;

    use super::*;

    /// So many groups, the last one with a member, each with so many offsets: the samples of each metric.
    fn check(groups: usize, offsets: i32, expected: [(&str, usize); 4], left_out: f64) {
        let listing = |n| GroupListing {
            group_id: format!("g{n}"),
            protocol_type: String::new(),
            state: if n + 1 == groups { GroupState::Stable } else { GroupState::Empty },
        };
        let offset = |partition| GroupOffsetInfo { topic: "t".to_owned(), partition, committed: 3, end: Some(5) };
        let metrics = of_groups((0..groups).map(listing).collect(), |group_id| {
            Some(GroupInfo {
                group_id: group_id.to_owned(),
                state: "Empty",
                protocol_type: String::new(),
                generation: 0,
                members: Vec::new(),
                offsets: (0..offsets).map(offset).collect(),
            })
        });
        let of = |name: &str| &metrics.iter().find(|metric| metric.name == name).expect("a metric").samples;
        for (name, samples) in expected {
            assert_eq!(of(name).len(), samples, "{groups} groups: {name}");
        }
        assert_eq!(of("millstream_groups_left_out")[0].value, left_out, "{groups} groups");
        let first = &of("kafka_consumergroup_lag_sum")[0];
        assert_eq!(first.labels[0].1, format!("g{}", groups - 1), "whoever has members comes first");
        assert_eq!(first.value, f64::from(2 * offsets), "the sum is over all offsets");
    }

    #[test]
    fn the_groups_of_strangers_do_not_make_the_text_large() {
        let names = ["members", "current_offset", "lag", "lag_sum"].map(|name| format!("kafka_consumergroup_{name}"));
        let expected = |groups, offsets| {
            let samples = [groups, offsets, offsets, groups];
            [0, 1, 2, 3].map(|at| (names[at].as_str(), samples[at]))
        };
        check(3, 2, expected(3, 6), 0.0);
        check(30_000, 1, expected(GROUPS_MAX, GROUPS_MAX), 29_000.0);
        check(100, 300, expected(34, OFFSETS_MAX), 66.0);
        check(2, 80_000, expected(1, OFFSETS_MAX), 1.0);
    }
}
