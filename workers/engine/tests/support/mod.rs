//! What the suites of authentication share: a plan, a context, a clock to skew, servers on loopback.
#![allow(dead_code, reason = "each suite uses its part")]

use if_manifest::{
    ProviderSpec,
    plan::{Auth, Context, Escape, HostPattern, Limits, Plan, Template, Templates, context_of},
    raw::{Category, Maturity},
};
use serde_json::json;
use std::{collections::BTreeMap, time::Duration};

/// A provider `acme` at `*.acme.example`, with a setting `base_url` whose host is allowed too.
/// `auth` gets a function that parses templates.
pub fn plan(auth: impl FnOnce(&mut dyn FnMut(&str) -> Template) -> Auth) -> Plan {
    let mut templates = Templates::new();
    let auth = auth(&mut |source| templates.add(source, Escape::None).expect("a template"));
    let base_url = templates.add("{{ instance.base_url }}", Escape::None).expect("a template");
    Plan {
        spec: ProviderSpec {
            id: "acme".into(),
            display_name: "Acme".into(),
            category: if_manifest::Category::Studio,
            summary: String::new(),
            instance: Vec::new(),
            operations: Vec::new(),
        },
        category: Category::Cloud,
        maturity: Maturity::Documented,
        templates,
        allowed_hosts: vec![
            HostPattern::Exact("acme.example".into()),
            HostPattern::Below("acme.example".into()),
            HostPattern::Exact("10.0.0.7".into()),
        ],
        host_fields: vec!["base_url".into()],
        base_url,
        auth,
        headers: Vec::new(),
        limits: Limits {
            rate: None,
            concurrency: 8,
            response_bytes: 64 * 1024,
            header_bytes: 16 * 1024,
            redirects: 0,
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(5),
            idle: Duration::from_secs(5),
        },
        verify: "acme.account.show".into(),
        operations: BTreeMap::new(),
    }
}

pub fn context(base_url: &str, secrets: serde_json::Value) -> Context {
    context_of(json!({ "instance": { "base_url": base_url }, "secret": secrets }))
}
