//! ConsumerProtocolSubscription, versions 0 to 3. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct ConsumerProtocolSubscription {
    pub topics: Vec<Str>,
    pub user_data: Option<Bytes>,
    pub owned_partitions: Vec<TopicPartition>,
    pub generation_id: i32,
    pub rack_id: Option<Str>,
}

impl Default for ConsumerProtocolSubscription {
    fn default() -> Self {
        Self { topics: Vec::new(), user_data: None, owned_partitions: Vec::new(), generation_id: -1, rack_id: None }
    }
}

impl Element for ConsumerProtocolSubscription {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.topics = r.get(v)?;
        s.user_data = r.get(v)?;
        if v >= 1 {
            s.owned_partitions = r.get(v)?;
        }
        if v >= 2 {
            s.generation_id = r.get(v)?;
        }
        if v >= 3 {
            s.rack_id = r.get(v)?;
        }
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.topics, v)?;
        w.put(&self.user_data, v)?;
        if v >= 1 {
            w.put(&self.owned_partitions, v)?;
        }
        if v >= 2 {
            w.put(&self.generation_id, v)?;
        }
        if v >= 3 {
            w.put(&self.rack_id, v)?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicPartition {
    pub topic: Str,
    pub partitions: Vec<i32>,
}

impl Element for TopicPartition {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.topic = r.get(v)?;
        s.partitions = r.get(v)?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.topic, v)?;
        w.put(&self.partitions, v)?;
        Ok(())
    }
}

impl Message for ConsumerProtocolSubscription {
    const NAME: &'static str = "ConsumerProtocolSubscription";
    const VERSIONS: RangeInclusive<i16> = 0..=3;
    const FLEXIBLE_FROM: i16 = i16::MAX;
}
