//! ElectLeadersRequest, versions 0 to 2. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct ElectLeadersRequest {
    pub election_type: i8,
    pub topic_partitions: Option<Vec<TopicPartitions>>,
    pub timeout_ms: i32,
}

impl Default for ElectLeadersRequest {
    fn default() -> Self {
        Self { election_type: 0, topic_partitions: Some(Vec::new()), timeout_ms: 60000 }
    }
}

impl Element for ElectLeadersRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        if v >= 1 {
            s.election_type = r.get(v)?;
        }
        s.topic_partitions = r.get(v)?;
        s.timeout_ms = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v >= 1 {
            w.put(&self.election_type, v)?;
        } else {
            w.absent(self.election_type == 0, "election_type")?;
        }
        w.put(&self.topic_partitions, v)?;
        w.put(&self.timeout_ms, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicPartitions {
    pub topic: Str,
    pub partitions: Vec<i32>,
}

impl Element for TopicPartitions {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.topic = r.get(v)?;
        s.partitions = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.topic, v)?;
        w.put(&self.partitions, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for ElectLeadersRequest {
    const NAME: &'static str = "ElectLeadersRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const FLEXIBLE_FROM: i16 = 2;
}

impl Request for ElectLeadersRequest {
    const KEY: ApiKey = ApiKey::ElectLeaders;
    type Response = crate::messages::elect_leaders_response::ElectLeadersResponse;
}
