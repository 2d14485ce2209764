//! PartitionRecord, versions 0 to 2. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct PartitionRecord {
    pub partition_id: i32,
    pub topic_id: Uuid,
    pub replicas: Vec<i32>,
    pub isr: Vec<i32>,
    pub removing_replicas: Vec<i32>,
    pub adding_replicas: Vec<i32>,
    pub leader: i32,
    pub leader_recovery_state: i8,
    pub leader_epoch: i32,
    pub partition_epoch: i32,
    pub directories: Vec<Uuid>,
    pub eligible_leader_replicas: Option<Vec<i32>>,
    pub last_known_elr: Option<Vec<i32>>,
}

impl Default for PartitionRecord {
    fn default() -> Self {
        Self {
            partition_id: -1,
            topic_id: Uuid::ZERO,
            replicas: Vec::new(),
            isr: Vec::new(),
            removing_replicas: Vec::new(),
            adding_replicas: Vec::new(),
            leader: -1,
            leader_recovery_state: 0,
            leader_epoch: -1,
            partition_epoch: -1,
            directories: Vec::new(),
            eligible_leader_replicas: None,
            last_known_elr: None,
        }
    }
}

impl Element for PartitionRecord {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.partition_id = r.get(v)?;
        s.topic_id = r.get(v)?;
        s.replicas = r.get(v)?;
        s.isr = r.get(v)?;
        s.removing_replicas = r.get(v)?;
        s.adding_replicas = r.get(v)?;
        s.leader = r.get(v)?;
        s.leader_epoch = r.get(v)?;
        s.partition_epoch = r.get(v)?;
        if v >= 1 {
            s.directories = r.get(v)?;
        }
        let mut tags = r.tags()?;
        while let Some(tag) = tags.next(r)? {
            match tag {
                0 => s.leader_recovery_state = r.get(v)?,
                1 if v >= 2 => s.eligible_leader_replicas = r.get(v)?,
                2 if v >= 2 => s.last_known_elr = r.get(v)?,
                _ => tags.skip(r),
            }
        }
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.partition_id, v)?;
        w.put(&self.topic_id, v)?;
        w.put(&self.replicas, v)?;
        w.put(&self.isr, v)?;
        w.put(&self.removing_replicas, v)?;
        w.put(&self.adding_replicas, v)?;
        w.put(&self.leader, v)?;
        w.put(&self.leader_epoch, v)?;
        w.put(&self.partition_epoch, v)?;
        if v >= 1 {
            w.put(&self.directories, v)?;
        } else {
            w.absent(self.directories.is_empty(), "directories")?;
        }
        let tags = w.tags();
        tags.put(w, 0, self.leader_recovery_state == 0, |w| w.put(&self.leader_recovery_state, v))?;
        if v >= 2 {
            tags.put(w, 1, self.eligible_leader_replicas.is_none(), |w| w.put(&self.eligible_leader_replicas, v))?;
        } else {
            w.absent(self.eligible_leader_replicas.is_none(), "eligible_leader_replicas")?;
        }
        if v >= 2 {
            tags.put(w, 2, self.last_known_elr.is_none(), |w| w.put(&self.last_known_elr, v))?;
        } else {
            w.absent(self.last_known_elr.is_none(), "last_known_elr")?;
        }
        Ok(())
    }
}

impl Message for PartitionRecord {
    const NAME: &'static str = "PartitionRecord";
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const FLEXIBLE_FROM: i16 = 0;
}
