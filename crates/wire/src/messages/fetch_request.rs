//! FetchRequest, versions 4 to 18. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct FetchRequest {
    pub cluster_id: Option<Str>,
    pub replica_id: i32,
    pub replica_state: ReplicaState,
    pub max_wait_ms: i32,
    pub min_bytes: i32,
    pub max_bytes: i32,
    pub isolation_level: i8,
    pub session_id: i32,
    pub session_epoch: i32,
    pub topics: Vec<FetchTopic>,
    pub forgotten_topics_data: Vec<ForgottenTopic>,
    pub rack_id: Str,
}

impl Default for FetchRequest {
    fn default() -> Self {
        Self {
            cluster_id: None,
            replica_id: -1,
            replica_state: ReplicaState::default(),
            max_wait_ms: 0,
            min_bytes: 0,
            max_bytes: i32::MAX,
            isolation_level: 0,
            session_id: 0,
            session_epoch: -1,
            topics: Vec::new(),
            forgotten_topics_data: Vec::new(),
            rack_id: Str::EMPTY,
        }
    }
}

impl Element for FetchRequest {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        if v <= 14 {
            s.replica_id = r.get(v)?;
        }
        s.max_wait_ms = r.get(v)?;
        s.min_bytes = r.get(v)?;
        s.max_bytes = r.get(v)?;
        s.isolation_level = r.get(v)?;
        if v >= 7 {
            s.session_id = r.get(v)?;
        }
        if v >= 7 {
            s.session_epoch = r.get(v)?;
        }
        s.topics = r.get(v)?;
        if v >= 7 {
            s.forgotten_topics_data = r.get(v)?;
        }
        if v >= 11 {
            s.rack_id = r.get(v)?;
        }
        let mut tags = r.tags()?;
        while let Some(tag) = tags.next(r)? {
            match tag {
                0 if v >= 12 => s.cluster_id = r.get(v)?,
                1 if v >= 15 => s.replica_state = r.get(v)?,
                _ => tags.skip(r),
            }
        }
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v <= 14 {
            w.put(&self.replica_id, v)?;
        } else {
            w.absent(self.replica_id == -1, "replica_id")?;
        }
        w.put(&self.max_wait_ms, v)?;
        w.put(&self.min_bytes, v)?;
        w.put(&self.max_bytes, v)?;
        w.put(&self.isolation_level, v)?;
        if v >= 7 {
            w.put(&self.session_id, v)?;
        }
        if v >= 7 {
            w.put(&self.session_epoch, v)?;
        }
        w.put(&self.topics, v)?;
        if v >= 7 {
            w.put(&self.forgotten_topics_data, v)?;
        } else {
            w.absent(self.forgotten_topics_data.is_empty(), "forgotten_topics_data")?;
        }
        if v >= 11 {
            w.put(&self.rack_id, v)?;
        }
        let tags = w.tags();
        if v >= 12 {
            tags.put(w, 0, self.cluster_id.is_none(), |w| w.put(&self.cluster_id, v))?;
        }
        if v >= 15 {
            tags.put(w, 1, self.replica_state == ReplicaState::default(), |w| w.put(&self.replica_state, v))?;
        } else {
            w.absent(self.replica_state == ReplicaState::default(), "replica_state")?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct ReplicaState {
    pub replica_id: i32,
    pub replica_epoch: i64,
}

impl Default for ReplicaState {
    fn default() -> Self {
        Self { replica_id: -1, replica_epoch: -1 }
    }
}

impl Element for ReplicaState {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.replica_id = r.get(v)?;
        s.replica_epoch = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.replica_id, v)?;
        w.put(&self.replica_epoch, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct FetchTopic {
    pub topic: Str,
    pub topic_id: Uuid,
    pub partitions: Vec<FetchPartition>,
}

impl Element for FetchTopic {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        if v <= 12 {
            s.topic = r.get(v)?;
        }
        if v >= 13 {
            s.topic_id = r.get(v)?;
        }
        s.partitions = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v <= 12 {
            w.put(&self.topic, v)?;
        }
        if v >= 13 {
            w.put(&self.topic_id, v)?;
        }
        w.put(&self.partitions, v)?;
        w.no_tags();
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct FetchPartition {
    pub partition: i32,
    pub current_leader_epoch: i32,
    pub fetch_offset: i64,
    pub last_fetched_epoch: i32,
    pub log_start_offset: i64,
    pub partition_max_bytes: i32,
    pub replica_directory_id: Uuid,
    pub high_watermark: i64,
}

impl Default for FetchPartition {
    fn default() -> Self {
        Self {
            partition: 0,
            current_leader_epoch: -1,
            fetch_offset: 0,
            last_fetched_epoch: -1,
            log_start_offset: -1,
            partition_max_bytes: 0,
            replica_directory_id: Uuid::ZERO,
            high_watermark: i64::MAX,
        }
    }
}

impl Element for FetchPartition {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.partition = r.get(v)?;
        if v >= 9 {
            s.current_leader_epoch = r.get(v)?;
        }
        s.fetch_offset = r.get(v)?;
        if v >= 12 {
            s.last_fetched_epoch = r.get(v)?;
        }
        if v >= 5 {
            s.log_start_offset = r.get(v)?;
        }
        s.partition_max_bytes = r.get(v)?;
        let mut tags = r.tags()?;
        while let Some(tag) = tags.next(r)? {
            match tag {
                0 if v >= 17 => s.replica_directory_id = r.get(v)?,
                1 if v >= 18 => s.high_watermark = r.get(v)?,
                _ => tags.skip(r),
            }
        }
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.partition, v)?;
        if v >= 9 {
            w.put(&self.current_leader_epoch, v)?;
        }
        w.put(&self.fetch_offset, v)?;
        if v >= 12 {
            w.put(&self.last_fetched_epoch, v)?;
        } else {
            w.absent(self.last_fetched_epoch == -1, "last_fetched_epoch")?;
        }
        if v >= 5 {
            w.put(&self.log_start_offset, v)?;
        }
        w.put(&self.partition_max_bytes, v)?;
        let tags = w.tags();
        if v >= 17 {
            tags.put(w, 0, self.replica_directory_id.is_zero(), |w| w.put(&self.replica_directory_id, v))?;
        }
        if v >= 18 {
            tags.put(w, 1, self.high_watermark == i64::MAX, |w| w.put(&self.high_watermark, v))?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ForgottenTopic {
    pub topic: Str,
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
}

impl Element for ForgottenTopic {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        if v <= 12 {
            s.topic = r.get(v)?;
        }
        if v >= 13 {
            s.topic_id = r.get(v)?;
        }
        s.partitions = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        if v <= 12 {
            w.put(&self.topic, v)?;
        }
        if v >= 13 {
            w.put(&self.topic_id, v)?;
        }
        w.put(&self.partitions, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for FetchRequest {
    const NAME: &'static str = "FetchRequest";
    const VERSIONS: RangeInclusive<i16> = 4..=18;
    const FLEXIBLE_FROM: i16 = 12;
}

impl Request for FetchRequest {
    const KEY: ApiKey = ApiKey::Fetch;
    type Response = crate::messages::fetch_response::FetchResponse;
}
