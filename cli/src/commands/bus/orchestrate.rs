//! `bus orchestrate`: from a profile to an order that is signed once, and a run that is followed.

use super::{change, drift, follow, guarded, plan, sources};
use crate::{
    CliError,
    client::Client,
    clock,
    commands::{consent, name, optimise::amount},
    context::Context,
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use if_home::{keys, plans};
use if_profile::{Compiled, Severity};
use if_schemas::{
    CommandId, Currency, Head, KeyId, Money, Name, Order, Payload, Plan, RunOp, Salt, SigningKey, Timestamp, TraceId,
    limits::RUN_LIFE_MAX_US,
    query::{NODES, NodesAnswer},
    run::{OnConflict, Outcome, Reserve},
    time::parse_duration_us,
};
use std::{collections::BTreeMap, io::IsTerminal, path::Path};

/// How long a run may take where nothing is said, microseconds (1 h).
const WITHIN_US: i64 = 3_600_000_000;

pub fn tree(command: Command) -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    let value = |name: &'static str, shown: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(shown).help(help)
    };
    command
        .arg(value("profile", "NAME", "what to carry out: see `bus profile list`").required_unless_present("from-plan"))
        .arg(
            Arg::new("set")
                .long("set")
                .value_name("NAME=VALUE")
                .action(ArgAction::Append)
                .help("a variable of the profile; may be repeated"),
        )
        .arg(flag("plan", "show what would be done and what it may cost; nothing happens"))
        .arg(value("out", "FILE", "with --plan: save the plan, if all of it could run").requires("plan"))
        .arg(
            value(
                "from-plan",
                "FILE",
                "carry out a saved plan as it is; refused if what it looks at has changed since",
            )
            .conflicts_with_all(["profile", "set", "plan"]),
        )
        .arg(flag("force", "with --from-plan: also if it has changed").requires("from-plan"))
        .arg(value("max-cost", "AMOUNT", "most that the run may cost, worst case, major units: 5"))
        .arg(value("currency", "CODE", "currency of --max-cost [default: USD]"))
        .arg(
            value("reserve", "WHEN", "reserve the worst case of the whole run, or of each step when its turn comes")
                .value_parser(["run", "step"])
                .default_value("run"),
        )
        .arg(
            value("on-conflict", "HOW", "where another run writes to the same instances")
                .value_parser(["wait", "refuse", "preempt"])
                .default_value("wait"),
        )
        .arg(value("within", "TIME", "how long the run may take: 30m [default: 1h]"))
        .arg(value("session", "NAME", "what its spending belongs to"))
        .arg(value("on", "NODE", "the worker node that carries it out [default: the first that is alive]"))
        .arg(flag("yes", "do not ask before it begins").short('y'))
        .arg(flag("detach", "do not follow it: print its id"))
}

/// What the command line says, beside the profile.
struct Wanted {
    profile: Option<Name>,
    max_cost: Option<Money>,
    reserve: Reserve,
    on_conflict: OnConflict,
    within_us: i64,
    session: Option<Name>,
    node: Option<Name>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            profile: None,
            max_cost: None,
            reserve: Reserve::Run,
            on_conflict: OnConflict::Wait,
            within_us: WITHIN_US,
            session: None,
            node: None,
        }
    }
}

pub fn run(context: &Context, m: &ArgMatches) -> Result<(), CliError> {
    let wanted = wanted(m)?;
    let home = context.home()?;
    let config = context.config(&home)?;
    let key = keys::read(&config.witness.signing_key)?;
    let path = |id: &str| m.get_one::<String>(id).map(Path::new);
    let saved = path("from-plan").map(plans::read).transpose()?;
    let vars = sources::given(m)?;
    let (detach, plan_only) = (m.get_flag("detach"), m.get_flag("plan") || context.globals.dry_run);
    context.block_on(async {
        let mut client = context.connect(&home, &config).await?;
        let plan = match (&saved, &wanted.profile) {
            (Some((plan, state)), _) => {
                drift::check(context, &mut client, (plan, state), m.get_flag("force")).await?;
                plan.clone()
            }
            (None, Some(profile)) => compiled(context, &mut client, &key, (profile, &vars)).await?,
            (None, None) => return Err(CliError::usage("nothing to carry out", "say --profile NAME")),
        };
        if plan_only {
            return plan::show(context, &mut client, &key, &plan, path("out")).await;
        }
        let order = of(&mut client, &wanted, &plan).await?;
        if !m.get_flag("yes") && !agreed(context, &plan, &order)? {
            return Err(CliError::usage("nothing was begun", "--plan shows what it would do"));
        }
        let signing = (&key, context.deadline_us(&config));
        let (run, trace, head) = submit(context, &mut client, signing, &plan, order).await?;
        if detach {
            return follow::begun(context, run, trace, head);
        }
        follow::to_the_end(context, &mut client, run, &[Outcome::Succeeded]).await
    })
}

/// The plan of a profile, against the instances there are now.
pub async fn compiled(
    context: &Context<'_>,
    client: &mut Client,
    key: &SigningKey,
    (profile, vars): (&Name, &BTreeMap<String, String>),
) -> Result<Plan, CliError> {
    let home = context.home()?;
    let mut instances = sources::live_instances(client).await?;
    instances.extend(sources::own_instances(&home, &context.catalog.providers())?);
    let compiled = sources::compiled(context, profile, &sources::load(&home)?, vars, &instances)?;
    let Compiled { mut plan, warnings } = compiled.map_err(|problems| sources::refused(profile, &problems))?;
    for warning in warnings.iter().filter(|p| p.severity == Severity::Warning) {
        context.out.warning(&warning.to_string());
    }
    guarded::set(client, key, &mut plan).await?;
    Ok(plan)
}

/// Orders a plan that was made here, as `bus orchestrate` would without more being said, and follows it.
pub fn order(context: &Context, mut plan: Plan, node: Option<Name>) -> Result<(), CliError> {
    let home = context.home()?;
    let config = context.config(&home)?;
    let key = keys::read(&config.witness.signing_key)?;
    context.block_on(async {
        let mut client = context.connect(&home, &config).await?;
        guarded::set(&mut client, &key, &mut plan).await?;
        let order = of(&mut client, &Wanted { node, ..Wanted::default() }, &plan).await?;
        let (run, trace, head) =
            submit(context, &mut client, (&key, context.deadline_us(&config)), &plan, order).await?;
        if context.globals.no_wait {
            return follow::begun(context, run, trace, head);
        }
        follow::to_the_end(context, &mut client, run, &[Outcome::Succeeded]).await
    })
}

async fn submit(
    context: &Context<'_>,
    client: &mut Client,
    (key, deadline_us): (&SigningKey, i64),
    plan: &Plan,
    order: Order,
) -> Result<(CommandId, TraceId, Head), CliError> {
    let payload = Payload::new(plan, Salt(clock::random()?))?;
    let trace = context.globals.trace.map_or_else(|| clock::random().map(TraceId::from_bytes), Ok)?;
    let signed = change::Signing { key, trace, deadline_us };
    let (run, head) = signed.submit(client, RunOp::Start(order), Some(payload)).await?;
    Ok((run, trace, head))
}

fn wanted(m: &ArgMatches) -> Result<Wanted, CliError> {
    let text = |id: &str| m.get_one::<String>(id).map(String::as_str);
    let named = |id: &'static str| text(id).map(|t| name(id, t)).transpose();
    let within_us = match text("within") {
        None => WITHIN_US,
        Some(text) => {
            let us = parse_duration_us(text).ok().filter(|us| (1..=RUN_LIFE_MAX_US).contains(us));
            us.ok_or_else(|| {
                CliError::usage(format!("--within: {text:?} is no such time"), "like 30m or 8h, at most 168h")
            })?
        }
    };
    Ok(Wanted {
        profile: text("profile").map(|t| name("profile name", t)).transpose()?,
        max_cost: max_cost(m)?,
        reserve: if text("reserve") == Some("step") { Reserve::Step } else { Reserve::Run },
        on_conflict: match text("on-conflict") {
            Some("refuse") => OnConflict::Refuse,
            Some("preempt") => OnConflict::Preempt,
            _ => OnConflict::Wait,
        },
        within_us,
        session: named("session")?,
        node: named("on")?,
    })
}

fn max_cost(m: &ArgMatches) -> Result<Option<Money>, CliError> {
    let currency = m.get_one::<String>("currency").map(|c| amount::currency("--currency", c)).transpose()?;
    let limit = m.get_one::<String>("max-cost");
    limit.map(|text| amount::major("--max-cost", text, currency.unwrap_or(Currency::USD))).transpose()
}

async fn of(client: &mut Client, wanted: &Wanted, plan: &Plan) -> Result<Order, CliError> {
    let tree = plan.tree()?;
    let now: Timestamp = clock::now();
    Ok(Order {
        profile: plan.profile.clone(),
        delegate: delegate(client, wanted.node.as_ref()).await?,
        until: now.saturating_add_us(wanted.within_us),
        root: tree.root,
        steps: u32::try_from(plan.steps.len()).unwrap_or(u32::MAX),
        writes: plan.writes().into_iter().collect(),
        on_conflict: wanted.on_conflict,
        max_cost: wanted.max_cost,
        reserve: wanted.reserve,
        session: wanted.session.clone(),
        cause: None,
    })
}

/// A person at the terminal is asked; a script has said what it wants by its command line.
fn agreed(context: &Context, plan: &Plan, order: &Order) -> Result<bool, CliError> {
    if !std::io::stdin().is_terminal() {
        return Ok(true);
    }
    for step in plan.steps.iter().filter(|step| step.skip.is_none()) {
        context.out.note(&format!("  {:<24} {}", step.id, super::plan::command(step)));
    }
    let writes: Vec<String> = order.writes.iter().map(ToString::to_string).collect();
    let cap = order.max_cost.map(|cap| format!(", for at most {cap}")).unwrap_or_default();
    let question = format!("{}: {} steps on {}{cap}. Begin?", plan.profile, plan.steps.len(), writes.join(", "));
    consent::given(context, &question, "say --yes")
}

/// The key of the node that is to carry it out.
async fn delegate(client: &mut Client, node: Option<&Name>) -> Result<KeyId, CliError> {
    let nodes: NodesAnswer = client.query(NODES).await?;
    let found = nodes.nodes.iter().find(|n| node.is_none_or(|wanted| n.node == *wanted));
    found.map(|n| n.key_id).ok_or_else(|| {
        let what = node.map_or("no worker node is alive".to_string(), |n| format!("no live node is called {n}"));
        CliError::new(crate::Exit::Rejected, what).code("no_worker").hint("see `ifctl node list`")
    })
}
