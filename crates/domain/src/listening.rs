use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use crate::{Asked, Trigger, TriggerId, TriggerType};

/// A trigger with the type that says what its parameters mean.
#[derive(Debug, Clone)]
pub struct Listener {
    /// The trigger.
    pub trigger: Arc<Trigger>,
    /// Its type.
    pub trigger_type: Arc<TriggerType>,
}

/// The triggers of a pipeline that listen to one type of event, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Listening {
    listeners: Vec<Listener>,
    /// How they are told of in verdicts; made when it is first needed.
    asked: OnceLock<Arc<[Asked]>>,
}

/// Where nobody listens.
static NOBODY: Listening = Listening { listeners: Vec::new(), asked: OnceLock::new() };

impl Listening {
    /// Nobody.
    pub fn nobody() -> &'static Self {
        &NOBODY
    }

    /// Adds one at its place by age.
    pub fn insert(&mut self, listener: Listener) {
        self.asked = OnceLock::new();
        let older = |other: &Listener| other.trigger.created_at < listener.trigger.created_at;
        let at = self.listeners.partition_point(older);
        self.listeners.insert(at, listener);
    }

    /// Removes one, if it is there.
    pub fn remove(&mut self, id: &TriggerId) {
        self.asked = OnceLock::new();
        self.listeners.retain(|listener| listener.trigger.id != *id);
    }

    /// How they are told of in verdicts, as they are now.
    pub(crate) fn asked(&self) -> &Arc<[Asked]> {
        let asked = |Listener { trigger, .. }: &Listener| Asked {
            trigger_id: trigger.id.clone(),
            trigger_revision: trigger.version.revision,
            stage_id: trigger.stage_id.clone(),
        };
        self.asked.get_or_init(|| self.listeners.iter().map(asked).collect())
    }
}

impl Deref for Listening {
    type Target = [Listener];

    fn deref(&self) -> &[Listener] {
        &self.listeners
    }
}

impl FromIterator<Listener> for Listening {
    fn from_iter<I: IntoIterator<Item = Listener>>(listeners: I) -> Self {
        let mut listening = Self::default();
        listeners.into_iter().for_each(|listener| listening.insert(listener));
        listening
    }
}
