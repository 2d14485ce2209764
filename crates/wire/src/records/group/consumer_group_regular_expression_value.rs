//! ConsumerGroupRegularExpressionValue, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupRegularExpressionValue {
    pub topics: Vec<Str>,
    pub version: i64,
    pub timestamp: i64,
}

impl Element for ConsumerGroupRegularExpressionValue {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.topics = r.get(v)?;
        s.version = r.get(v)?;
        s.timestamp = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.topics, v)?;
        w.put(&self.version, v)?;
        w.put(&self.timestamp, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for ConsumerGroupRegularExpressionValue {
    const NAME: &'static str = "ConsumerGroupRegularExpressionValue";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}

impl CoordinatorValue for ConsumerGroupRegularExpressionValue {
    const TYPE: i16 = 16;
}
