//! PartitionChangeRecord, versions 0 to 2. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq)]
pub struct PartitionChangeRecord {
    pub partition_id: i32,
    pub topic_id: Uuid,
    pub isr: Option<Vec<i32>>,
    pub leader: i32,
    pub replicas: Option<Vec<i32>>,
    pub removing_replicas: Option<Vec<i32>>,
    pub adding_replicas: Option<Vec<i32>>,
    pub leader_recovery_state: i8,
    pub directories: Option<Vec<Uuid>>,
    pub eligible_leader_replicas: Option<Vec<i32>>,
    pub last_known_elr: Option<Vec<i32>>,
}

impl Default for PartitionChangeRecord {
    fn default() -> Self {
        Self {
            partition_id: -1,
            topic_id: Uuid::ZERO,
            isr: None,
            leader: -2,
            replicas: None,
            removing_replicas: None,
            adding_replicas: None,
            leader_recovery_state: -1,
            directories: None,
            eligible_leader_replicas: None,
            last_known_elr: None,
        }
    }
}

impl Element for PartitionChangeRecord {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.partition_id = r.get(v)?;
        s.topic_id = r.get(v)?;
        let mut tags = r.tags()?;
        while let Some(tag) = tags.next(r)? {
            match tag {
                0 => s.isr = r.get(v)?,
                1 => s.leader = r.get(v)?,
                2 => s.replicas = r.get(v)?,
                3 => s.removing_replicas = r.get(v)?,
                4 => s.adding_replicas = r.get(v)?,
                5 => s.leader_recovery_state = r.get(v)?,
                6 if v >= 2 => s.eligible_leader_replicas = r.get(v)?,
                7 if v >= 2 => s.last_known_elr = r.get(v)?,
                8 if v >= 1 => s.directories = r.get(v)?,
                _ => tags.skip(r),
            }
        }
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.partition_id, v)?;
        w.put(&self.topic_id, v)?;
        let tags = w.tags();
        tags.put(w, 0, self.isr.is_none(), |w| w.put(&self.isr, v))?;
        tags.put(w, 1, self.leader == -2, |w| w.put(&self.leader, v))?;
        tags.put(w, 2, self.replicas.is_none(), |w| w.put(&self.replicas, v))?;
        tags.put(w, 3, self.removing_replicas.is_none(), |w| w.put(&self.removing_replicas, v))?;
        tags.put(w, 4, self.adding_replicas.is_none(), |w| w.put(&self.adding_replicas, v))?;
        tags.put(w, 5, self.leader_recovery_state == -1, |w| w.put(&self.leader_recovery_state, v))?;
        if v >= 2 {
            tags.put(w, 6, self.eligible_leader_replicas.is_none(), |w| w.put(&self.eligible_leader_replicas, v))?;
        } else {
            w.absent(self.eligible_leader_replicas.is_none(), "eligible_leader_replicas")?;
        }
        if v >= 2 {
            tags.put(w, 7, self.last_known_elr.is_none(), |w| w.put(&self.last_known_elr, v))?;
        } else {
            w.absent(self.last_known_elr.is_none(), "last_known_elr")?;
        }
        if v >= 1 {
            tags.put(w, 8, self.directories.is_none(), |w| w.put(&self.directories, v))?;
        } else {
            w.absent(self.directories.is_none(), "directories")?;
        }
        Ok(())
    }
}

impl Message for PartitionChangeRecord {
    const NAME: &'static str = "PartitionChangeRecord";
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const FLEXIBLE_FROM: i16 = 0;
}
