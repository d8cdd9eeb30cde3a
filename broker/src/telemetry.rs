//! Prometheus metrics and `/healthz` on a loopback HTTP port.

use crate::BrokerError;
use axum::{Router, extract::State, http::StatusCode, routing::get};
use prometheus::{
    Encoder, Histogram, HistogramOpts, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio_util::sync::CancellationToken;

/// Seconds; from a fast NVMe commit to a disk in trouble.
const COMMIT_BUCKETS: [f64; 12] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0];

/// What the sums of every budget are, in micro-units of its currency.
struct BudgetGauges {
    limit: IntGaugeVec,
    available: IntGaugeVec,
    reserved: IntGaugeVec,
    posted: IntGaugeVec,
}

impl BudgetGauges {
    fn new(registry: &Registry) -> Result<Self, BrokerError> {
        let gauge = |what: &str| -> Result<IntGaugeVec, BrokerError> {
            let (name, help) = (format!("if_budget_{what}_micros"), format!("Sum {what} of a budget, micro-units."));
            let metric = IntGaugeVec::new(Opts::new(name, help), &["scope", "period", "currency"])?;
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        };
        let (limit, available, reserved, posted) =
            (gauge("limit")?, gauge("available")?, gauge("reserved")?, gauge("posted")?);
        Ok(Self { limit, available, reserved, posted })
    }
}

pub struct Metrics {
    registry: Registry,
    /// `verdict`: accepted, rejected.
    pub commands: IntCounterVec,
    /// `code`: see `docs/errors`.
    pub rejects: IntCounterVec,
    /// `status` of settled commands.
    pub results: IntCounterVec,
    pub in_flight: IntGauge,
    pub log_index: IntGauge,
    /// `queue`: ingress, sequencer, outbox.
    pub queue_depth: IntGaugeVec,
    /// Seconds from the first entry of a batch decided to its fsync done.
    pub commit_seconds: Histogram,
    pub nodes: IntGauge,
    /// Alerts of budgets, by `percent` of the limit.
    pub budget_alerts: IntCounterVec,
    budgets: BudgetGauges,
    healthy: AtomicBool,
}

impl Metrics {
    pub fn new() -> Result<Self, BrokerError> {
        let registry = Registry::new();
        let vec = |name: &str, help: &str, label: &str| -> Result<IntCounterVec, BrokerError> {
            let metric = IntCounterVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        };
        let gauge = |name: &str, help: &str| -> Result<IntGauge, BrokerError> {
            let metric = IntGauge::new(name, help)?;
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        };
        let commands = vec("if_commands_total", "Submissions answered, by verdict.", "verdict")?;
        let rejects = vec("if_rejects_total", "Submissions refused, by code.", "code")?;
        let results = vec("if_results_total", "Commands settled, by final status.", "status")?;
        let in_flight = gauge("if_inflight", "Commands admitted and not yet settled.")?;
        let log_index = gauge("if_log_index", "Index of the newest durable entry.")?;
        let nodes = gauge("if_nodes", "Worker nodes heard from lately.")?;
        let queue_depth = IntGaugeVec::new(Opts::new("if_queue_depth", "Messages waiting, by queue."), &["queue"])?;
        registry.register(Box::new(queue_depth.clone()))?;
        let options =
            HistogramOpts::new("if_commit_seconds", "Time to make one batch durable.").buckets(COMMIT_BUCKETS.to_vec());
        let commit_seconds = Histogram::with_opts(options)?;
        registry.register(Box::new(commit_seconds.clone()))?;
        let budget_alerts = vec("if_budget_alerts_total", "Thresholds reached by budgets, by percent.", "percent")?;
        let budgets = BudgetGauges::new(&registry)?;
        for percent in if_schemas::finance::ALERT_PERCENT {
            budget_alerts.with_label_values(&[percent.to_string().as_str()]);
        }
        // From zero, so that the first refusal of each kind is an increase.
        for code in if_schemas::Code::ALL {
            rejects.with_label_values(&[code.as_str()]);
        }
        let healthy = AtomicBool::new(false);
        Ok(Self {
            registry,
            commands,
            rejects,
            results,
            in_flight,
            log_index,
            queue_depth,
            commit_seconds,
            nodes,
            budget_alerts,
            budgets,
            healthy,
        })
    }

    /// The sums of every budget; those of budgets that are gone are shown no more.
    pub fn show_budgets(&self, budgets: &if_core::Budgets) {
        let gauges = &self.budgets;
        for gauge in [&gauges.limit, &gauges.available, &gauges.reserved, &gauges.posted] {
            gauge.reset();
        }
        for account in budgets.accounts() {
            let budget = account.budget();
            let (scope, period) = (budget.key.scope.to_string(), budget.key.period.as_str());
            let labels = [scope.as_str(), period, budget.limit.currency.as_str()];
            gauges.limit.with_label_values(&labels).set(budget.limit.amount_micros);
            gauges.available.with_label_values(&labels).set(account.available().amount_micros);
            gauges.reserved.with_label_values(&labels).set(account.reserved().amount_micros);
            gauges.posted.with_label_values(&labels).set(account.posted().amount_micros);
        }
    }

    pub fn set_healthy(&self, healthy: bool) {
        self.healthy.store(healthy, Ordering::Relaxed);
    }

    fn render(&self) -> Result<String, prometheus::Error> {
        let mut out = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut out)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }
}

/// Serves until shutdown. Refuses to listen anywhere but on loopback: the page is not authenticated.
pub async fn serve(
    address: SocketAddr,
    shared: Arc<crate::shared::Shared>,
    shutdown: CancellationToken,
) -> Result<SocketAddr, BrokerError> {
    if !address.ip().is_loopback() {
        return Err(BrokerError::Config {
            what: format!("the metrics address {address} is not a loopback address"),
            hint: "use 127.0.0.1 and let a local agent collect the metrics".into(),
        });
    }
    let io = |source| BrokerError::Io { what: format!("the metrics address {address} cannot be used"), source };
    let listener = tokio::net::TcpListener::bind(address).await.map_err(io)?;
    let bound = listener.local_addr().map_err(io)?;
    let app = Router::new().route("/metrics", get(metrics)).route("/healthz", get(healthz)).with_state(shared);
    tokio::spawn(async move {
        let served = axum::serve(listener, app).with_graceful_shutdown(shutdown.cancelled_owned()).await;
        if let Err(error) = served {
            tracing::error!(%error, "the metrics page stopped");
        }
    });
    Ok(bound)
}

async fn metrics(State(shared): State<Arc<crate::shared::Shared>>) -> Result<String, (StatusCode, String)> {
    shared.metrics.render().map_err(|e| (StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))
}

async fn healthz(State(shared): State<Arc<crate::shared::Shared>>) -> (StatusCode, &'static str) {
    match shared.metrics.healthy.load(Ordering::Relaxed) {
        true => (StatusCode::OK, "ok\n"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not connected to NATS, or the log is closed\n"),
    }
}
