//! A whole search: listen for announcements, ask the addresses of the networks, and make one report of it.

use crate::{
    Found, Network, NetworkError, Other, Product, Report,
    found::merged,
    mdns, network,
    probe::{self, Outcome, Ports},
};
use futures::{Stream, StreamExt, pin_mut, stream};
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

/// Connections begun in a second.
const CONNECTS_PER_SECOND: u32 = 400;
/// Connections open at once. Few enough for the 1,024 descriptors that a process usually has.
const CONNECTS_OPEN_MAX: usize = 256;
/// How long the asking may take in all. The largest network with nobody in it takes about a minute.
const SCAN_TIMEOUT: Duration = Duration::from_secs(180);
/// Most open ports that are told of besides what was found.
const OTHER_MAX: usize = 256;
/// Most warnings of one kind.
const FAILED_MAX: usize = 3;

/// What is looked for, and where.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub products: Vec<Product>,
    pub networks: Vec<Network>,
    pub ports: Ports,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub asked: usize,
    pub of: usize,
    pub found: usize,
}

/// Searches. `progress` is called after every answer. Errors: the networks are too large together.
pub async fn discover(request: &Request, progress: impl Fn(Progress)) -> Result<Report, NetworkError> {
    let addresses = network::addresses(&request.networks)?;
    // Host by host would be a burst of connections to each; product by product meets each host once in a while.
    let targets: Vec<Target> = (request.products.iter())
        .flat_map(|product| addresses.iter().map(|address| Target { product: *product, address: *address }))
        .collect();
    let (asking, listening) = tokio::join!(ask_all(request, targets, progress), listen(&request.products));
    let (mut report, asked) = asking;
    let mut announced = Vec::new();
    for heard in listening {
        match heard {
            Ok(heard) => announced.extend(heard),
            Err(warning) => report.warnings.push(warning),
        }
    }
    report.found = merged(asked.into_iter().chain(announced));
    confirm(request, &mut report).await;
    report.networks = own_networks();
    Ok(report)
}

struct Target {
    product: Product,
    address: IpAddr,
}

async fn ask_all(request: &Request, targets: Vec<Target>, progress: impl Fn(Progress)) -> (Report, Vec<Found>) {
    let of = targets.len();
    let answers = paced(targets).map(|t| ask(request, t.product, t.address)).buffer_unordered(CONNECTS_OPEN_MAX);
    pin_mut!(answers);
    let end = Instant::now() + SCAN_TIMEOUT;
    let (mut report, mut found) = (Report::default(), Vec::new());
    let mut failed = Vec::new();
    while let Ok(Some((provider, address, port, outcome))) = timeout_at(end, answers.next()).await {
        report.asked += 1;
        match outcome {
            Outcome::Closed => {}
            Outcome::Is(identity) => found.push(Found::asked(provider, address, port, identity)),
            Outcome::Other(detail) if report.other.len() < OTHER_MAX => {
                report.other.push(Other { provider, address, port, detail });
            }
            Outcome::Other(_) => {}
            Outcome::Failed(why) => failed.push(format!("{address} port {port} could not be asked: {why}")),
        }
        progress(Progress { asked: report.asked, of, found: found.len() });
    }
    report.complete = report.asked == of;
    report.other.sort();
    let more = failed.len().saturating_sub(FAILED_MAX);
    report.warnings.extend(failed.into_iter().take(FAILED_MAX));
    if more > 0 {
        report.warnings.push(format!("{more} more could not be asked"));
    }
    (report, found)
}

/// The targets one by one, no faster than [`CONNECTS_PER_SECOND`].
fn paced(targets: Vec<Target>) -> impl Stream<Item = Target> {
    let mut ticks = interval(Duration::from_secs(1) / CONNECTS_PER_SECOND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    stream::unfold((ticks, targets.into_iter()), |(mut ticks, mut targets)| async move {
        let target = targets.next()?;
        ticks.tick().await;
        Some((target, (ticks, targets)))
    })
}

async fn ask(request: &Request, product: Product, address: IpAddr) -> (Product, IpAddr, u16, Outcome) {
    let port = request.ports.of(product);
    (product, address, port, probe::ask(product, SocketAddr::new(address, port), request.ports.vmix_web).await)
}

async fn listen(products: &[Product]) -> Vec<Result<Vec<Found>, String>> {
    let services = products.iter().filter_map(|p| Some((*p, p.service()?)));
    futures::future::join_all(services.map(|(product, service)| mdns::announced(product, service))).await
}

/// Asks those who announced themselves, at private addresses only: an announcement is no order to connect anywhere.
async fn confirm(request: &Request, report: &mut Report) {
    let unsure = report.found.iter_mut().filter(|f| !f.confirmed && f.tls_url.is_none());
    let asking = unsure.filter(|f| network::is_private(f.address)).take(mdns::ANNOUNCED_MAX);
    let outcomes = stream::iter(asking).map(async |found| {
        let outcome = probe::ask(found.provider, SocketAddr::new(found.address, found.port), request.ports.vmix_web);
        if let Outcome::Is(identity) = outcome.await {
            found.confirm(identity);
        }
    });
    outcomes.buffer_unordered(CONNECTS_OPEN_MAX).collect::<()>().await;
}

/// Networks of this machine that could be searched. Nothing is suggested where the system does not say.
fn own_networks() -> Vec<String> {
    let of = |interface: if_addrs::Interface| match interface.addr {
        if_addrs::IfAddr::V4(v4) => network::suggestion(v4.ip, v4.prefixlen),
        if_addrs::IfAddr::V6(_) => None,
    };
    let mut networks: Vec<Network> = if_addrs::get_if_addrs().unwrap_or_default().into_iter().filter_map(of).collect();
    networks.sort_unstable();
    networks.dedup();
    networks.iter().map(ToString::to_string).collect()
}
