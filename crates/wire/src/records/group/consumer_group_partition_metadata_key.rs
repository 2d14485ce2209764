//! ConsumerGroupPartitionMetadataKey, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupPartitionMetadataKey {
    pub group_id: Str,
}

impl Element for ConsumerGroupPartitionMetadataKey {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.group_id = r.get(v)?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.group_id, v)?;
        Ok(())
    }
}

impl Message for ConsumerGroupPartitionMetadataKey {
    const NAME: &'static str = "ConsumerGroupPartitionMetadataKey";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = i16::MAX;
}

impl CoordinatorKey for ConsumerGroupPartitionMetadataKey {
    const TYPE: i16 = 4;
}
