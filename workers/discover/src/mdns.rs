//! Who announces itself: a question by multicast, and what comes back within a few seconds.

use crate::{
    Found, Product,
    product::{Announcement, announcement},
};
use mdns_sd::{ResolvedService, ServiceDaemon, ServiceEvent};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::{Instant, timeout, timeout_at};

/// How long answers are waited for. The question is repeated after one second, and again after two more.
const LISTEN: Duration = Duration::from_millis(3_500);
/// How long the daemon may take to end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);
/// Most announcements that are taken.
pub(crate) const ANNOUNCED_MAX: usize = 256;

/// Everybody who announces this service. Errors: multicast cannot be used, as text.
pub async fn announced(product: Product, service: &str) -> Result<Vec<Found>, String> {
    let daemon = ServiceDaemon::new().map_err(|e| format!("multicast cannot be used: {e}"))?;
    let heard = listen(&daemon, service).await;
    if let Ok(ended) = daemon.shutdown() {
        // Its thread ends by itself; the program need not wait for longer.
        let _ = timeout(SHUTDOWN_TIMEOUT, ended.recv_async()).await;
    }
    Ok(heard?.into_values().filter_map(|service| found(product, &service)).collect())
}

async fn listen(daemon: &ServiceDaemon, service: &str) -> Result<BTreeMap<String, Box<ResolvedService>>, String> {
    let events = daemon.browse(service).map_err(|e| format!("{service} cannot be asked for: {e}"))?;
    let end = Instant::now() + LISTEN;
    let mut heard = BTreeMap::new();
    while let Ok(event) = timeout_at(end, events.recv_async()).await {
        match event {
            Ok(ServiceEvent::ServiceResolved(resolved)) if heard.len() < ANNOUNCED_MAX => {
                heard.insert(resolved.fullname.clone(), resolved);
            }
            Ok(ServiceEvent::ServiceRemoved(_, name)) => {
                heard.remove(&name);
            }
            Ok(_) => {}
            Err(_) => return Err("multicast ended".into()),
        }
    }
    Ok(heard)
}

fn found(product: Product, service: &ResolvedService) -> Option<Found> {
    let addresses = service.addresses.iter().map(|a| a.to_ip_addr()).collect();
    let told = announcement(|name| service.get_property_val_str(name).map(str::to_string), service.port);
    // Without a TXT record its name is the first label.
    let label = service.fullname.strip_suffix(&format!(".{}", service.ty_domain)).map(str::to_string);
    let told = Announcement { name: told.name.or(label), ..told };
    Found::announced(product, addresses, service.port, told)
}
