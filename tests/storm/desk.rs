//! One desk: a mixer of its own, an operator who orders runs on it one after the other, and what goes wrong meanwhile.

use crate::{profile, verdict};
use anyhow::{Context, Result};
use fastrand::Rng;
use if_harness::vmix::{Fault, FunctionFault, SimOptions, VmixSim, WireFault};
use if_home::Home;
use if_orchestrator::{History, Read, open};
use if_schemas::{
    Code, CommandId, Hash, Order, Payload, RunOp, Target, TraceId, Trust, Verifier, codec,
    head::Verdict,
    query::{self, Answer, RUNS, RunEntriesAnswer, RunEntriesQuery, RunStanding, RunsAnswer},
    run::Outcome,
    subject,
};
use if_tests::{
    Client, Keys, runs,
    world::{new_command_id, new_salt, new_trace_id, now},
};
use std::{fmt::Write as _, time::Duration};

pub const DESKS: usize = 6;
/// How long a run may take, microseconds; it ends as `expired` then.
const LIFE_US: i64 = 40_000_000;
/// How long after that its end must be in the log.
const PATIENCE: Duration = Duration::from_secs(80);
/// Pause between two looks at the runs.
const LOOK: Duration = Duration::from_millis(100);
/// Longest wait for one answer while things are killed.
const ANSWER: Duration = Duration::from_millis(700);

pub struct Place {
    pub mixer: Target,
    pub noop: Target,
}

pub struct Desk {
    place: Place,
    sim: VmixSim,
    keys: Keys,
}

/// What a run may change.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    pub program: usize,
    pub overlays: Vec<usize>,
    pub muted: Vec<bool>,
    pub recording: bool,
    pub external: bool,
}

/// The instances of all desks.
pub fn write(home: &Home, desks: &[Desk]) -> Result<()> {
    let (mut mixers, mut noops) = (String::from("instances:\n"), String::from("instances:\n"));
    for desk in desks {
        let (http, tcp) = (desk.sim.http_addr.port(), desk.sim.tcp_addr.port());
        let mixer = &desk.place.mixer.instance;
        writeln!(mixers, "  {mixer}: {{host: 127.0.0.1, port: {http}, tcp_port: {tcp}}}")?;
        writeln!(noops, "  {}: {{}}", desk.place.noop.instance)?;
    }
    std::fs::write(home.providers_dir().join("vmix.yaml"), mixers)?;
    std::fs::write(home.providers_dir().join("noop.yaml"), noops)?;
    Ok(())
}

impl Desk {
    pub fn open(number: usize) -> Result<Self> {
        let sim = VmixSim::start(SimOptions::default())?;
        let place = Place { mixer: format!("vmix/d{number}").parse()?, noop: format!("noop/d{number}").parse()? };
        Ok(Self { place, sim, keys: Keys::default() })
    }

    fn look(&self) -> Look {
        let model = self.sim.model();
        Look {
            program: model.program,
            overlays: model.overlays.to_vec(),
            muted: model.inputs.iter().map(|input| input.muted).collect(),
            recording: model.recording,
            external: model.external,
        }
    }

    /// One run, from its order to its end, and everything that must be true of it then.
    pub async fn play(&self, client: &Client, seed: u64) -> Result<Outcome> {
        let mut dice = Rng::with_seed(seed);
        let text = profile::text(&mut dice, &self.place)?;
        let plan = profile::plan(text.clone(), &self.place)?;
        let before = self.look();
        let order = Order { until: now().saturating_add_us(LIFE_US), ..runs::order(&plan, self.keys.worker.id())? };
        let payload = Payload::new(&plan, new_salt())?;
        let (run, trace) = self.order(client, &order, &payload).await?;
        let (mut sky, mut mind) = (dice.fork(), dice.fork());
        let ended = async {
            tokio::join!(self.weather(&mut sky), self.mind(client, (run, trace), &mut mind));
            outcome(client, run).await
        };
        let outcome = tokio::time::timeout(PATIENCE, ended).await.with_context(|| format!("no end of\n{text}"))??;
        let history = history(client, &self.keys, run).await?;
        let story = || format!("{text}\n{before:?} -> {:?}\n{}", self.look(), verdict::story(&history));
        verdict::explained(&history, outcome).with_context(story)?;
        verdict::as_it_should_be(&history, &before, &self.look()).with_context(story)?;
        Ok(outcome)
    }

    /// Devices lie, drop what they were told, and go away for a moment.
    async fn weather(&self, dice: &mut Rng) {
        if dice.bool() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(dice.u64(0..900))).await;
        let fault = match dice.u8(0..5) {
            0 => Fault::Function(FunctionFault::Ignored),
            1 => Fault::Function(FunctionFault::Refused),
            2 => Fault::Function(FunctionFault::DropAfter),
            3 => Fault::Function(FunctionFault::DropBefore),
            _ => Fault::Wire(WireFault::Drop),
        };
        self.sim.set_fault(fault);
        if matches!(fault, Fault::Wire(_)) {
            self.sim.drop_connections();
        }
        tokio::time::sleep(Duration::from_millis(dice.u64(100..1_200))).await;
        self.sim.clear_faults();
    }

    /// Sometimes it is cancelled.
    async fn mind(&self, client: &Client, (run, trace): (CommandId, TraceId), dice: &mut Rng) {
        if dice.u8(0..6) != 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(dice.u64(0..1_200))).await;
        let op = RunOp::Cancel { run, rollback: dice.bool() };
        // It may have ended already.
        let _ = self.change(client, (new_command_id(), trace), op, None).await;
    }

    /// Ordered until it is taken: nobody tells what steps cost while the worker is gone.
    async fn order(&self, client: &Client, order: &Order, plan: &Payload) -> Result<(CommandId, TraceId)> {
        loop {
            let id = (new_command_id(), new_trace_id());
            let verdict = self.change(client, id, RunOp::Start(order.clone()), Some(plan.clone())).await?;
            match verdict {
                Verdict::Accepted => return Ok(id),
                Verdict::Rejected(reject) if reject.code == Code::NoWorker => tokio::time::sleep(LOOK).await,
                other => anyhow::bail!("{other:?}"),
            }
        }
    }

    /// The same bytes again until they are answered: whoever is killed meanwhile, it is one change.
    async fn change(
        &self,
        client: &Client,
        (id, trace): (CommandId, TraceId),
        op: RunOp,
        payload: Option<Payload>,
    ) -> Result<Verdict> {
        let deadline = now().saturating_add_us(LIFE_US);
        let bytes = runs::signed((id, trace), op, payload, &self.keys.admin, LIFE_US)?;
        while now() < deadline {
            let asked = tokio::time::timeout(ANSWER, client.send_raw(subject::RUN, bytes.clone())).await;
            let Ok(Ok(receipt)) = asked else {
                tokio::time::sleep(LOOK).await;
                continue;
            };
            return Ok(receipt.verdict);
        }
        anyhow::bail!("no receipt in time")
    }
}

async fn outcome(client: &Client, run: CommandId) -> Result<Outcome> {
    loop {
        let asked = tokio::time::timeout(ANSWER, client.query::<_, RunsAnswer>(RUNS, &())).await;
        if let Ok(Ok(answer)) = asked {
            let row = answer.runs.into_iter().find(|row| row.run == run).context("the run is not there")?;
            if let (RunStanding::Ended { outcome, .. }, true) = (row.standing, row.explained) {
                return Ok(outcome);
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The run as its log has it: only what verifies counts.
async fn history(client: &Client, keys: &Keys, run: CommandId) -> Result<History> {
    let (log, trust) = beginning(client).await?;
    let broker = Verifier::new(keys.broker.public())?;
    let (mut all, mut from): (Vec<Read>, u64) = (Vec::new(), 0);
    loop {
        let answer: RunEntriesAnswer = ask(client, query::RUN_ENTRIES, &RunEntriesQuery { run, from }).await?;
        for committed in answer.entries {
            all.push(open(committed, &log, &broker)?);
        }
        match answer.next {
            Some(next) => from = next,
            None => return Ok(History::read(run, &trust, &all, answer.head + 1)?),
        }
    }
}

/// Identity of the log, and whom it trusts.
async fn beginning(client: &Client) -> Result<(Hash, Trust)> {
    let question = query::EntriesQuery { from: 0, to: Some(0), payloads: false };
    let answer: query::EntriesAnswer = ask(client, query::ENTRIES, &question).await?;
    let bytes = answer.entries.into_iter().next().context("entry 0")?.entry;
    let if_schemas::Body::Genesis { envelope } = if_schemas::Entry::decode(&bytes)?.body else {
        anyhow::bail!("entry 0 is no genesis")
    };
    Ok((if_schemas::Entry::hash_bytes(&bytes), Trust::from_genesis(&envelope)?))
}

async fn ask<Q: serde::Serialize, A: serde::de::DeserializeOwned>(
    client: &Client,
    what: &str,
    question: &Q,
) -> Result<A> {
    let question = serde_json::to_vec(question)?;
    let give_up = tokio::time::Instant::now() + PATIENCE;
    while tokio::time::Instant::now() < give_up {
        if let Ok(bytes) = client.bus.request(&subject::query(what), question.clone(), ANSWER).await {
            match codec::decode("answer", &bytes)? {
                Answer::Ok(answer) => return Ok(answer),
                Answer::Error { message, .. } => anyhow::bail!("{message}"),
            }
        }
        tokio::time::sleep(LOOK).await;
    }
    anyhow::bail!("no answer to {what}")
}
