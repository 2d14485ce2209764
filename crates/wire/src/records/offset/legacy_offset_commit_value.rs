//! LegacyOffsetCommitValue, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LegacyOffsetCommitValue {
    pub offset: i64,
    pub metadata: Str,
    pub commit_timestamp: i64,
}

impl Element for LegacyOffsetCommitValue {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.offset = r.get(v)?;
        s.metadata = r.get(v)?;
        s.commit_timestamp = r.get(v)?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.offset, v)?;
        w.put(&self.metadata, v)?;
        w.put(&self.commit_timestamp, v)?;
        Ok(())
    }
}

impl Message for LegacyOffsetCommitValue {
    const NAME: &'static str = "LegacyOffsetCommitValue";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = i16::MAX;
}

impl CoordinatorValue for LegacyOffsetCommitValue {
    const TYPE: i16 = 0;
}
