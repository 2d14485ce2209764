//! EndTransactionRecord, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct EndTransactionRecord {}

impl Element for EndTransactionRecord {
    fn read(r: &mut Reader, _: i16) -> Result<Self, DecodeError> {
        r.skip_tags()?;
        Ok(Self::default())
    }

    fn write(&self, w: &mut Writer, _: i16) -> Result<(), EncodeError> {
        w.no_tags();
        Ok(())
    }
}

impl Message for EndTransactionRecord {
    const NAME: &'static str = "EndTransactionRecord";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}
