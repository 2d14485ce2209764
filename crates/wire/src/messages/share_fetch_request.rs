//! ShareFetchRequest, versions 1 to 2. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct ShareFetchRequest {
    pub group_id: Option<Str>,
    pub member_id: Option<Str>,
    pub share_session_epoch: i32,
    pub max_wait_ms: i32,
    pub min_bytes: i32,
    pub max_bytes: i32,
    pub max_records: i32,
    pub batch_size: i32,
    pub share_acquire_mode: i8,
    pub is_renew_ack: bool,
    pub topics: Vec<FetchTopic>,
    pub forgotten_topics_data: Vec<ForgottenTopic>,
}

impl Default for ShareFetchRequest {
    fn default() -> Self {
        Self {
            group_id: None,
            member_id: Some(Str::EMPTY),
            share_session_epoch: 0,
            max_wait_ms: 0,
            min_bytes: 0,
            max_bytes: i32::MAX,
            max_records: 0,
            batch_size: 0,
            share_acquire_mode: 0,
            is_renew_ack: false,
            topics: Vec::new(),
            forgotten_topics_data: Vec::new(),
        }
    }
}

impl Element for ShareFetchRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.group_id = r.get(v)?;
        s.member_id = r.get(v)?;
        s.share_session_epoch = r.get(v)?;
        s.max_wait_ms = r.get(v)?;
        s.min_bytes = r.get(v)?;
        s.max_bytes = r.get(v)?;
        s.max_records = r.get(v)?;
        s.batch_size = r.get(v)?;
        if v >= 2 {
            s.share_acquire_mode = r.get(v)?;
        }
        if v >= 2 {
            s.is_renew_ack = r.get(v)?;
        }
        s.topics = r.get(v)?;
        s.forgotten_topics_data = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.group_id, v)?;
        w.put(&self.member_id, v)?;
        w.put(&self.share_session_epoch, v)?;
        w.put(&self.max_wait_ms, v)?;
        w.put(&self.min_bytes, v)?;
        w.put(&self.max_bytes, v)?;
        w.put(&self.max_records, v)?;
        w.put(&self.batch_size, v)?;
        if v >= 2 {
            w.put(&self.share_acquire_mode, v)?;
        }
        if v >= 2 {
            w.put(&self.is_renew_ack, v)?;
        } else {
            w.absent(!self.is_renew_ack, "is_renew_ack")?;
        }
        w.put(&self.topics, v)?;
        w.put(&self.forgotten_topics_data, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct FetchTopic {
    pub topic_id: Uuid,
    pub partitions: Vec<FetchPartition>,
}

impl Element for FetchTopic {
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

#[derive(Debug, Clone, PartialEq, Default)]
pub struct FetchPartition {
    pub partition_index: i32,
    pub acknowledgement_batches: Vec<AcknowledgementBatch>,
}

impl Element for FetchPartition {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.partition_index = r.get(v)?;
        s.acknowledgement_batches = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.partition_index, v)?;
        w.put(&self.acknowledgement_batches, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AcknowledgementBatch {
    pub first_offset: i64,
    pub last_offset: i64,
    pub acknowledge_types: Vec<i8>,
}

impl Element for AcknowledgementBatch {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.first_offset = r.get(v)?;
        s.last_offset = r.get(v)?;
        s.acknowledge_types = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.first_offset, v)?;
        w.put(&self.last_offset, v)?;
        w.put(&self.acknowledge_types, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ForgottenTopic {
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
}

impl Element for ForgottenTopic {
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

impl Message for ShareFetchRequest {
    const NAME: &'static str = "ShareFetchRequest";
    const VERSIONS: RangeInclusive<i16> = 1..=2;
    const FLEXIBLE_FROM: i16 = 0;
}

impl Request for ShareFetchRequest {
    const KEY: ApiKey = ApiKey::ShareFetch;
    type Response = crate::messages::share_fetch_response::ShareFetchResponse;
}
