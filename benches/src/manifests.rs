//! Loading providers: from the text of many manifests to plans.

use crate::report::{Report, Series};
use anyhow::{Result, anyhow, ensure};
use if_engine::Source;
use if_worker::manifests::ManifestSource;
use std::{
    fmt::Write,
    hint::black_box,
    time::{Duration, Instant},
};

const MANIFESTS: usize = 130;
/// Operations of one: makes a file of about 130 lines.
const OPERATIONS: usize = 5;
const LINES: std::ops::RangeInclusive<usize> = 120..=140;
const SAMPLES: usize = 20;
const TARGET: Duration = Duration::from_millis(50);

const HEAD: &str = r#"manifest: 1
id: @ID@
display_name: Synthetic @ID@
category: chat
summary: a provider for measuring
docs_url: https://docs.example.com/api
checked_on: 2026-11-01
maturity: documented
allowed_hosts: [api.example.com, "*.files.example.com"]
base_url: https://api.example.com/v1

instance:
  token:
    type: string
    secret: true
    required: true
    help: token
  room:
    type: string
    pattern: "[a-z0-9-]{1,64}"
    help: room to write to

auth:
  bearer: { token: "{{ secret.token }}" }

headers:
  x-client: infrafabric

limits:
  rate: { requests: 30, per: 1s }
  first_byte: 20s

errors:
  - status: [429, 503]
    outcome: rate_limited
    message: $.error.message
  - path: $.error.code
    matches: "^(invalid|unknown)_"
    outcome: failed
    message: $.error.message

verify: get0

operations:
"#;

const OPERATION: &str = r#"
  get@N@:
    summary: get a message
    effect: read
    price: free
    params:
      id: { type: string, pattern: "[0-9]+", help: message }
      limit: { type: integer, minimum: 1, maximum: 100, default: 20, help: most items }
      room: { type: string, from: room, help: room to look into }
    request:
      method: GET
      path: /rooms/{{ args.room }}/messages/{{ args.id }}
      query: { limit: "{{ args.limit }}" }
      headers: { x-request: "{{ command.id }}" }
    response:
      result:
        id: { path: $.message.id, required: true }
        text: $.message.text
"#;

fn manifests() -> Vec<(String, String)> {
    let one = |n: usize| {
        let id = format!("synthetic-{n}");
        let mut text = HEAD.replace("@ID@", &id);
        for n in 0..OPERATIONS {
            // Writing to a string cannot fail.
            let _ = write!(text, "{}", OPERATION.replace("@N@", &n.to_string()));
        }
        (id, text)
    };
    (0..MANIFESTS).map(one).collect()
}

pub fn run(report: &mut Report) -> Result<()> {
    let texts = manifests();
    let lines = texts[0].1.lines().count();
    ensure!(LINES.contains(&lines), "a synthetic manifest has {lines} lines");
    let dir = tempfile::tempdir()?;
    for (id, text) in &texts {
        std::fs::create_dir(dir.path().join(id))?;
        std::fs::write(dir.path().join(id).join("manifest.yaml"), text)?;
    }
    let (mut loaded, mut one_core) = (Vec::new(), Vec::new());
    for _ in 0..SAMPLES {
        let begin = Instant::now();
        let scan = ManifestSource::new(dir.path().to_path_buf(), dir.path().join("tokens")).scan();
        loaded.push(begin.elapsed());
        ensure!(scan.providers.len() == MANIFESTS, "not loaded: {:?}", scan.complaints);
        let begin = Instant::now();
        for (id, text) in &texts {
            let plan = if_manifest::compile_as(id, "manifest.yaml", text);
            black_box(plan.map_err(|e| anyhow!("{}", e.iter().map(ToString::to_string).collect::<String>()))?);
        }
        one_core.push(begin.elapsed());
    }
    let (loaded, one_core) = (Series::new(loaded).quantile(0.5), Series::new(one_core).quantile(0.5));
    report.row(
        &format!("{MANIFESTS} manifests of {lines} lines, loaded by a worker, p50"),
        format!("{:.1} ms", loaded.as_secs_f64() * 1e3),
        format!("{:.1} ms to compile them on one core", one_core.as_secs_f64() * 1e3),
        &format!("<= {} ms", TARGET.as_millis()),
        loaded <= TARGET,
    );
    Ok(())
}
