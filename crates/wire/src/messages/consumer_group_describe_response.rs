//! ConsumerGroupDescribeResponse, versions 0 to 1. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupDescribeResponse {
    pub throttle_time_ms: i32,
    pub groups: Vec<DescribedGroup>,
}

impl Element for ConsumerGroupDescribeResponse {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.throttle_time_ms = r.get(v)?;
        s.groups = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.throttle_time_ms, v)?;
        w.put(&self.groups, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct DescribedGroup {
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub group_id: Str,
    pub group_state: Str,
    pub group_epoch: i32,
    pub assignment_epoch: i32,
    pub assignor_name: Str,
    pub members: Vec<Member>,
    pub authorized_operations: i32,
}

impl Default for DescribedGroup {
    fn default() -> Self {
        Self {
            error_code: 0,
            error_message: None,
            group_id: Str::EMPTY,
            group_state: Str::EMPTY,
            group_epoch: 0,
            assignment_epoch: 0,
            assignor_name: Str::EMPTY,
            members: Vec::new(),
            authorized_operations: -2147483648,
        }
    }
}

impl Element for DescribedGroup {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.error_code = r.get(v)?;
        s.error_message = r.get(v)?;
        s.group_id = r.get(v)?;
        s.group_state = r.get(v)?;
        s.group_epoch = r.get(v)?;
        s.assignment_epoch = r.get(v)?;
        s.assignor_name = r.get(v)?;
        s.members = r.get(v)?;
        s.authorized_operations = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.error_code, v)?;
        w.put(&self.error_message, v)?;
        w.put(&self.group_id, v)?;
        w.put(&self.group_state, v)?;
        w.put(&self.group_epoch, v)?;
        w.put(&self.assignment_epoch, v)?;
        w.put(&self.assignor_name, v)?;
        w.put(&self.members, v)?;
        w.put(&self.authorized_operations, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    pub member_id: Str,
    pub instance_id: Option<Str>,
    pub rack_id: Option<Str>,
    pub member_epoch: i32,
    pub client_id: Str,
    pub client_host: Str,
    pub subscribed_topic_names: Vec<Str>,
    pub subscribed_topic_regex: Option<Str>,
    pub assignment: Assignment,
    pub target_assignment: Assignment,
    pub member_type: i8,
}

impl Default for Member {
    fn default() -> Self {
        Self {
            member_id: Str::EMPTY,
            instance_id: None,
            rack_id: None,
            member_epoch: 0,
            client_id: Str::EMPTY,
            client_host: Str::EMPTY,
            subscribed_topic_names: Vec::new(),
            subscribed_topic_regex: None,
            assignment: Assignment::default(),
            target_assignment: Assignment::default(),
            member_type: -1,
        }
    }
}

impl Element for Member {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.member_id = r.get(v)?;
        s.instance_id = r.get(v)?;
        s.rack_id = r.get(v)?;
        s.member_epoch = r.get(v)?;
        s.client_id = r.get(v)?;
        s.client_host = r.get(v)?;
        s.subscribed_topic_names = r.get(v)?;
        s.subscribed_topic_regex = r.get(v)?;
        s.assignment = r.get(v)?;
        s.target_assignment = r.get(v)?;
        if v >= 1 {
            s.member_type = r.get(v)?;
        }
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.member_id, v)?;
        w.put(&self.instance_id, v)?;
        w.put(&self.rack_id, v)?;
        w.put(&self.member_epoch, v)?;
        w.put(&self.client_id, v)?;
        w.put(&self.client_host, v)?;
        w.put(&self.subscribed_topic_names, v)?;
        w.put(&self.subscribed_topic_regex, v)?;
        w.put(&self.assignment, v)?;
        w.put(&self.target_assignment, v)?;
        if v >= 1 {
            w.put(&self.member_type, v)?;
        }
        w.no_tags();
        Ok(())
    }
}

impl Message for ConsumerGroupDescribeResponse {
    const NAME: &'static str = "ConsumerGroupDescribeResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const FLEXIBLE_FROM: i16 = 0;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicPartitions {
    pub topic_id: Uuid,
    pub topic_name: Str,
    pub partitions: Vec<i32>,
}

impl Element for TopicPartitions {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.topic_id = r.get(v)?;
        s.topic_name = r.get(v)?;
        s.partitions = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.topic_id, v)?;
        w.put(&self.topic_name, v)?;
        w.put(&self.partitions, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Assignment {
    pub topic_partitions: Vec<TopicPartitions>,
}

impl Element for Assignment {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.topic_partitions = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.topic_partitions, v)?;
        w.no_tags();
        Ok(())
    }
}
