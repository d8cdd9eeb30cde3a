//! A vMix simulator that behaves as vMix was seen to behave, the inconvenient parts above all: the greeting nobody
//! asked for, bodies counted in bytes, pushes between a request and its reply, `FUNCTION OK` for anything at all, and
//! effects that come after the answer. It says it is a simulator in its `<edition>`.
//!
//! ```no_run
//! use if_harness::vmix::{Fault, FunctionFault, SimOptions, VmixSim};
//! let sim = VmixSim::start(SimOptions::default()).unwrap();
//! sim.set_fault(Fault::Function(FunctionFault::Ignored));
//! println!("{} {} {:?}", sim.tcp_addr, sim.http_addr, sim.received());
//! ```

mod fault;
mod function;
mod http;
mod model;
mod shared;
mod tcp;
mod told;
mod wire;
mod xml;

pub use fault::{Fault, Faults, FunctionFault, WireFault, XmlFault};
pub use function::{Function, Received};
pub use model::{BUSSES, Input, Model, NewInput, OVERLAYS, Ptz, Replay};
pub use xml::EDITION;

use shared::{Observer, Shared};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};
use tokio::sync::oneshot;

/// Most inputs, as in vMix.
pub const INPUTS_MAX: usize = 1_000;

/// How a simulator is set up.
#[derive(Debug, Clone)]
pub struct SimOptions {
    /// 0 is any free port.
    pub tcp_port: u16,
    /// 0 is any free port.
    pub http_port: u16,
    /// Number of inputs, at most [`INPUTS_MAX`].
    pub inputs: usize,
    /// How long after the answer a function takes effect.
    pub delay: Duration,
    pub version: String,
    /// Input number on program at the start; 0 is none.
    pub program: usize,
    /// Input number on preview at the start; 0 is none.
    pub preview: usize,
    /// Push to subscribers between every request and its reply.
    pub interleave: bool,
    /// Write in pieces of this many bytes.
    pub chunk_bytes: Option<usize>,
    /// Faults from the start.
    pub faults: Faults,
}

impl Default for SimOptions {
    fn default() -> Self {
        Self {
            tcp_port: 0,
            http_port: 0,
            inputs: 4,
            delay: Duration::from_millis(40),
            version: "29.0.0.49".into(),
            program: 1,
            preview: 2,
            interleave: true,
            chunk_bytes: None,
            faults: Faults::default(),
        }
    }
}

/// A running simulator on loopback, on a thread of its own. Stops when dropped.
pub struct VmixSim {
    pub tcp_addr: SocketAddr,
    pub http_addr: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl VmixSim {
    /// Binds both ports and serves. Errors: a port is taken, `inputs` is over [`INPUTS_MAX`].
    pub fn start(options: SimOptions) -> io::Result<Self> {
        Self::start_with(options, |_| {})
    }

    /// The same, calling `observer` with every function received.
    pub fn start_with(options: SimOptions, observer: impl Fn(&Received) + Send + Sync + 'static) -> io::Result<Self> {
        if options.inputs > INPUTS_MAX {
            let message = format!("{} inputs: vMix has at most {INPUTS_MAX}", options.inputs);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let tcp = bind(options.tcp_port)?;
        let http = bind(options.http_port)?;
        let (tcp_addr, http_addr) = (tcp.local_addr()?, http.local_addr()?);
        let observer: Observer = Box::new(observer);
        let shared = Arc::new(Shared::new(options, observer));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let (tcp, http) = {
            // Registering a socket needs the runtime's reactor at hand.
            let _guard = runtime.enter();
            (tokio::net::TcpListener::from_std(tcp)?, tokio::net::TcpListener::from_std(http)?)
        };
        let serving = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("if-sim-vmix".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    // An order to stop, or the handle gone: the same.
                    _ = stopped => {}
                    () = accept(tcp, Arc::clone(&serving), tcp::serve) => {}
                    () = accept(http, serving, http::serve) => {}
                }
            });
            // Connections end with the runtime.
        })?;
        Ok(Self { tcp_addr, http_addr, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Functions received so far, oldest first.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received()
    }

    /// Waits until `count` functions have been received; false if that does not happen within `limit`.
    pub async fn wait_received(&self, count: u64, limit: Duration) -> bool {
        let mut arrived = self.shared.arrived.subscribe();
        tokio::time::timeout(limit, arrived.wait_for(|n| *n >= count)).await.is_ok_and(|seen| seen.is_ok())
    }

    /// Waits until the model is as `wanted` has it; false if that does not happen within `limit`.
    pub async fn wait_model(&self, limit: Duration, wanted: impl Fn(&Model) -> bool) -> bool {
        let mut changed = self.shared.changed.subscribe();
        let seen = async {
            while !wanted(&self.shared.model()) {
                if changed.changed().await.is_err() {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(limit, seen).await.unwrap_or(false)
    }

    pub fn set_fault(&self, fault: Fault) {
        self.shared.change_faults(|faults| faults.set(fault));
    }

    /// Takes all faults away.
    pub fn clear_faults(&self) {
        self.shared.change_faults(|faults| *faults = Faults::default());
    }

    /// Closes every connection now; new ones are accepted.
    pub fn drop_connections(&self) {
        self.shared.dropped.send_modify(|n| *n += 1);
    }

    /// What is on program, preview and the rest.
    pub fn model(&self) -> Model {
        self.shared.model()
    }

    /// Somebody at the desk: changes the model at once and pushes it to subscribers.
    pub fn operate(&self, change: impl FnOnce(&mut Model)) {
        self.shared.change(change);
    }
}

impl Drop for VmixSim {
    fn drop(&mut self) {
        // An error means it has stopped already.
        let _ = self.stop.take().map(|stop| stop.send(()));
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            eprintln!("the vMix simulator panicked");
        }
    }
}

fn bind(port: u16) -> io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .map_err(|e| io::Error::new(e.kind(), format!("cannot listen on 127.0.0.1:{port}: {e}")))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves every connection in a task of its own.
async fn accept<F>(
    listener: tokio::net::TcpListener,
    shared: Arc<Shared>,
    serve: fn(tokio::net::TcpStream, Arc<Shared>) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream, Arc::clone(&shared)))),
            // Out of descriptors, or a client gone before it was accepted: let others make room.
            Err(_) => tokio::task::yield_now().await,
        }
    }
}
