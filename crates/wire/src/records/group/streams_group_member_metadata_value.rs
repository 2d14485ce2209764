//! StreamsGroupMemberMetadataValue, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct StreamsGroupMemberMetadataValue {
    pub instance_id: Option<Str>,
    pub rack_id: Option<Str>,
    pub client_id: Str,
    pub client_host: Str,
    pub rebalance_timeout_ms: i32,
    pub topology_epoch: i32,
    pub process_id: Str,
    pub user_endpoint: Option<Endpoint>,
    pub client_tags: Vec<KeyValue>,
}

impl Default for StreamsGroupMemberMetadataValue {
    fn default() -> Self {
        Self {
            instance_id: Some(Str::EMPTY),
            rack_id: Some(Str::EMPTY),
            client_id: Str::EMPTY,
            client_host: Str::EMPTY,
            rebalance_timeout_ms: -1,
            topology_epoch: 0,
            process_id: Str::EMPTY,
            user_endpoint: None,
            client_tags: Vec::new(),
        }
    }
}

impl Element for StreamsGroupMemberMetadataValue {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.instance_id = r.get(v)?;
        s.rack_id = r.get(v)?;
        s.client_id = r.get(v)?;
        s.client_host = r.get(v)?;
        s.rebalance_timeout_ms = r.get(v)?;
        s.topology_epoch = r.get(v)?;
        s.process_id = r.get(v)?;
        s.user_endpoint = r.get_struct(v)?;
        s.client_tags = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.instance_id, v)?;
        w.put(&self.rack_id, v)?;
        w.put(&self.client_id, v)?;
        w.put(&self.client_host, v)?;
        w.put(&self.rebalance_timeout_ms, v)?;
        w.put(&self.topology_epoch, v)?;
        w.put(&self.process_id, v)?;
        w.put_struct(&self.user_endpoint, v)?;
        w.put(&self.client_tags, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for StreamsGroupMemberMetadataValue {
    const NAME: &'static str = "StreamsGroupMemberMetadataValue";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}

impl CoordinatorValue for StreamsGroupMemberMetadataValue {
    const TYPE: i16 = 19;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Endpoint {
    pub host: Str,
    pub port: u16,
}

impl Element for Endpoint {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.host = r.get(v)?;
        s.port = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.host, v)?;
        w.put(&self.port, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct KeyValue {
    pub key: Str,
    pub value: Str,
}

impl Element for KeyValue {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.key = r.get(v)?;
        s.value = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.key, v)?;
        w.put(&self.value, v)?;
        w.no_tags();
        Ok(())
    }
}
