//! The worker is killed at every step of a charge, against a server that ignores idempotency keys: at most one charge
//! exists, and the status is true.

use anyhow::{Context, Result, bail, ensure};
use if_harness::{fabric::Fabric, peers::LocalStripe};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

/// How long anything here may take to come to the next step.
const PATIENCE: Duration = Duration::from_secs(30);
const MESSAGE_MAX_BYTES: usize = 1 << 20;

/// Where in the exchange the worker dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The head of the request has arrived, nothing of it went on.
    Head,
    /// The whole request has arrived, nothing of it went on.
    Request,
    /// The charge was made, its answer did not come back.
    Charged,
    /// The answer came back.
    Answered,
}

const STEPS: [Step; 4] = [Step::Head, Step::Request, Step::Charged, Step::Answered];

#[test]
#[ignore = "needs localstripe: make test-peers"]
fn a_charge_happens_at_most_once_whenever_the_worker_dies() -> Result<()> {
    let stripe = LocalStripe::start()?;
    let (customer, card) = stripe.customer_with_card("4242424242424242")?;
    let proxy = Proxy::start(stripe.url().trim_start_matches("http://").parse()?)?;
    let mut fabric = Fabric::up()?;
    let base_url = format!("http://{}", proxy.address);
    let add = ["payment", "add", "stripe", "mypayments", "--secret-key", stripe.key(), "--currency", "usd"];
    let more = ["--customer", &customer, "--payment-method", &card, "--base-url", &base_url];
    fabric.run(&[&add[..], &more[..]].concat())?.expect(0)?;
    for step in STEPS {
        fabric.wait_instance("stripe", "mypayments", "ok")?;
        let before = stripe.charges()?.len();
        let status = charge_and_kill(&fabric, &proxy, step).with_context(|| format!("{step:?}"))?;
        let made = stripe.charges()?.len() - before;
        let expected = usize::from(matches!(step, Step::Charged | Step::Answered));
        ensure!(made == expected, "{step:?}: {made} charges instead of {expected}, status {status}");
        let is_true = match made {
            0 => status != "succeeded",
            _ => ["succeeded", "indeterminate"].contains(&status.as_str()),
        };
        ensure!(is_true, "{step:?}: {made} charges, but the status is {status}");
    }
    fabric.run(&["witness", "verify"])?.expect(0)?;
    let budgets = fabric.json(&["status"])?;
    ensure!(budgets["in_flight"] == 0, "something is still in flight: {budgets}");
    fabric.stop()
}

/// The status the command ends with.
fn charge_and_kill(fabric: &Fabric, proxy: &Proxy, step: Step) -> Result<String> {
    let (reached, go) = proxy.arm(step);
    let mut command = fabric.command("if");
    command.args(["payment", "charge", "stripe", "mypayments", "--amount", "1000", "--deadline", "8s", "--json"]);
    let charging = thread::spawn(move || command.output());
    reached.recv_timeout(PATIENCE).context("the charge never got there")?;
    fabric.kill_9("worker")?;
    go.send(()).context("the proxy waits")?;
    let output = charging.join().map_err(|_| anyhow::anyhow!("the command panicked"))??;
    let document: serde_json::Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("no document: {}", String::from_utf8_lossy(&output.stderr)))?;
    document["status"].as_str().map(str::to_string).context("no status")
}

struct Armed {
    step: Step,
    reached: Sender<()>,
    go: Receiver<()>,
}

type Trap = Arc<Mutex<Option<Armed>>>;

/// Stands between the engine and the server. Everything passes but the first charge after it was armed.
struct Proxy {
    address: SocketAddr,
    trap: Trap,
}

impl Proxy {
    fn start(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let trap = Trap::default();
        let armed = trap.clone();
        // Ends with the process: it holds nothing but sockets.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let armed = armed.clone();
                thread::spawn(move || {
                    // A client that goes away ends its connection, nothing else.
                    let _ = serve(client, server, &armed);
                });
            }
        });
        Ok(Self { address, trap })
    }

    fn arm(&self, step: Step) -> (Receiver<()>, Sender<()>) {
        let (reached, reached_at) = channel();
        let (go, go_at) = channel();
        *lock(&self.trap) = Some(Armed { step, reached, go: go_at });
        (reached_at, go)
    }
}

fn lock(trap: &Trap) -> std::sync::MutexGuard<'_, Option<Armed>> {
    trap.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(mut client: TcpStream, server: SocketAddr, trap: &Trap) -> Result<()> {
    loop {
        let begin = head(&mut client)?;
        let armed = if begin.starts_with(b"POST /v1/payment_intents") { lock(trap).take() } else { None };
        let wait = |step: Step| {
            let Some(armed) = armed.as_ref().filter(|a| a.step == step) else { return Ok(false) };
            armed.reached.send(())?;
            armed.go.recv_timeout(PATIENCE)?;
            anyhow::Ok(true)
        };
        if wait(Step::Head)? {
            return Ok(());
        }
        let request = whole(&mut client, begin)?;
        if wait(Step::Request)? {
            return Ok(());
        }
        let mut upstream = TcpStream::connect(server)?;
        upstream.write_all(&request)?;
        let start = head(&mut upstream)?;
        let answer = whole(&mut upstream, start)?;
        if wait(Step::Charged)? {
            return Ok(());
        }
        client.write_all(&answer)?;
        if wait(Step::Answered)? {
            return Ok(());
        }
    }
}

/// Bytes up to the empty line.
fn head(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(b"\r\n\r\n") {
        ensure!(bytes.len() < MESSAGE_MAX_BYTES, "a head without end");
        if stream.read(&mut byte)? == 0 {
            bail!("the connection ended");
        }
        bytes.push(byte[0]);
    }
    Ok(bytes)
}

/// The message that begins with `head`; its length is in the head.
fn whole(stream: &mut TcpStream, head: Vec<u8>) -> Result<Vec<u8>> {
    let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = text.lines().find_map(|l| l.strip_prefix("content-length:")).map(|l| l.trim().parse::<usize>());
    let length = length.transpose()?.unwrap_or(0);
    ensure!(length <= MESSAGE_MAX_BYTES, "a body of {length} bytes");
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok([head, body].concat())
}
