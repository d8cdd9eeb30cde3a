//! Which instances are written down, and where they are.

use crate::{CliError, context::Context};
use if_discover::{Found, Product};
use if_schemas::Name;
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use tokio::time::timeout;

/// How long the names of hosts in instance files may take to resolve, all together.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub struct Known(BTreeMap<(Product, Name), Vec<(String, u16)>>);

impl Known {
    /// Reads the instance files. What is wrong in one is said and stands in the way of nothing: its name is still taken.
    pub fn load(context: &Context, products: &[Product]) -> Result<Self, CliError> {
        let home = context.home()?;
        let mut known = BTreeMap::new();
        for product in products {
            let Some(spec) = context.catalog.provider(product.id()) else { continue };
            let file = home.provider_file(&product.id().parse()?);
            let instances = if_home::instances::load_each(&file, &spec).unwrap_or_else(|e| {
                context.out.warning(&format!("{}: what is configured there cannot be marked", e.message()));
                BTreeMap::new()
            });
            for (name, instance) in instances {
                let endpoint = instance.ok().and_then(|i| product.endpoint(&i.open_settings()));
                known.insert((*product, name), endpoint.into_iter().collect());
            }
        }
        context.block_on(async {
            // A resolver that does not answer costs a mark, nothing else.
            let _ = timeout(RESOLVE_TIMEOUT, futures::future::join_all(known.values_mut().map(resolve))).await;
            Ok(())
        })?;
        Ok(Self(known))
    }

    pub fn is_taken(&self, product: Product, name: &str) -> bool {
        self.0.keys().any(|(p, n)| *p == product && n.as_str() == name)
    }

    /// The instance this is.
    pub fn of(&self, found: &Found) -> Option<&Name> {
        let is_it = |places: &[(String, u16)]| places.iter().any(|(host, port)| found.is_at(host, *port));
        self.0.iter().find(|((p, _), places)| *p == found.provider && is_it(places)).map(|((_, name), _)| name)
    }
}

/// Adds the addresses of a host that is given by name.
async fn resolve(places: &mut Vec<(String, u16)>) {
    let Some((host, port)) = places.first().cloned() else { return };
    if host.parse::<IpAddr>().is_ok() {
        return;
    }
    if let Ok(addresses) = tokio::net::lookup_host((host, port)).await {
        places.extend(addresses.map(|a: SocketAddr| (a.ip().to_string(), a.port())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use if_discover::product::Identity;

    fn known(entries: &[(&str, &str, u16)]) -> Known {
        let entry = |(name, host, port): &(&str, &str, u16)| {
            ((Product::Vmix, name.parse::<Name>().unwrap()), vec![(host.to_string(), *port)])
        };
        Known(entries.iter().map(entry).collect())
    }

    #[test]
    fn an_instance_is_known_by_address_and_port() {
        let known = known(&[("far", "10.0.0.9", 8099), ("studio", "10.0.0.5", 8099), ("test", "10.0.0.5", 9000)]);
        let at = |port| Found::asked(Product::Vmix, "10.0.0.5".parse().unwrap(), port, Identity::default());
        assert_eq!(known.of(&at(8099)).map(Name::as_str), Some("studio"));
        assert_eq!(known.of(&at(9000)).map(Name::as_str), Some("test"));
        assert_eq!(known.of(&at(9001)), None);
        assert!(known.is_taken(Product::Vmix, "far") && !known.is_taken(Product::Obs, "far"));
    }

    #[tokio::test]
    async fn a_host_given_by_name_is_known_by_its_address() {
        let mut places = vec![("localhost".to_string(), 8099)];
        resolve(&mut places).await;
        assert!(places.contains(&("127.0.0.1".to_string(), 8099)), "{places:?}");
    }
}
