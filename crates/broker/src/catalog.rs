//! The live image of all topics: looked up by every request, changed by the controller alone.

use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::RwLock;
use wire::Uuid;

use crate::topic::{Partition, Topic};

/// All topics by name and by id.
#[derive(Debug, Default)]
pub struct Catalog {
    maps: RwLock<Maps>,
}

#[derive(Debug, Default)]
struct Maps {
    by_name: HashMap<Arc<str>, Arc<Topic>>,
    name_by_id: HashMap<Uuid, Arc<str>>,
}

impl Catalog {
    /// The topic of this name.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<Arc<Topic>> {
        self.maps.read().by_name.get(name).cloned()
    }

    /// The topic of this id.
    #[must_use]
    pub fn topic_by_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        let maps = self.maps.read();
        maps.name_by_id.get(&id).and_then(|name| maps.by_name.get(name)).cloned()
    }

    /// One partition.
    #[must_use]
    pub fn partition(&self, name: &str, index: i32) -> Option<Arc<Partition>> {
        self.maps.read().by_name.get(name).and_then(|topic| topic.partition(index)).cloned()
    }

    /// All topics, in the order of their names.
    #[must_use]
    pub fn topics(&self) -> Vec<Arc<Topic>> {
        let mut topics: Vec<_> = self.maps.read().by_name.values().cloned().collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        topics
    }

    /// Puts a topic in place, over an older version of itself.
    pub(crate) fn put(&self, topic: Arc<Topic>) {
        let mut maps = self.maps.write();
        maps.name_by_id.insert(topic.id, Arc::clone(&topic.name));
        maps.by_name.insert(Arc::clone(&topic.name), topic);
    }

    /// Takes a topic away.
    pub(crate) fn remove(&self, name: &str) -> Option<Arc<Topic>> {
        let mut maps = self.maps.write();
        let topic = maps.by_name.remove(name)?;
        maps.name_by_id.remove(&topic.id);
        Some(topic)
    }
}
