//! ConsumerGroupHeartbeatRequest, versions 0 to 1. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct ConsumerGroupHeartbeatRequest {
    pub group_id: Str,
    pub member_id: Str,
    pub member_epoch: i32,
    pub instance_id: Option<Str>,
    pub rack_id: Option<Str>,
    pub rebalance_timeout_ms: i32,
    pub subscribed_topic_names: Option<Vec<Str>>,
    pub subscribed_topic_regex: Option<Str>,
    pub server_assignor: Option<Str>,
    pub topic_partitions: Option<Vec<TopicPartitions>>,
}

impl Default for ConsumerGroupHeartbeatRequest {
    fn default() -> Self {
        Self {
            group_id: Str::EMPTY,
            member_id: Str::EMPTY,
            member_epoch: 0,
            instance_id: None,
            rack_id: None,
            rebalance_timeout_ms: -1,
            subscribed_topic_names: None,
            subscribed_topic_regex: None,
            server_assignor: None,
            topic_partitions: None,
        }
    }
}

impl Element for ConsumerGroupHeartbeatRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.group_id = r.get(v)?;
        s.member_id = r.get(v)?;
        s.member_epoch = r.get(v)?;
        s.instance_id = r.get(v)?;
        s.rack_id = r.get(v)?;
        s.rebalance_timeout_ms = r.get(v)?;
        s.subscribed_topic_names = r.get(v)?;
        if v >= 1 {
            s.subscribed_topic_regex = r.get(v)?;
        }
        s.server_assignor = r.get(v)?;
        s.topic_partitions = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.group_id, v)?;
        w.put(&self.member_id, v)?;
        w.put(&self.member_epoch, v)?;
        w.put(&self.instance_id, v)?;
        w.put(&self.rack_id, v)?;
        w.put(&self.rebalance_timeout_ms, v)?;
        w.put(&self.subscribed_topic_names, v)?;
        if v >= 1 {
            w.put(&self.subscribed_topic_regex, v)?;
        } else {
            w.absent(self.subscribed_topic_regex.is_none(), "subscribed_topic_regex")?;
        }
        w.put(&self.server_assignor, v)?;
        w.put(&self.topic_partitions, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicPartitions {
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
}

impl Element for TopicPartitions {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.topic_id = r.get(v)?;
        s.partitions = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.topic_id, v)?;
        w.put(&self.partitions, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for ConsumerGroupHeartbeatRequest {
    const NAME: &'static str = "ConsumerGroupHeartbeatRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const FLEXIBLE_FROM: i16 = 0;
}

impl Request for ConsumerGroupHeartbeatRequest {
    const KEY: ApiKey = ApiKey::ConsumerGroupHeartbeat;
    type Response = crate::messages::consumer_group_heartbeat_response::ConsumerGroupHeartbeatResponse;
}
