//! The live state of instances, as nodes announce it. Never worth failing for: a file operation succeeds without it.

use crate::{client::Client, clock, context::Context};
use if_home::Home;
use if_manifest::ProviderSpec;
use if_schemas::{
    Name, Timestamp,
    presence::InstanceState,
    query::{self, NodesAnswer},
    subject,
};
use std::time::Duration;
use tokio::time::Instant;

/// How long a fresh instance may take to reach a state worth reporting.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(4);
/// Most time between two looks at the nodes while one settles.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// One instance as its node sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    pub provider: Name,
    pub instance: Name,
    pub node: Name,
    pub state: InstanceState,
    pub detail: Option<String>,
    pub since: Timestamp,
    pub simulated: bool,
}

/// Everything announced right now.
pub fn of_nodes(answer: NodesAnswer) -> Vec<Live> {
    let of_node = |row: query::NodeRow| {
        let node = row.node;
        row.instances.into_iter().map(move |i| Live {
            provider: i.provider,
            instance: i.instance,
            node: node.clone(),
            state: i.state,
            detail: i.detail,
            since: i.since,
            simulated: i.simulated,
        })
    };
    answer.nodes.into_iter().flat_map(of_node).collect()
}

/// All live instances; `None` if the fabric does not answer.
pub fn all(context: &Context, home: &Home) -> Option<Vec<Live>> {
    with_fabric(context, home, async |client| client.query(query::NODES).await.ok().map(of_nodes))
}

pub fn find(context: &Context, home: &Home, provider: &ProviderSpec, instance: &Name) -> Option<Live> {
    all(context, home)?.into_iter().find(|l| l.provider.as_str() == provider.id && l.instance == *instance)
}

/// Tells nodes to reread their files; false if there is no fabric to tell.
pub fn reload(context: &Context, home: &Home) -> bool {
    let told = with_fabric(context, home, async |client| {
        client.bus.publish(subject::RELOAD_ASK, Vec::new(), None).await.ok()?;
        client.bus.flush().await.ok()
    });
    told.is_some()
}

/// Tells nodes to reread their files and waits until one of them has an opinion about the instance.
/// `None`: no fabric. `Some(None)`: nobody serves it.
pub fn settle(context: &Context, home: &Home, provider: &ProviderSpec, instance: &Name) -> Option<Option<Live>> {
    let asked_at = clock::now();
    with_fabric(context, home, async |client| {
        let mut announcements = client.bus.subscribe(subject::PRESENCE).await.ok()?;
        client.query::<NodesAnswer>(query::NODES).await.ok()?;
        client.bus.publish(subject::RELOAD_ASK, Vec::new(), None).await.ok()?;
        let give_up = Instant::now() + SETTLE_TIMEOUT;
        let mut newest = None;
        while Instant::now() < give_up {
            let look_at = (Instant::now() + LOOK_INTERVAL).min(give_up);
            // Either somebody announced something or it is time to look again: both mean the same here.
            let _ = tokio::time::timeout_at(look_at, announcements.next()).await;
            let all = of_nodes(client.query(query::NODES).await.ok()?);
            newest = all.into_iter().find(|l| l.provider.as_str() == provider.id && l.instance == *instance);
            let is_settled = |l: &Live| {
                l.state != InstanceState::Connecting && (l.state == InstanceState::Ok || l.since >= asked_at)
            };
            if newest.as_ref().is_some_and(is_settled) {
                break;
            }
        }
        Some(newest)
    })
}

/// Runs `work` if this home directory has a fabric to talk to and it answers.
fn with_fabric<T>(context: &Context, home: &Home, work: impl AsyncFnOnce(&mut Client) -> Option<T>) -> Option<T> {
    let config = context.config(home).ok()?;
    let expected = home.fabric_file().exists()
        || context.globals.nats.is_some()
        || std::env::var_os(crate::context::NATS_VARIABLE).is_some()
        || config.nats.url.is_some();
    if !expected {
        return None;
    }
    let outcome = context.block_on(async {
        let mut client = context.connect(home, &config).await?;
        Ok(work(&mut client).await)
    });
    outcome.ok().flatten()
}
