//! OffsetCommitValue, versions 0 to 4. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct OffsetCommitValue {
    pub offset: i64,
    pub leader_epoch: i32,
    pub metadata: Str,
    pub commit_timestamp: i64,
    pub expire_timestamp: i64,
    pub topic_id: Uuid,
}

impl Default for OffsetCommitValue {
    fn default() -> Self {
        Self {
            offset: 0,
            leader_epoch: -1,
            metadata: Str::EMPTY,
            commit_timestamp: 0,
            expire_timestamp: -1,
            topic_id: Uuid::ZERO,
        }
    }
}

impl Element for OffsetCommitValue {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.offset = r.get(v)?;
        if v >= 3 {
            s.leader_epoch = r.get(v)?;
        }
        s.metadata = r.get(v)?;
        s.commit_timestamp = r.get(v)?;
        if v == 1 {
            s.expire_timestamp = r.get(v)?;
        }
        let mut tags = r.tags()?;
        while let Some(tag) = tags.next(r)? {
            match tag {
                0 if v >= 4 => s.topic_id = r.get(v)?,
                _ => tags.skip(r),
            }
        }
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.offset, v)?;
        if v >= 3 {
            w.put(&self.leader_epoch, v)?;
        }
        w.put(&self.metadata, v)?;
        w.put(&self.commit_timestamp, v)?;
        if v == 1 {
            w.put(&self.expire_timestamp, v)?;
        }
        let tags = w.tags();
        if v >= 4 {
            tags.put(w, 0, self.topic_id.is_zero(), |w| w.put(&self.topic_id, v))?;
        }
        Ok(())
    }
}

impl Message for OffsetCommitValue {
    const NAME: &'static str = "OffsetCommitValue";
    const VERSIONS: RangeInclusive<i16> = 0..=4;
    const FLEXIBLE_FROM: i16 = 4;
}

impl CoordinatorValue for OffsetCommitValue {
    const TYPE: i16 = 1;
}
