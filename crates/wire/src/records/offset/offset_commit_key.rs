//! OffsetCommitKey, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetCommitKey {
    pub group: Str,
    pub topic: Str,
    pub partition: i32,
}

impl Element for OffsetCommitKey {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.group = r.get(v)?;
        s.topic = r.get(v)?;
        s.partition = r.get(v)?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.group, v)?;
        w.put(&self.topic, v)?;
        w.put(&self.partition, v)?;
        Ok(())
    }
}

impl Message for OffsetCommitKey {
    const NAME: &'static str = "OffsetCommitKey";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = i16::MAX;
}

impl CoordinatorKey for OffsetCommitKey {
    const TYPE: i16 = 1;
}
