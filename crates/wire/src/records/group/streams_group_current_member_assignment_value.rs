//! StreamsGroupCurrentMemberAssignmentValue, versions 0 only. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamsGroupCurrentMemberAssignmentValue {
    pub member_epoch: i32,
    pub previous_member_epoch: i32,
    pub state: i8,
    pub active_tasks: Vec<TaskIds>,
    pub standby_tasks: Vec<TaskIds>,
    pub warmup_tasks: Vec<TaskIds>,
    pub active_tasks_pending_revocation: Vec<TaskIds>,
    pub standby_tasks_pending_revocation: Vec<TaskIds>,
    pub warmup_tasks_pending_revocation: Vec<TaskIds>,
}

impl Element for StreamsGroupCurrentMemberAssignmentValue {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.member_epoch = r.get(v)?;
        s.previous_member_epoch = r.get(v)?;
        s.state = r.get(v)?;
        s.active_tasks = r.get(v)?;
        s.standby_tasks = r.get(v)?;
        s.warmup_tasks = r.get(v)?;
        s.active_tasks_pending_revocation = r.get(v)?;
        s.standby_tasks_pending_revocation = r.get(v)?;
        s.warmup_tasks_pending_revocation = r.get(v)?;
        r.skip_tags()?;
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.member_epoch, v)?;
        w.put(&self.previous_member_epoch, v)?;
        w.put(&self.state, v)?;
        w.put(&self.active_tasks, v)?;
        w.put(&self.standby_tasks, v)?;
        w.put(&self.warmup_tasks, v)?;
        w.put(&self.active_tasks_pending_revocation, v)?;
        w.put(&self.standby_tasks_pending_revocation, v)?;
        w.put(&self.warmup_tasks_pending_revocation, v)?;
        w.no_tags();
        Ok(())
    }
}

impl Message for StreamsGroupCurrentMemberAssignmentValue {
    const NAME: &'static str = "StreamsGroupCurrentMemberAssignmentValue";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FLEXIBLE_FROM: i16 = 0;
}

impl CoordinatorValue for StreamsGroupCurrentMemberAssignmentValue {
    const TYPE: i16 = 22;
}

#[derive(Debug, Clone, PartialEq)]
pub struct TaskIds {
    pub subtopology_id: Str,
    pub partitions: Vec<i32>,
    pub assignment_epochs: Option<Vec<i32>>,
}

impl Default for TaskIds {
    fn default() -> Self {
        Self { subtopology_id: Str::EMPTY, partitions: Vec::new(), assignment_epochs: Some(Vec::new()) }
    }
}

impl Element for TaskIds {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.subtopology_id = r.get(v)?;
        s.partitions = r.get(v)?;
        let mut tags = r.tags()?;
        while let Some(tag) = tags.next(r)? {
            match tag {
                0 => s.assignment_epochs = r.get(v)?,
                _ => tags.skip(r),
            }
        }
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.subtopology_id, v)?;
        w.put(&self.partitions, v)?;
        let tags = w.tags();
        tags.put(w, 0, self.assignment_epochs.as_ref().is_some_and(|value| value.is_empty()), |w| {
            w.put(&self.assignment_epochs, v)
        })?;
        Ok(())
    }
}
