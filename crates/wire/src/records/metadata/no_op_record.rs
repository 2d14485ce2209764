//! NoOpRecord, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct NoOpRecord {}

impl Element for NoOpRecord {
    fn read(r: &mut Reader, _: i16) -> Result<Self, DecodeError> {
        r.skip_tags()?;
        Ok(Self::default())
    }

    fn write(&self, w: &mut Writer, _: i16) -> Result<(), EncodeError> {
        w.no_tags();
        Ok(())
    }
}

impl Message for NoOpRecord {
    const NAME: &'static str = "NoOpRecord";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}
