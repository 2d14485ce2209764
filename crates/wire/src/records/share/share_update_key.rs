//! ShareUpdateKey, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareUpdateKey {
    pub group_id: Str,
    pub topic_id: Uuid,
    pub partition: i32,
}

impl Element for ShareUpdateKey {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.group_id = r.get(v)?;
        s.topic_id = r.get(v)?;
        s.partition = r.get(v)?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.group_id, v)?;
        w.put(&self.topic_id, v)?;
        w.put(&self.partition, v)?;
        Ok(())
    }
}

impl Message for ShareUpdateKey {
    const NAME: &'static str = "ShareUpdateKey";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = i16::MAX;
}

impl CoordinatorKey for ShareUpdateKey {
    const TYPE: i16 = 1;
}
