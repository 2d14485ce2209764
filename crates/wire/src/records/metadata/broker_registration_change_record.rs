//! BrokerRegistrationChangeRecord, versions 0 to 3. Written by `cargo xtask wire`.

use crate::generated::*;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct BrokerRegistrationChangeRecord {
    pub broker_id: i32,
    pub broker_epoch: i64,
    pub fenced: i8,
    pub in_controlled_shutdown: i8,
    pub log_dirs: Vec<Uuid>,
    pub cordoned_log_dirs: Option<Vec<Uuid>>,
}

impl Element for BrokerRegistrationChangeRecord {
    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {
        let mut s = Self::default();
        s.broker_id = r.get(v)?;
        s.broker_epoch = r.get(v)?;
        let mut tags = r.tags()?;
        while let Some(tag) = tags.next(r)? {
            match tag {
                0 => s.fenced = r.get(v)?,
                1 if v >= 1 => s.in_controlled_shutdown = r.get(v)?,
                2 if v >= 2 => s.log_dirs = r.get(v)?,
                3 if v >= 3 => s.cordoned_log_dirs = r.get(v)?,
                _ => tags.skip(r),
            }
        }
        Ok(s)
    }

    fn write(&self, w: &mut Writer, v: i16) -> Result<(), EncodeError> {
        w.put(&self.broker_id, v)?;
        w.put(&self.broker_epoch, v)?;
        let tags = w.tags();
        tags.put(w, 0, self.fenced == 0, |w| w.put(&self.fenced, v))?;
        if v >= 1 {
            tags.put(w, 1, self.in_controlled_shutdown == 0, |w| w.put(&self.in_controlled_shutdown, v))?;
        } else {
            w.absent(self.in_controlled_shutdown == 0, "in_controlled_shutdown")?;
        }
        if v >= 2 {
            tags.put(w, 2, self.log_dirs.is_empty(), |w| w.put(&self.log_dirs, v))?;
        } else {
            w.absent(self.log_dirs.is_empty(), "log_dirs")?;
        }
        if v >= 3 {
            tags.put(w, 3, self.cordoned_log_dirs.is_none(), |w| w.put(&self.cordoned_log_dirs, v))?;
        } else {
            w.absent(self.cordoned_log_dirs.is_none(), "cordoned_log_dirs")?;
        }
        Ok(())
    }
}

impl Message for BrokerRegistrationChangeRecord {
    const NAME: &'static str = "BrokerRegistrationChangeRecord";
    const VERSIONS: RangeInclusive<i16> = 0..=3;
    const FLEXIBLE_FROM: i16 = 0;
}
