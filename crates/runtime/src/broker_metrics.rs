//! Metrics of topics and groups, under the names of the well-known Kafka exporter, so that its dashboards work; and of the
//! disk and of what cannot be read from it.

use broker::Broker;
use broker::net::refusal::Refusal;

use crate::status::{Metric, MetricKind, Sample};

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
    let mut members = Vec::new();
    let mut committed = Vec::new();
    let mut lags = Vec::new();
    let mut lag_sums = Vec::new();
    for group in broker.groups() {
        members.push(sample(&[("consumergroup", &group.group_id)], group.members.len() as f64));
        let mut lag_sum = 0;
        for offset in &group.offsets {
            let partition = offset.partition.to_string();
            let labels =
                [("consumergroup", group.group_id.as_str()), ("topic", &offset.topic), ("partition", &partition)];
            committed.push(sample(&labels, offset.committed as f64));
            if let Some(end) = offset.end {
                let lag = (end - offset.committed).max(0);
                lag_sum += lag;
                lags.push(sample(&labels, lag as f64));
            }
        }
        lag_sums.push(sample(&[("consumergroup", &group.group_id)], lag_sum as f64));
    }
    let refused = Refusal::ALL
        .iter()
        .map(|refusal| sample(&[("what", refusal.name())], broker.refusals().count(*refusal) as f64));
    let space = broker.space();
    vec![
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
