//! The engine of one instance: what all its commands share.

use super::{
    clock::{Clock, SystemClock},
    rate::Gate,
    scrub::Scrubber,
};
use crate::{InstanceConfig, auth::Authenticator, transport::Transport};
use if_manifest::plan::Plan;
use std::sync::Arc;

pub struct Engine {
    pub plan: Arc<Plan>,
    pub config: InstanceConfig,
    pub transport: Arc<dyn Transport>,
    pub auth: Arc<Authenticator>,
    pub gate: Gate,
    pub clock: Arc<dyn Clock>,
    pub scrubber: Scrubber,
}

impl Engine {
    pub fn new(
        plan: Arc<Plan>,
        config: InstanceConfig,
        transport: Arc<dyn Transport>,
        auth: Arc<Authenticator>,
    ) -> Self {
        let (gate, scrubber) = (Gate::new(&plan.limits), Scrubber::new(&config));
        Self { plan, config, transport, auth, gate, clock: Arc::new(SystemClock), scrubber }
    }

    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}
