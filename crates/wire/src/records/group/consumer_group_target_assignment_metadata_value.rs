//! ConsumerGroupTargetAssignmentMetadataValue, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupTargetAssignmentMetadataValue {
    pub assignment_epoch: i32,
    pub assignment_timestamp: i64,
}

impl Element for ConsumerGroupTargetAssignmentMetadataValue {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.assignment_epoch = r.get(v)?;
        let mut tags = r.tags()?;
        while let Some(tag) = tags.next(r)? {
            match tag {
                0 => s.assignment_timestamp = r.get(v)?,
                _ => tags.skip(r),
            }
        }
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.assignment_epoch, v)?;
        let tags = w.tags();
        tags.put(w, 0, self.assignment_timestamp == 0, |w| w.put(&self.assignment_timestamp, v))?;
        Ok(())
    }
}

impl Message for ConsumerGroupTargetAssignmentMetadataValue {
    const NAME: &'static str = "ConsumerGroupTargetAssignmentMetadataValue";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}

impl CoordinatorValue for ConsumerGroupTargetAssignmentMetadataValue {
    const TYPE: i16 = 6;
}
