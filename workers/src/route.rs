//! Main and backup: which of two instances a command begins on, and when it is given up on the first.

use crate::{
    execute::{NotBegun, connected},
    node::Node,
    session::Session,
    state::Mirrored,
};
use futures::future::{Either, select};
use if_engine::Adapter;
use if_home::instances::Backup;
use if_schemas::{Name, RouteMode, outcome::Failure, presence::InstanceState};
use std::{
    collections::BTreeMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Semaphore, time::Instant};
use tokio_util::task::AbortOnDropHandle;

pub mod verdict;

/// Longest wait for a main instance that is connecting, and longest silence of one that executes before it is asked
/// whether it is there. With [`HEALTH_LIMIT`] well below the second that a failover may take.
pub const FAILOVER_AFTER: Duration = Duration::from_millis(500);
/// Longest answer to that question.
pub const HEALTH_LIMIT: Duration = Duration::from_millis(300);
/// How long an adapter may still say what became of a command once its connection is lost.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// Longest wait of a command that goes to the backup for those before it to be there or done: as long as it takes to
/// find out that they have to.
pub const LINE_MAX: Duration = Duration::from_millis(800);

/// Codes of adapters for a connection that is not there (any more).
const LOST: [&str; 4] = ["unreachable", "disconnected", "lost_after_send", "not_sent"];

/// What is needed to execute on an instance.
#[derive(Clone)]
pub struct Seat {
    pub session: Session,
    pub mirrored: Mirrored,
    /// Commands executing at once.
    pub running: Arc<Semaphore>,
}

/// The seats of all instances of this node, as they are now. An instance that is started anew has another one.
#[derive(Clone, Default)]
pub struct Seats(Arc<Mutex<BTreeMap<(Name, Name), Seat>>>);

impl Seats {
    pub fn replace(&self, seats: BTreeMap<(Name, Name), Seat>) {
        *self.table() = seats;
    }
    fn find(&self, provider: &Name, instance: &Name) -> Option<Seat> {
        self.table().get(&(provider.clone(), instance.clone())).cloned()
    }
    fn table(&self) -> MutexGuard<'_, BTreeMap<(Name, Name), Seat>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The backup of an instance. Its seat is looked up whenever it is needed.
pub struct Reserve {
    pub backup: Backup,
    pub provider: Name,
    pub seats: Seats,
    pub node: Arc<Node>,
}

impl Reserve {
    pub fn name(&self) -> &Name {
        &self.backup.instance
    }

    fn seat(&self) -> Result<Seat, Failure> {
        let (provider, name) = (&self.provider, self.name());
        let fail =
            |code: &str, message: String, hint: &str| Failure { code: code.into(), message, hint: Some(hint.into()) };
        let trust = self.node.trust.current();
        let allowed = trust.is_some_and(|v| v.trust.authorize_worker(&self.node.key.id(), provider, name).is_ok());
        if !allowed {
            let message = format!("this node may not serve {provider}/{name}");
            return Err(fail("not_allowed", message, "grant it the instance: ifctl trust --help"));
        }
        let message = || format!("this node does not serve {provider}/{name}");
        self.seats.find(provider, name).ok_or_else(|| fail("not_served", message(), "see `ifctl node list`"))
    }

    /// Ready to execute. Waits while it is connecting, at most until `until`.
    pub async fn ready(&self, until: Instant) -> Result<Ready, NotBegun> {
        let seat = self.seat().map_err(NotBegun::Unavailable)?;
        ready(&seat, until).await
    }

    /// Why nothing was sent there.
    pub fn code(&self) -> String {
        self.seat().map_or_else(|failure| failure.code, |seat| state(&seat))
    }

    /// Whether both get the command, where nobody pays for it twice. What only asks is answered by one of the two.
    pub fn mirrors(&self, reads: bool, paid: bool) -> bool {
        self.backup.mode == RouteMode::Mirror && !reads && !paid
    }
}

/// State of an instance that nothing was sent to, as the code of a leg.
pub fn state(seat: &Seat) -> String {
    match seat.session.snapshot().state {
        // Connected, but it did not answer in time, or has become so only now.
        InstanceState::Ok => "silent".into(),
        other => other.as_str().into(),
    }
}

/// A connected instance.
pub struct Ready {
    pub seat: Seat,
    pub adapter: Arc<dyn Adapter>,
    pub simulated: bool,
}

async fn ready(seat: &Seat, until: Instant) -> Result<Ready, NotBegun> {
    let (adapter, simulated) = connected(&seat.session, until).await?;
    Ok(Ready { seat: seat.clone(), adapter, simulated })
}

/// Where a command begins.
pub enum Begin {
    Main(Ready),
    Backup(Ready),
    Both(Ready, Ready),
}

impl Begin {
    pub fn simulated(&self) -> bool {
        match self {
            Begin::Main(ready) | Begin::Backup(ready) => ready.simulated,
            Begin::Both(main, backup) => main.simulated || backup.simulated,
        }
    }
}

/// Decides where to begin: nothing was sent yet, so either is right whatever the effect. What runs `once` stays where it
/// began, so a main instance that is connected and silent is found out before.
pub async fn choose(
    main: &Seat,
    reserve: Option<&Reserve>,
    mirrors: bool,
    once: bool,
    deadline: Instant,
) -> Result<Begin, NotBegun> {
    let Some(reserve) = reserve else { return ready(main, deadline).await.map(Begin::Main) };
    // A short deadline must leave time to execute.
    let soon = Instant::now() + FAILOVER_AFTER.min(deadline.saturating_duration_since(Instant::now()) / 2);
    let found = if mirrors {
        match tokio::join!(ready(main, soon), reserve.ready(soon)) {
            (Ok(main), Ok(backup)) => Some(Begin::Both(main, backup)),
            (Ok(main), Err(_)) => Some(Begin::Main(main)),
            (Err(_), Ok(backup)) => Some(Begin::Backup(backup)),
            (Err(_), Err(_)) => None,
        }
    } else {
        match ready(main, soon).await {
            Ok(main) if once && !answers(&main).await => Some(match reserve.ready(soon).await {
                Ok(backup) => Begin::Backup(backup),
                Err(_) => Begin::Main(main),
            }),
            Ok(main) => Some(Begin::Main(main)),
            Err(_) => None,
        }
    };
    match found {
        Some(begin) => Ok(begin),
        None => first(main, reserve, deadline).await,
    }
}

/// Is it there, as far as it says so in time?
async fn answers(ready: &Ready) -> bool {
    let adapter = ready.adapter.clone();
    // A task of its own, so that a panic of the adapter ends there.
    let check = AbortOnDropHandle::new(tokio::spawn(async move { adapter.health_check().await }));
    matches!(tokio::time::timeout(HEALTH_LIMIT, check).await, Ok(Ok(Ok(_))))
}

/// Whichever is connected first, the main instance before the backup.
async fn first(main: &Seat, reserve: &Reserve, deadline: Instant) -> Result<Begin, NotBegun> {
    let (main, backup) = (pin!(ready(main, deadline)), pin!(reserve.ready(deadline)));
    match select(main, backup).await {
        Either::Left((Ok(main), _)) => Ok(Begin::Main(main)),
        Either::Left((Err(why), backup)) => {
            backup.await.map(Begin::Backup).map_err(|other| neither(why, other, reserve.name()))
        }
        Either::Right((Ok(backup), _)) => Ok(Begin::Backup(backup)),
        Either::Right((Err(other), main)) => {
            main.await.map(Begin::Main).map_err(|why| neither(why, other, reserve.name()))
        }
    }
}

/// Why neither began: in the main instance's words, with what the backup said.
fn neither(main: NotBegun, backup: NotBegun, name: &Name) -> NotBegun {
    let said = match backup {
        NotBegun::Unavailable(failure) => failure.message,
        NotBegun::Expired(message) => message,
    };
    let with = |message: String| format!("{message}; backup {name}: {said}");
    match main {
        NotBegun::Unavailable(f) => NotBegun::Unavailable(Failure { message: with(f.message), ..f }),
        NotBegun::Expired(message) => NotBegun::Expired(with(message)),
    }
}

/// Resolves once an instance that executes is found to be gone or silent, with which of the two.
pub async fn lost(ready: &Ready) -> &'static str {
    let mut watch = ready.seat.session.watch();
    loop {
        // Its sender lives as long as the session: without one there is no connection either.
        let gone = async { watch.wait_for(|now| now.state != InstanceState::Ok).await.map(drop) };
        if tokio::time::timeout(FAILOVER_AFTER, gone).await.is_ok() {
            tokio::time::sleep(LAST_WORDS).await;
            return "disconnected";
        }
        if !answers(ready).await {
            return "silent";
        }
    }
}

/// Did a failure come of a connection that is not there?
pub fn is_lost(code: &str, seat: &Seat) -> bool {
    LOST.contains(&code) || seat.session.snapshot().state != InstanceState::Ok
}
