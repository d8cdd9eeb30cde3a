//! One instance of a plugin: its process from `connect` to `disconnect`.

use crate::{
    outcome::{outcome, unknown},
    process::{Ended, NoAnswer, Process},
    protocol::{Answer, Described, PROTOCOL_VERSION, Request, short},
    provider::Pins,
    redact::Redactor,
    sandbox::Errors,
    seal::Seal,
};
use async_trait::async_trait;
use if_engine::{
    Adapter, AdapterError, Call, Discovered, Executed, Execution, InstanceConfig, Metered, Peer, ProgressSink,
};
use if_manifest::{OperationSpec, Plugin};
use if_plugin_files::Folder;
use if_schemas::{outcome::Failure, presence::InstanceState};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Longest answers. The runtime bounds `connect` and the health check as a whole.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);
const DISCOVER_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the files of a running plugin are looked at.
const SEAL_INTERVAL: Duration = Duration::from_secs(1);
/// Most instances one answer to `discover` may name.
const DISCOVERED_MAX: usize = 256;
/// What to do about an argument that neither the command nor the instance has.
const GIVE_IT: &str = "give it with the command, or in the settings of the instance";

pub struct PluginAdapter {
    folder: Folder,
    work: PathBuf,
    config: InstanceConfig,
    seal: Seal,
    pins: Pins,
    process: Mutex<Option<Arc<Process>>>,
}

impl PluginAdapter {
    pub fn new(folder: Folder, work: PathBuf, config: InstanceConfig, pins: Pins) -> Self {
        let seal = Seal::new(folder.plugin.id.clone(), folder.dir.clone(), pins.clone());
        Self { folder, work, config, seal, pins, process: Mutex::default() }
    }

    /// The process, if one is connected.
    fn process(&self) -> Result<Arc<Process>, AdapterError> {
        let process = self.process.lock().unwrap_or_else(PoisonError::into_inner).clone();
        process.ok_or_else(|| AdapterError::new(InstanceState::Disconnected, "the plugin is not running"))
    }

    fn replace(&self, process: Option<Arc<Process>>) -> Option<Arc<Process>> {
        std::mem::replace(&mut *self.process.lock().unwrap_or_else(PoisonError::into_inner), process)
    }

    async fn ask<'a>(
        &self,
        what: &str,
        limit: Duration,
        request: impl FnOnce(u64) -> Request<'a>,
    ) -> Result<Value, AdapterError> {
        answered(self.process()?.ask(what, limit, request).await)
    }

    async fn greet(&self, process: &Process) -> Result<Peer, AdapterError> {
        let secrets = &self.config.secrets;
        let connect = |id| Request::Connect {
            id,
            instance: self.config.name.as_str(),
            settings: &self.config.settings,
            secrets: secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose())).collect(),
        };
        let answer = answered(process.ask("connect", CONNECT_TIMEOUT, connect).await)?;
        self.peer(answer)
    }

    /// Who the plugin says is there. An instance that is simulated stays so whatever the plugin says: the runtime adds it.
    fn peer(&self, answer: Value) -> Result<Peer, AdapterError> {
        #[derive(Deserialize)]
        struct Who {
            description: String,
            #[serde(default)]
            simulated: bool,
        }
        let who: Who = serde_json::from_value(answer).map_err(|e| {
            let text = format!("the plugin does not say who is there: {}", short(&e.to_string()));
            AdapterError::new(InstanceState::UnknownError, text)
        })?;
        Ok(Peer { description: short(&who.description), simulated: who.simulated })
    }

    async fn run(&self, process: &Process, call: Call, progress: ProgressSink, operation: &OperationSpec) -> Executed {
        let (effect, meter) = (operation.effect, operation.price.as_ref());
        // What was left out comes from the settings, which only the worker has.
        let args = match operation.resolve(&call.args, &self.config.settings) {
            Ok(args) => args,
            Err(error) => return Execution::failed("invalid_arguments", error.to_string(), Some(GIVE_IT)).into(),
        };
        if let Err(broken) = self.seal.check_touched().await {
            let AdapterError { message, hint, .. } = broken.into_error();
            process.end(Ended::Refused(AdapterError {
                state: InstanceState::BadConfig,
                message: message.clone(),
                hint: hint.clone(),
            }));
            return Execution::failed("bad_config", message, hint.as_deref()).into();
        }
        let request = |id| Request::Execute {
            id,
            command: call.command.to_string(),
            operation: call.operation.as_str(),
            effect,
            args: &args,
            deadline_ms: u64::try_from(call.remaining().as_millis()).unwrap_or(u64::MAX),
        };
        let without_result = |execution| Executed { execution, metered: Metered::unknown(meter.is_some()) };
        match tokio::time::timeout_at(call.deadline, process.execute(progress, request)).await {
            Ok(Ok(finished)) => outcome(finished, effect, meter),
            Ok(Err(NoAnswer::NotSent(why))) => Execution::failed("not_sent", why, Some("send it again")).into(),
            Ok(Err(NoAnswer::Ended(ended))) => without_result(unknown(effect, "plugin_ended", ended.to_string())),
            Err(_) => without_result(unknown(effect, "deadline", "the plugin had no result by the deadline".into())),
        }
    }
}

/// Asks a process who it is, and refuses one that does not say what its `plugin.yaml` says.
pub async fn describe(process: &Process, plugin: &Plugin) -> Result<Described, AdapterError> {
    let request = |id| Request::Describe { id, protocol: PROTOCOL_VERSION };
    let answer = answered(process.ask("describe", DESCRIBE_TIMEOUT, request).await)?;
    Described::agree(answer, plugin).map_err(|why| {
        AdapterError::new(InstanceState::BadConfig, format!("the plugin's answer to `describe` is wrong: {why}"))
            .hint(format!("mend the plugin, then `ifctl plugin check {}`", plugin.id))
    })
}

fn answered(answer: Result<Answer, NoAnswer>) -> Result<Value, AdapterError> {
    answer?.map_err(refused)
}

/// A failure the plugin tells of, as a state of the instance.
fn refused(failure: Failure) -> AdapterError {
    let state = match failure.code.as_str() {
        "authentication_failure" => InstanceState::AuthenticationFailure,
        "bad_config" => InstanceState::BadConfig,
        "unknown_error" => InstanceState::UnknownError,
        _ => InstanceState::Disconnected,
    };
    AdapterError { state, message: failure.message, hint: failure.hint }
}

/// Ends a running plugin whose files change or whose pin goes.
async fn guard(process: std::sync::Weak<Process>, seal: Seal, mut pins: Pins) {
    // False once nobody can change the pins any more.
    let mut followed = true;
    let Some(mut gone) = process.upgrade().map(|p| p.watch()) else { return };
    loop {
        tokio::select! {
            _ = gone.wait_for(Option::is_some) => return,
            changed = pins.changed(), if followed => followed = changed.is_ok(),
            () = tokio::time::sleep(SEAL_INTERVAL) => {}
        }
        if let Err(broken) = seal.check_touched().await {
            tracing::error!(error = %broken, "a running plugin is stopped");
            if let Some(running) = process.upgrade() {
                running.end(Ended::Refused(broken.into_error()));
            }
            return;
        }
    }
}

#[async_trait]
impl Adapter for PluginAdapter {
    async fn connect(&self) -> Result<Peer, AdapterError> {
        if let Some(old) = self.replace(None) {
            old.shut_down().await;
        }
        self.seal.check_whole().await.map_err(|b| b.into_error())?;
        let redactor = Redactor::new(self.config.secrets.values().cloned());
        let process = Process::start(&self.folder, &self.work, self.config.name.as_str(), Errors::Logged, redactor)
            .map_err(|e| {
                AdapterError::new(InstanceState::BadConfig, format!("the plugin cannot be started: {e}"))
                    .hint("see `command` in its plugin.yaml")
            })?;
        describe(&process, &self.folder.plugin).await?;
        // The files may have changed while they were read and started: no secrets before this is known.
        self.seal.check_touched().await.map_err(|b| b.into_error())?;
        let peer = self.greet(&process).await?;
        let process = Arc::new(process);
        tokio::spawn(guard(Arc::downgrade(&process), self.seal.clone(), self.pins.clone()));
        self.replace(Some(process));
        Ok(peer)
    }

    async fn disconnect(&self) {
        if let Some(process) = self.replace(None) {
            process.shut_down().await;
        }
    }

    async fn closed(&self) -> AdapterError {
        match self.process() {
            Ok(process) => process.ended().await.into(),
            Err(error) => error,
        }
    }

    async fn health_check(&self) -> Result<Peer, AdapterError> {
        let answer = self.ask("health", HEALTH_TIMEOUT, |id| Request::Health { id }).await?;
        self.peer(answer)
    }

    async fn discover_instances(&self) -> Result<Vec<Discovered>, AdapterError> {
        #[derive(Deserialize)]
        struct Found {
            name: String,
            #[serde(default)]
            settings: Map<String, Value>,
        }
        #[derive(Deserialize)]
        struct All {
            instances: Vec<Found>,
        }
        let answer = self.ask("discover", DISCOVER_TIMEOUT, |id| Request::Discover { id }).await?;
        let all: All = serde_json::from_value(answer).map_err(|e| {
            let text = format!("the plugin's answer to `discover` cannot be read: {}", short(&e.to_string()));
            AdapterError::new(InstanceState::UnknownError, text)
        })?;
        let found = all.instances.into_iter().take(DISCOVERED_MAX);
        Ok(found.map(|f| Discovered { suggested_name: short(&f.name), settings: f.settings }).collect())
    }

    async fn execute_command(&self, call: Call, progress: ProgressSink) -> Executed {
        let operation = self.folder.plugin.spec.operation(call.operation.as_str());
        match (self.process(), operation) {
            (Ok(process), Some(operation)) => self.run(&process, call, progress, operation).await,
            (Err(error), _) => Execution::failed("disconnected", error.message, Some("see `ifctl node list`")).into(),
            (_, None) => {
                Execution::failed("unsupported", format!("the plugin has no operation {}", call.operation), None).into()
            }
        }
    }
}
