//! What all connections of one simulator share.

use super::{
    SimOptions,
    fault::{Faults, FunctionFault},
    function::{Function, Received},
    model::Model,
    xml,
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// Most functions remembered; the oldest are forgotten first.
const RECEIVED_MAX: usize = 10_000;

/// Called with every function received, before its effect.
pub type Observer = Box<dyn Fn(&Received) + Send + Sync>;

pub struct Shared {
    pub options: SimOptions,
    model: Mutex<Model>,
    faults: Mutex<Faults>,
    received: Mutex<VecDeque<Received>>,
    observer: Observer,
    started: Instant,
    /// Counts changes of the model.
    pub changed: watch::Sender<u64>,
    /// Counts orders to drop every connection.
    pub dropped: watch::Sender<u64>,
    /// Counts functions received.
    pub arrived: watch::Sender<u64>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A test that failed while holding the lock leaves plain data behind.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub fn new(options: SimOptions, observer: Observer) -> Self {
        let model = Model::new(options.inputs, options.program, options.preview);
        Self {
            faults: Mutex::new(options.faults),
            options,
            model: Mutex::new(model),
            received: Mutex::default(),
            observer,
            started: Instant::now(),
            changed: watch::channel(0).0,
            dropped: watch::channel(0).0,
            arrived: watch::channel(0).0,
        }
    }

    pub fn model(&self) -> Model {
        lock(&self.model).clone()
    }

    /// How long it has run, milliseconds.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The state document, as the fault in force has it.
    pub fn xml(&self) -> String {
        let whole = xml::render(&self.model(), &self.options.version, self.now_ms());
        xml::broken(whole, self.faults().xml)
    }

    pub fn faults(&self) -> Faults {
        *lock(&self.faults)
    }

    pub fn change_faults(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut lock(&self.faults));
    }

    pub fn received(&self) -> Vec<Received> {
        lock(&self.received).iter().cloned().collect()
    }

    /// Changes the model and tells every subscriber.
    pub fn change<T>(&self, change: impl FnOnce(&mut Model) -> T) -> T {
        let result = change(&mut lock(&self.model));
        self.changed.send_modify(|n| *n += 1);
        result
    }

    /// Takes a function in: remembers it and schedules its effect. Returns the fault that decides the answer.
    pub fn run(self: &Arc<Self>, via: &'static str, function: Function) -> FunctionFault {
        let received = function.received(via, Model::models(&function.name));
        (self.observer)(&received);
        let mut all = lock(&self.received);
        if all.len() >= RECEIVED_MAX {
            all.pop_front();
        }
        all.push_back(received);
        drop(all);
        self.arrived.send_modify(|n| *n += 1);
        let fault = self.faults().function;
        match fault {
            FunctionFault::None | FunctionFault::Unanswered | FunctionFault::DropAfter => {
                self.schedule(function, false)
            }
            FunctionFault::WrongEffect => self.schedule(function, true),
            FunctionFault::Ignored | FunctionFault::Refused | FunctionFault::DropBefore => {}
        }
        fault
    }

    /// The effect comes later than the answer, a transition's end later still.
    fn schedule(self: &Arc<Self>, function: Function, wrong: bool) {
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(shared.options.delay).await;
            if let Some(running) = shared.change(|model| model.begin(&function, wrong, shared.now_ms())) {
                tokio::time::sleep(Duration::from_millis(running.after_ms)).await;
                shared.change(|model| model.finish(running));
            }
        });
    }
}
