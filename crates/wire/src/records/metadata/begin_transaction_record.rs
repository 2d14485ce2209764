//! BeginTransactionRecord, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct BeginTransactionRecord {
    pub name: Option<Str>,
}

impl Element for BeginTransactionRecord {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        let mut tags = r.tags()?;
        while let Some(tag) = tags.next(r)? {
            match tag {
                0 => s.name = r.get(v)?,
                _ => tags.skip(r),
            }
        }
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        let tags = w.tags();
        tags.put(w, 0, self.name.is_none(), |w| w.put(&self.name, v))?;
        Ok(())
    }
}

impl Message for BeginTransactionRecord {
    const NAME: &'static str = "BeginTransactionRecord";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}
