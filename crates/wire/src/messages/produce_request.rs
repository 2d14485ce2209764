//! ProduceRequest, versions 3 to 13. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProduceRequest {
    pub transactional_id: Option<Str>,
    pub acks: i16,
    pub timeout_ms: i32,
    pub topic_data: Vec<TopicProduceData>,
}

impl Element for ProduceRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.transactional_id = r.get(v)?;
        s.acks = r.get(v)?;
        s.timeout_ms = r.get(v)?;
        s.topic_data = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.transactional_id, v)?;
        w.put(&self.acks, v)?;
        w.put(&self.timeout_ms, v)?;
        w.put(&self.topic_data, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicProduceData {
    pub name: Str,
    pub topic_id: Uuid,
    pub partition_data: Vec<PartitionProduceData>,
}

impl Element for TopicProduceData {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        if v <= 12 {
            s.name = r.get(v)?;
        }
        if v >= 13 {
            s.topic_id = r.get(v)?;
        }
        s.partition_data = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v <= 12 {
            w.put(&self.name, v)?;
        }
        if v >= 13 {
            w.put(&self.topic_id, v)?;
        }
        w.put(&self.partition_data, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartitionProduceData {
    pub index: i32,
    pub records: Records,
}

impl Element for PartitionProduceData {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.index = r.get(v)?;
        s.records = r.get_records(true)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.index, v)?;
        w.put_records(&self.records, true, "records")?;
        w.no_tags();
        Ok(())
    }
}

impl Message for ProduceRequest {
    const NAME: &'static str = "ProduceRequest";
    const VERSIONS: RangeInclusive<i16> = 3..=13;
    const FLEXIBLE_FROM: i16 = 9;
}

impl Request for ProduceRequest {
    const KEY: ApiKey = ApiKey::Produce;
    type Response = crate::messages::produce_response::ProduceResponse;
}
