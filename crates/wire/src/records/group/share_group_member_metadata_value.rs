//! ShareGroupMemberMetadataValue, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct ShareGroupMemberMetadataValue {
    pub rack_id: Option<Str>,
    pub client_id: Str,
    pub client_host: Str,
    pub subscribed_topic_names: Vec<Str>,
}

impl Default for ShareGroupMemberMetadataValue {
    fn default() -> Self {
        Self {
            rack_id: Some(Str::EMPTY),
            client_id: Str::EMPTY,
            client_host: Str::EMPTY,
            subscribed_topic_names: Vec::new(),
        }
    }
}

impl Element for ShareGroupMemberMetadataValue {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.rack_id = r.get(v)?;
        s.client_id = r.get(v)?;
        s.client_host = r.get(v)?;
        s.subscribed_topic_names = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.rack_id, v)?;
        w.put(&self.client_id, v)?;
        w.put(&self.client_host, v)?;
        w.put(&self.subscribed_topic_names, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for ShareGroupMemberMetadataValue {
    const NAME: &'static str = "ShareGroupMemberMetadataValue";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}

impl CoordinatorValue for ShareGroupMemberMetadataValue {
    const TYPE: i16 = 10;
}
