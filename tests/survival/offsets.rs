//! What a group has committed, as OffsetFetch says.

use testkit::history::PartitionId;
use wire::messages::offset_fetch_request::OffsetFetchRequest;

use crate::session::{Session, Trouble, accepted};
use crate::world::World;

/// The committed offsets of a group in the partitions that are watched; an error while a transaction is about to move one.
pub fn committed(world: &World, session: &mut Session, group: &str) -> Result<Vec<(PartitionId, i64)>, Trouble> {
    let request = OffsetFetchRequest {
        group_id: group.into(),
        topics: None,
        require_stable: true,
        ..OffsetFetchRequest::default()
    };
    let response = session.call(7, &request)?;
    accepted(response.error_code)?;
    let mut offsets = Vec::new();
    for topic in &response.topics {
        for partition in &topic.partitions {
            accepted(partition.error_code)?;
            offsets.extend(world.id(&topic.name, partition.partition_index).map(|id| (id, partition.committed_offset)));
        }
    }
    Ok(offsets)
}
