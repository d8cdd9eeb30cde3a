//! The work loop of one instance: opens its queue, takes work in, in order, and hands it to jobs.

use crate::{
    attempt::{LastTurns, Turns},
    clock::{self, Backoff},
    intake::{self, Desk, Intake, IntakeError},
    job::Place,
    trust::TrustView,
};
use if_bus::{BusError, Delivery, WorkQueue};
use if_manifest::ProviderSpec;
use if_schemas::Name;
use std::{sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

/// Commands of one instance executing at once.
pub const RUNNING_MAX: usize = 64;
/// Deliveries of one instance being worked on at once: executing, waiting for their turn, or for a receipt.
pub const OPEN_MAX: usize = 512;
/// Pause before the queue is opened again: doubles from the first to the second figure.
const REOPEN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));
/// Pause after which work that another node may serve is offered again.
const PASS_ON: Duration = Duration::from_millis(100);

/// One instance's queue.
pub struct Loop {
    pub place: Place,
    pub spec: Arc<ProviderSpec>,
    pub provider: Name,
    pub instance: Name,
}

impl Loop {
    /// Works until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.work() => {}
        }
    }

    async fn work(&self) {
        let node = &self.place.node;
        let open = Arc::new(Semaphore::new(OPEN_MAX));
        let (mut link, mut trust) = (node.bus.link(), node.trust.subscribe());
        let mut backoff = Backoff::new(REOPEN.0, REOPEN.1);
        let mut last = LastTurns::default();
        loop {
            self.until_served(&mut trust).await;
            link.borrow_and_update();
            match node.bus.work_queue(&self.provider, &self.instance).await {
                Ok(mut queue) => {
                    backoff.reset();
                    let epoch = link.borrow().epoch;
                    tokio::select! {
                        broken = self.take(&mut queue, &open, &mut last) => self.log(&broken),
                        // What the server knew of this queue is gone with the connection.
                        _ = link.wait_for(|l| l.epoch != epoch) => {}
                        // What is here is for other nodes now.
                        _ = trust.wait_for(|view| !self.serves(view.as_deref())) => {}
                    }
                }
                Err(error) => self.log(&error),
            }
            tokio::time::sleep(backoff.step()).await;
        }
    }

    /// Waits until the log says that this node may serve the instance: until then the work is for other nodes.
    async fn until_served(&self, trust: &mut watch::Receiver<Option<Arc<TrustView>>>) {
        let (provider, instance) = (&self.provider, &self.instance);
        let known = trust.borrow_and_update().clone();
        if let Some(view) = known
            && let Err(reject) = view.trust.authorize_worker(&self.place.node.key.id(), provider, instance)
        {
            tracing::warn!(%provider, %instance, hint = reject.hint, "not served: {reject}");
        }
        if trust.wait_for(|view| self.serves(view.as_deref())).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    fn serves(&self, view: Option<&TrustView>) -> bool {
        let key = self.place.node.key.id();
        view.is_some_and(|v| v.trust.authorize_worker(&key, &self.provider, &self.instance).is_ok())
    }

    /// Takes deliveries until the queue breaks.
    async fn take(&self, queue: &mut WorkQueue, open: &Arc<Semaphore>, last: &mut LastTurns) -> BusError {
        loop {
            // The semaphore is never closed.
            let Ok(slot) = open.clone().acquire_owned().await else { return std::future::pending().await };
            match queue.next().await {
                Ok(delivery) => self.accept(delivery, slot, Turns::after(last, self.place.reserve.as_deref())),
                Err(error) => return error,
            }
        }
    }

    /// Checks in order of arrival; only what needs an answer of the broker first is checked aside.
    fn accept(&self, delivery: Delivery, slot: OwnedSemaphorePermit, turns: Turns) {
        let place = self.place.clone();
        let jobs = place.node.jobs.clone();
        let desk =
            OwnDesk { provider: self.provider.clone(), instance: self.instance.clone(), spec: self.spec.clone() };
        let Some(trust) = place.node.trust.current() else { return };
        let checked = desk.check(&place, &trust, &delivery.payload);
        jobs.spawn(async move {
            let checked = match checked {
                Err(error) if error.may_be_old_trust() => {
                    desk.check_again(&place, &trust, &delivery.payload, error).await
                }
                other => other,
            };
            match checked {
                Ok(intake) => place.handle(delivery, intake, turns).await,
                Err(error) => desk.drop_delivery(&place, delivery, &error).await,
            }
            drop(slot);
        });
    }

    fn log(&self, error: &BusError) {
        let (provider, instance) = (&self.provider, &self.instance);
        tracing::debug!(%provider, %instance, %error, "the work queue is opened again");
    }
}

/// What a check needs beside the trust of the moment.
struct OwnDesk {
    provider: Name,
    instance: Name,
    spec: Arc<ProviderSpec>,
}

impl OwnDesk {
    fn check(&self, place: &Place, trust: &TrustView, message: &[u8]) -> Result<Intake, IntakeError> {
        let desk = Desk {
            provider: &self.provider,
            instance: &self.instance,
            spec: &self.spec,
            trust,
            worker: place.node.key.id(),
            now: clock::now(),
        };
        intake::check(&desk, message)
    }

    /// Once more with newer trust, if there is any; then the answer stands.
    async fn check_again(
        &self,
        place: &Place,
        old: &TrustView,
        message: &[u8],
        error: IntakeError,
    ) -> Result<Intake, IntakeError> {
        let again = if place.node.trust.refresh_since(old).await {
            let trust = place.node.trust.current();
            trust.map_or(Err(error), |trust| self.check(place, &trust, message))
        } else {
            Err(error)
        };
        again.or_else(intake::refuse_denied)
    }

    /// Work of another node is offered again; anything else was never work.
    async fn drop_delivery(&self, place: &Place, delivery: Delivery, error: &IntakeError) {
        let (provider, instance, code) = (&self.provider, &self.instance, error.code());
        place.node.metrics.dropped(code);
        match error {
            IntakeError::Elsewhere(_) => tracing::debug!(%provider, %instance, %error, "work passed on"),
            _ => tracing::warn!(%provider, %instance, code, %error, "work dropped, not executed"),
        }
        let answered = match error {
            IntakeError::NotServed(_) | IntakeError::Elsewhere(_) => delivery.nak(PASS_ON).await,
            _ => delivery.ack().await,
        };
        if let Err(error) = answered {
            tracing::debug!(%provider, %instance, %error, "not acknowledged");
        }
    }
}
