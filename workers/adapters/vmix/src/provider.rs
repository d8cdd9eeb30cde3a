//! The provider `vmix`: its description, and adapters for its instances.

use crate::{adapter::VmixAdapter, endpoint::Endpoint};
use async_trait::async_trait;
use if_engine::{Adapter, AdapterError, InstanceConfig, Prices, Provider};
use if_manifest::{ProviderSpec, native};
use std::sync::Arc;

pub struct VmixProvider {
    spec: ProviderSpec,
}

impl VmixProvider {
    pub fn new() -> Self {
        Self { spec: native::vmix::spec() }
    }
}

impl Default for VmixProvider {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Provider for VmixProvider {
    fn spec(&self) -> &ProviderSpec {
        &self.spec
    }
    fn prices(&self) -> Prices {
        Prices::free(&self.spec)
    }

    fn adapter(&self, config: InstanceConfig) -> Result<Arc<dyn Adapter>, AdapterError> {
        Ok(Arc::new(VmixAdapter::new(Endpoint::new(&config)?)))
    }
}
