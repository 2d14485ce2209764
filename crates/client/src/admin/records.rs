//! Deleting the front of partitions.

use std::collections::BTreeMap;

use record::Offset;
use wire::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic};
use wire::{ApiKey, ErrorCode};

use crate::{Client, ClientError};

/// A topic, a partition, and where it begins now.
type LowWatermark = (String, i32, Result<Offset, ClientError>);

impl Client {
    /// Deletes all records before the given offsets (−1: all there are); answers with where each partition begins now.
    pub async fn delete_records(&self, before: &[(String, i32, Offset)]) -> Result<Vec<LowWatermark>, ClientError> {
        let mut by_leader: BTreeMap<i32, Vec<&(String, i32, Offset)>> = BTreeMap::new();
        let mut results = Vec::new();
        for deletion in before {
            match self.leader(&deletion.0, deletion.1).await {
                Ok(leader) => by_leader.entry(leader).or_default().push(deletion),
                Err(error) => results.push((deletion.0.clone(), deletion.1, Err(error))),
            }
        }
        for (leader, deletions) in by_leader {
            let link = self.link(leader).await?;
            let version = link.version(ApiKey::DeleteRecords, i16::MAX)?;
            let mut topics: Vec<DeleteRecordsTopic> = Vec::new();
            for (topic, partition, offset) in deletions {
                let partition = DeleteRecordsPartition { partition_index: *partition, offset: offset.0 };
                match topics.iter_mut().find(|known| *known.name == **topic) {
                    Some(known) => known.partitions.push(partition),
                    None => {
                        topics.push(DeleteRecordsTopic { name: topic.as_str().into(), partitions: vec![partition] })
                    }
                }
            }
            let response = link.call(version, &DeleteRecordsRequest { topics, timeout_ms: self.timeout_ms() }).await?;
            for topic in &response.topics {
                for partition in &topic.partitions {
                    let what = format!("{}-{}", topic.name, partition.partition_index);
                    let result = ErrorCode::check(partition.error_code)
                        .map(|()| Offset(partition.low_watermark))
                        .map_err(|error| ClientError::refused(what, error, None));
                    results.push((topic.name.to_string(), partition.partition_index, result));
                }
            }
        }
        Ok(results)
    }
}
