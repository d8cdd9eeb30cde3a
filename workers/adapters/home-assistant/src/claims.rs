//! Who commanded an entity last: of contradictory commands the last wins, and the earlier ones know it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// The commands under way, by entity.
pub struct Claims {
    entities: Mutex<HashMap<String, Claimed>>,
    /// Counts up whenever a command was taken by Home Assistant.
    taken: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Claimed {
    /// Commands under way. The entry goes with the last of them.
    open: usize,
    last: u64,
    /// The newest command Home Assistant has taken, and its id.
    taken: Option<(u64, String)>,
}

/// One command's hold on one entity, until it is dropped.
pub struct Claim {
    claims: Arc<Claims>,
    entity: String,
    number: u64,
    command: String,
}

impl Default for Claims {
    fn default() -> Self {
        Self { entities: Mutex::default(), taken: watch::Sender::new(0) }
    }
}

impl Claims {
    /// Before the command is sent.
    pub fn claim(self: &Arc<Self>, entity: &str, command: String) -> Claim {
        let mut entities = self.lock();
        let claimed = entities.entry(entity.to_owned()).or_default();
        claimed.open += 1;
        claimed.last += 1;
        let number = claimed.last;
        drop(entities);
        Claim { claims: self.clone(), entity: entity.to_owned(), number, command }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Claimed>> {
        // Every change is whole in itself.
        self.entities.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    /// Home Assistant has taken this command.
    pub fn taken(&self) {
        if let Some(claimed) = self.claims.lock().get_mut(&self.entity)
            && claimed.taken.as_ref().is_none_or(|(number, _)| *number < self.number)
        {
            claimed.taken = Some((self.number, self.command.clone()));
        }
        self.claims.taken.send_modify(|count| *count += 1);
    }

    /// The id of a later command for the same entity that Home Assistant has taken.
    pub fn superseded_by(&self) -> Option<String> {
        let entities = self.claims.lock();
        let (number, command) = entities.get(&self.entity)?.taken.as_ref()?;
        (*number > self.number).then(|| command.clone())
    }

    /// Told whenever some command was taken.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.claims.taken.subscribe()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut entities = self.claims.lock();
        if let Some(claimed) = entities.get_mut(&self.entity) {
            claimed.open -= 1;
            if claimed.open == 0 {
                entities.remove(&self.entity);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_command_counts_once_it_was_taken() {
        let claims = Arc::new(Claims::default());
        let first = claims.claim("light.a", "1".into());
        let second = claims.claim("light.a", "2".into());
        let other = claims.claim("light.b", "3".into());
        assert_eq!(first.superseded_by(), None);
        second.taken();
        first.taken();
        other.taken();
        assert_eq!((first.superseded_by().as_deref(), second.superseded_by()), (Some("2"), None));
        drop(second);
        assert_eq!(first.superseded_by().as_deref(), Some("2"));
        drop((first, other));
        assert!(claims.lock().is_empty());
    }
}
