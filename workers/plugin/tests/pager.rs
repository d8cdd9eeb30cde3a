//! A real plugin process that behaves and misbehaves: `tests/harness/plugins/pager`, in Python.
#![cfg(target_os = "linux")]

use if_engine::{Adapter, Call, Execution, InstanceConfig, ProgressSink, Provider, Secret, Source};
use if_plugin::{PluginProvider, PluginSource};
use if_plugin_files::{Folder, content_hash};
use if_schemas::{CommandId, Hash, Name, presence::InstanceState};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

/// Longest wait for something that happens by itself.
const PATIENCE: Duration = Duration::from_secs(20);
const SECRET: &str = "hunter2-and-more";

struct Stage {
    dir: tempfile::TempDir,
    pins: watch::Sender<Arc<BTreeMap<Name, Hash>>>,
    adapter: Arc<dyn Adapter>,
}

fn name() -> Name {
    "pager".parse().unwrap()
}

impl Stage {
    /// The plugin in a folder of its own, as `edit` left it, not pinned.
    fn with(token: &str, edit: impl Fn(&Path)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = if_harness::pager::install(&dir.path().join("plugins")).unwrap();
        edit(&folder);
        let (pins, watch) = watch::channel(Arc::default());
        let provider = PluginProvider::new(Folder::load(&folder).unwrap(), dir.path().join("data"), watch, None);
        let config = InstanceConfig {
            provider: name(),
            name: "main".parse().unwrap(),
            settings: Map::from_iter([("room".to_string(), json!("attic"))]),
            secrets: BTreeMap::from([("token".to_string(), Secret::new(token.into()))]),
        };
        let adapter = provider.adapter(config).unwrap();
        Self { dir, pins, adapter }
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("plugins/pager")
    }

    fn pin(&self) {
        let hash = content_hash(&self.folder()).unwrap();
        self.pins.send_replace(Arc::new(BTreeMap::from([(name(), hash)])));
    }

    /// Pinned and connected.
    async fn connected() -> Self {
        let stage = Self::with(SECRET, |_| {});
        stage.pin();
        stage.adapter.connect().await.unwrap();
        stage
    }

    async fn run_within(&self, verb: &str, time: Duration) -> (Execution, Vec<(String, Option<Value>)>) {
        let args = Map::from_iter([("text".to_string(), json!("hello"))]);
        let args = if verb == "send" { args } else { Map::new() };
        self.run_with(verb, args, time).await
    }

    async fn run_with(
        &self,
        verb: &str,
        args: Map<String, Value>,
        time: Duration,
    ) -> (Execution, Vec<(String, Option<Value>)>) {
        let call = Call {
            command: CommandId::from_bytes([7; 16]),
            operation: format!("chat.{verb}").parse().unwrap(),
            args,
            deadline: Instant::now() + time,
        };
        let (sink, mut progress) = ProgressSink::channel();
        let execution = self.adapter.execute_command(call, sink).await;
        (execution.execution, drain(&mut progress))
    }

    async fn run(&self, verb: &str) -> Execution {
        self.run_within(verb, PATIENCE).await.0
    }

    async fn document(&self, verb: &str) -> Value {
        match self.run(verb).await {
            Execution::Succeeded(document) => document,
            other => panic!("{verb}: {other:?}"),
        }
    }

    async fn closed(&self) -> if_engine::AdapterError {
        tokio::time::timeout(PATIENCE, self.adapter.closed()).await.expect("the process was not ended")
    }
}

fn drain<T>(receiver: &mut mpsc::Receiver<T>) -> Vec<T> {
    std::iter::from_fn(|| receiver.try_recv().ok()).collect()
}

/// Is there a process of that number that is more than its entry in the table?
fn lives(pid: &Value) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with(['Z', 'X']))
}

async fn until_gone(pid: &Value) {
    let gone = async {
        while lives(pid) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("the process is still there");
}

#[tokio::test]
async fn a_command_runs_with_progress_and_several_at_once() {
    let stage = Stage::connected().await;
    let (execution, progress) = stage.run_within("send", PATIENCE).await;
    assert_eq!(execution, Execution::Succeeded(json!({"room": "attic", "text": "hello"})));
    assert_eq!(progress, [("dialling".to_string(), Some(json!({"percent": 50})))]);
    let short = Duration::from_millis(700);
    let (waited, sent) = tokio::join!(stage.run_within("wait", short), stage.run("send"));
    assert!(matches!(waited.0, Execution::Indeterminate(f) if f.code == "deadline"), "its deadline came");
    assert!(matches!(sent, Execution::Succeeded(_)));
    assert_eq!(stage.adapter.health_check().await.unwrap().description, "pager 7", "the cancelled one answered");
    let found = stage.adapter.discover_instances().await.unwrap();
    assert_eq!((found[0].suggested_name.as_str(), &found[0].settings["room"]), ("attic", &json!("attic")));
}

#[tokio::test]
async fn the_process_gets_nothing_of_the_worker() {
    let open = tempfile::NamedTempFile::new().unwrap();
    let stage = Stage::connected().await;
    let seen = stage.document("status").await;
    let environment = seen["environment"].as_object().unwrap();
    let mut names: Vec<&str> = environment.keys().map(String::as_str).collect();
    // The mark some shells leave on what they execute.
    names.retain(|n| *n != "_");
    assert_eq!(names, ["HOME", "LANG", "PATH", "PYTHONDONTWRITEBYTECODE", "TMPDIR"]);
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "there is something it must not get");
    let work = stage.dir.path().join("data/pager/main");
    assert_eq!(seen["directory"], json!(work));
    assert_eq!(seen["environment"]["HOME"], json!(work));
    assert_eq!(seen["mode"], "0o700");
    let descriptors = seen["descriptors"].as_array().unwrap();
    assert!(descriptors.iter().take(3).all(|d| d == "pipe"), "{seen}");
    assert!(!descriptors.contains(&json!(open.path())), "a file of the worker was passed on: {seen}");
    assert_eq!(seen["group"], true, "a process group of its own");
    stage.adapter.disconnect().await;
    until_gone(&seen["pid"]).await;
}

#[tokio::test]
async fn memory_and_files_are_limited() {
    let stage = Stage::connected().await;
    assert_eq!(stage.document("memory").await, json!({"refused": true}));
    assert_eq!(stage.document("disk").await["refused"], true);
    assert!(std::fs::metadata(stage.dir.path().join("data/pager/main/big")).unwrap().len() <= 1 << 20);
}

#[tokio::test]
async fn secrets_do_not_come_back() {
    let stage = Stage::connected().await;
    let (execution, progress) = stage.run_within("leak", PATIENCE).await;
    let Execution::Succeeded(document) = execution else { panic!("{execution:?}") };
    assert_eq!(document, json!({"token": "[redacted]", "[redacted]": ["x[redacted]"]}));
    assert_eq!(progress[0].0, "token [redacted]");
    let wrong = Stage::with("wrong", |_| {});
    wrong.pin();
    let refused = wrong.adapter.connect().await.unwrap_err();
    assert_eq!(refused.state, InstanceState::AuthenticationFailure);
}

#[tokio::test]
async fn what_hangs_is_killed_with_all_it_started() {
    let stage = Stage::connected().await;
    let pid = stage.document("status").await["pid"].clone();
    let child = stage.document("child").await["child"].clone();
    assert!(lives(&pid) && lives(&child));
    let begun = Instant::now();
    let (execution, _) = stage.run_within("hang", Duration::from_millis(200)).await;
    assert!(matches!(execution, Execution::Indeterminate(f) if f.code == "deadline"));
    assert!(begun.elapsed() < Duration::from_secs(2), "it did not come back at the deadline");
    let lost = stage.closed().await;
    assert_eq!(lost.state, InstanceState::Disconnected);
    assert!(lost.message.contains("after `cancel`"), "{lost}");
    until_gone(&pid).await;
    until_gone(&child).await;
}

#[tokio::test]
async fn a_crash_is_told_and_the_next_connection_is_a_new_process() {
    let stage = Stage::connected().await;
    let first = stage.document("status").await["pid"].clone();
    let execution = stage.run("crash").await;
    assert!(matches!(&execution, Execution::Indeterminate(f) if f.code == "plugin_ended"), "{execution:?}");
    assert!(stage.closed().await.message.contains("exit status: 3"));
    stage.adapter.connect().await.unwrap();
    assert_ne!(stage.document("status").await["pid"], first);
}

#[tokio::test]
async fn what_is_no_protocol_ends_the_process() {
    for (verb, says) in [("garbage", "no JSON"), ("huge", "longer than")] {
        let stage = Stage::connected().await;
        let execution = stage.run(verb).await;
        assert!(matches!(&execution, Execution::Failed(f) if f.code == "plugin_ended"), "{execution:?}");
        let lost = stage.closed().await;
        assert!(lost.message.contains(says), "{lost}");
    }
}

#[tokio::test]
async fn only_the_pinned_files_run() {
    let stage = Stage::with(SECRET, |_| {});
    let refused = stage.adapter.connect().await.unwrap_err();
    assert_eq!((refused.state, refused.hint.unwrap().contains("plugin trust pager")), (InstanceState::BadConfig, true));
    assert!(!stage.dir.path().join("data/pager/main").exists(), "nothing was started");
    stage.pin();
    stage.adapter.connect().await.unwrap();
    // Added beside it: Python would import it.
    std::fs::write(stage.folder().join("json.py"), "").unwrap();
    let execution = stage.run("send").await;
    assert!(matches!(&execution, Execution::Failed(f) if f.code == "bad_config"), "{execution:?}");
    assert!(!stage.dir.path().join("data/pager/main/sent.txt").exists(), "nothing was sent");
    let lost = stage.closed().await;
    assert_eq!(lost.state, InstanceState::BadConfig);
    assert!(lost.message.contains("changed since it was trusted"), "{lost}");
    assert_eq!(stage.adapter.connect().await.unwrap_err().state, InstanceState::BadConfig);
    stage.pin();
    stage.adapter.connect().await.unwrap_err(); // an empty json.py is trusted now, and Python cannot work with it
    std::fs::remove_file(stage.folder().join("json.py")).unwrap();
    stage.pin();
    stage.adapter.connect().await.unwrap();
    stage.pins.send_replace(Arc::default());
    assert!(stage.closed().await.message.contains("not trusted"), "an idle plugin is stopped too");
}

#[tokio::test]
async fn a_process_that_is_not_what_its_file_says_gets_no_secrets() {
    let stage = Stage::with(SECRET, |folder| {
        let file = folder.join("plugin.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("pages\n    effect: once", "pages\n    effect: read")).unwrap();
    });
    stage.pin();
    let refused = stage.adapter.connect().await.unwrap_err();
    assert_eq!(refused.state, InstanceState::BadConfig);
    assert!(refused.message.contains("chat.send is Once there and Read"), "{refused}");
    let silent =
        Stage::with(SECRET, |folder| std::fs::write(folder.join("pager.py"), "import sys\nsys.exit(9)\n").unwrap());
    silent.pin();
    assert!(silent.adapter.connect().await.unwrap_err().message.contains("exit status: 9"));
}

/// The file of the plugin with the text and its price as one wants them.
fn edited(folder: &Path, from: &str, to: &str) {
    let file = folder.join("plugin.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{from}");
    std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
}

#[tokio::test]
async fn what_is_left_out_comes_from_the_settings() {
    let from = |setting: &str| {
        let stage = Stage::with(SECRET, |folder| {
            edited(folder, "help: what to say,", &format!("help: what to say, from: {setting},"));
            edited(folder, "  token:", "  greeting: {type: string, help: what to say}\n  token:");
        });
        stage.pin();
        stage
    };
    let stage = from("room");
    stage.adapter.connect().await.unwrap();
    let (execution, _) = stage.run_with("send", Map::new(), PATIENCE).await;
    assert_eq!(execution, Execution::Succeeded(json!({"room": "attic", "text": "attic"})));
    let stage = from("greeting");
    stage.adapter.connect().await.unwrap();
    let (execution, _) = stage.run_with("send", Map::new(), PATIENCE).await;
    assert!(matches!(&execution, Execution::Failed(f) if f.code == "invalid_arguments"), "{execution:?}");
    assert!(!stage.dir.path().join("data/pager/main/sent.txt").exists(), "nothing was sent");
}

#[test]
fn the_price_is_the_one_beside_the_plugin() {
    let dir = tempfile::tempdir().unwrap();
    let folder = if_harness::pager::install(&dir.path().join("plugins")).unwrap();
    let price = "price: {metered: {sku: {argument: text}, most: {message: {fixed: 2}}}}";
    edited(&folder, "effect: once\n    price: free", &format!("effect: once\n    {price}"));
    edited(&folder, "help: what to say,", "help: what to say, from: room,");
    let row = |price: &str, from: &str| {
        format!("{{ rates: {{ message: '{price}' }}, effective_from: {from}, source_url: 'https://example.com' }}")
    };
    let rows = format!("[{}, {}]", row("0.05", "2026-01-01"), row("0.07", "2026-07-01"));
    let text = format!("version: '1'\ncurrency: EUR\nchecked_on: 2026-01-01\nskus: {{ attic: {rows} }}\n");
    std::fs::write(folder.join("prices.yaml"), text).unwrap();
    let (_pins, watch) = watch::channel(Arc::default());
    let (plugins, data) = (dir.path().join("plugins"), dir.path().join("data"));
    let source = PluginSource::new(plugins, data, watch, || "2026-03-01T00:00:00Z".parse().unwrap());
    let micros = |source: &PluginSource| {
        let scan = source.scan();
        assert_eq!(scan.complaints, [""; 0]);
        let prices = scan.providers[0].prices();
        assert_eq!(prices.operations.values().flatten().count(), 1);
        prices.table.unwrap().skus["attic"].rates[0].amount_micros
    };
    assert_eq!(micros(&source), 50_000);
    let settings = Map::from_iter([("room".to_string(), json!("attic"))]);
    let defaults = source.scan().providers[0].price_defaults(&settings);
    assert_eq!(json!(defaults), json!({"chat.send": {"text": "attic"}}));
    let file = folder.join("prices.yaml");
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap().replace("0.05", "0.06")).unwrap();
    assert_eq!(micros(&source), 60_000, "a changed price file is read again");
    std::fs::write(&file, "currency: 1\nversion: 1\n").unwrap();
    let complaints = source.scan().complaints;
    assert!(complaints.iter().all(|c| c.contains("prices.yaml:")) && !complaints.is_empty(), "{complaints:#?}");
}
