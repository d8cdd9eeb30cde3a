//! Who waits for what: a change that wants something else of the same thing overtakes the one that still waits for its
//! effect, and one whose effect depends on what is waits until nothing of it is under way.

use crate::{
    aspect::{Aspect, Wanted},
    effect::Effect,
};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

#[derive(Debug, Default)]
pub struct Claims {
    waiting: Mutex<Vec<Claim>>,
    /// Counts claims that ended.
    ended: watch::Sender<u64>,
}

#[derive(Debug)]
struct Claim {
    id: u64,
    wants: Vec<Wanted>,
    /// What overtook it.
    overtaken: watch::Sender<Option<String>>,
}

/// A change that has been sent; ends its claim when dropped.
#[derive(Debug)]
pub struct Ticket<'a> {
    claims: &'a Claims,
    id: u64,
    overtaken: watch::Receiver<Option<String>>,
}

impl Claims {
    fn lock(&self) -> MutexGuard<'_, Vec<Claim>> {
        // Every change of the list is whole in itself.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Claims what a change wants, just before it is sent. Whoever waits for something else of the same is overtaken.
    pub fn take(&self, effect: &Effect, label: &str) -> Ticket<'_> {
        let (sender, overtaken) = watch::channel(None);
        let mut waiting = self.lock();
        for claim in waiting.iter() {
            let differs = |old: &Wanted| {
                effect.upsets.contains(&old.aspect)
                    || effect.wants.iter().any(|new| new.aspect == old.aspect && new.want != old.want)
            };
            if claim.wants.iter().any(differs) {
                claim.overtaken.send_replace(Some(label.into()));
            }
        }
        let id = waiting.last().map_or(0, |claim| claim.id.wrapping_add(1));
        waiting.push(Claim { id, wants: effect.wants.clone(), overtaken: sender });
        Ticket { claims: self, id, overtaken }
    }

    /// Waits until nothing that `effect` is about is under way. Cancel safe.
    pub async fn settled(&self, effect: &Effect) {
        let mut ended = self.ended.subscribe();
        loop {
            ended.mark_unchanged();
            let about = |aspect: &Aspect| {
                effect.upsets.contains(aspect) || effect.wants.iter().any(|wanted| wanted.aspect == *aspect)
            };
            if !self.lock().iter().any(|claim| claim.wants.iter().any(|wanted| about(&wanted.aspect))) {
                return;
            }
            // The sender is in `self`: it cannot be gone.
            let _ = ended.changed().await;
        }
    }
}

impl Ticket<'_> {
    /// What overtook it, as soon as something has.
    pub async fn overtaken(&mut self) -> String {
        let by = self.overtaken.wait_for(Option::is_some).await.ok().and_then(|by| by.clone());
        match by {
            Some(by) => by,
            // Cannot be: the claim lives as long as this ticket.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.claims.lock().retain(|claim| claim.id != self.id);
        self.claims.ended.send_modify(|n| *n = n.wrapping_add(1));
    }
}
