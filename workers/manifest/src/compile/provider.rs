//! The provider as a whole.

use super::{
    CONCURRENCY_DEFAULT, CONCURRENCY_MAX, CONNECT_DEFAULT, CONNECT_MAX, Compiler, DURATION_MIN, FIRST_BYTE_DEFAULT,
    FIRST_BYTE_MAX, HEADER_BYTES_DEFAULT, HEADER_BYTES_MAX, IDLE_DEFAULT, IDLE_MAX, OPERATIONS_MAX, Outline,
    RATE_PER_MAX, RATE_REQUESTS_MAX, REDIRECTS_DEFAULT, REDIRECTS_MAX, RESPONSE_BYTES_DEFAULT, RESPONSE_BYTES_MAX,
    RETRY_ATTEMPTS_DEFAULT, RETRY_ATTEMPTS_MAX, RETRY_BASE_DEFAULT, RETRY_PAUSE_DEFAULT, RETRY_PAUSE_MAX, Scope,
    outcomes,
};
use crate::{
    FieldSpec, ManifestError, OperationSpec, Plan, ProviderSpec,
    args::is_http_url,
    plan::{ErrorRule, Limits, OperationPlan, RateLimit, Retry},
    raw::{self, Backoff, Effect, Format},
};
use if_schemas::{Name, SchemaError, Timestamp};
use std::{collections::BTreeMap, sync::Arc};

/// The version of the vocabulary.
const VERSION: u8 = 1;

const RETRY: Retry = Retry {
    attempts: RETRY_ATTEMPTS_DEFAULT,
    attempts_not_done: RETRY_ATTEMPTS_DEFAULT,
    backoff: Backoff::Exponential,
    base: RETRY_BASE_DEFAULT,
    max: RETRY_PAUSE_DEFAULT,
};

impl<'a> Compiler<'a> {
    pub fn plan(mut self, raw: &'a raw::Manifest) -> Result<Plan, Vec<ManifestError>> {
        let plan = self.parts(raw);
        let errors = self.errors();
        match plan {
            Some(plan) if errors.is_empty() => Ok(Plan { templates: self.templates, ..plan }),
            _ => Err(errors),
        }
    }

    fn parts(&mut self, raw: &'a raw::Manifest) -> Option<Plan> {
        self.identity();
        self.sources(raw);
        let instance = self.at("instance", |c| c.fields(&raw.instance));
        let allowed_hosts = self.at("allowed_hosts", |c| c.allowed_hosts());
        let host_fields = raw.instance.iter().filter(|(_, f)| f.format == Some(Format::Uri));
        let host_fields = host_fields.map(|(name, _)| name.clone()).collect();
        let base_url = self.at("base_url", |c| c.url(&raw.base_url, Scope::INSTANCE | Scope::COMMON_ARGS));
        let fallback_url = match &raw.fallback_url {
            None => Some(None),
            Some(url) => self.at("fallback_url", |c| c.url(url, Scope::INSTANCE)).map(Some),
        };
        let auth = self.at("auth", |c| c.auth(&raw.auth));
        let everywhere = Scope::INSTANCE | Scope::SECRET | Scope::COMMAND | Scope::COMMON_ARGS;
        let headers = self.at("headers", |c| c.headers(&raw.headers, everywhere));
        let limits = self.at("limits", |c| c.limits(&raw.limits));
        let retry = self.at("retry", |c| c.retry(&raw.retry, RETRY));
        let rules = self.at("errors", |c| c.rules(&raw.errors, Scope::INSTANCE | Scope::RESPONSE));
        let operations = self.at("operations", |c| c.operations(raw, retry.unwrap_or(RETRY)));
        let verify = self.at("verify", |c| c.verify(raw));
        let (specs, mut operations): (Vec<OperationSpec>, BTreeMap<String, OperationPlan>) = operations?;
        let shared: Vec<Arc<ErrorRule>> = rules?.into_iter().chain(outcomes::built_in()).map(Arc::new).collect();
        for operation in operations.values_mut() {
            operation.errors.extend(shared.iter().cloned());
        }
        Some(Plan {
            spec: ProviderSpec {
                docs_url: Some(raw.docs_url.clone()),
                maturity: Some(raw.maturity),
                checked_on: Some(raw.checked_on.clone()),
                verify: verify.clone(),
                ..self.spec(instance, specs)
            },
            category: raw.category,
            maturity: raw.maturity,
            templates: Default::default(),
            allowed_hosts,
            host_fields,
            base_url: base_url?,
            fallback_url: fallback_url?,
            auth: auth?,
            headers: headers?,
            limits: limits?,
            verify: verify?,
            operations,
        })
    }

    /// The folder of the file is called `name`: that must be its id.
    pub fn folder(&mut self, name: &str) {
        let id = self.outline.id;
        if id != name {
            let message = format!("id is {id:?}, but the folder is called {name:?}");
            self.at("id", |c| c.wrong(message, "give both the same name"));
        }
    }

    /// What every file begins with. Gives the id.
    pub fn identity(&mut self) -> Option<Name> {
        let Outline { version: (key, version), id, display_name, summary, .. } = self.outline;
        if version != VERSION {
            self.at(key, |c| c.wrong(format!("{key} is {version}"), format!("use {VERSION}")));
        }
        self.line("display_name", display_name);
        self.line("summary", summary);
        let operations = self.outline.operations.len();
        if operations == 0 || operations > OPERATIONS_MAX {
            let message = format!("the provider has {operations} operations");
            self.at("operations", |c| c.wrong(message, format!("use 1 to {OPERATIONS_MAX}")));
        }
        id.parse().map_err(|e: SchemaError| self.at("id", |c| c.error(e.to_string()))).ok()
    }

    /// The description of the provider, as far as every file has it.
    pub fn spec(&self, instance: Vec<FieldSpec>, operations: Vec<OperationSpec>) -> ProviderSpec {
        let Outline { id, display_name, category, summary, .. } = self.outline;
        ProviderSpec {
            id: id.into(),
            display_name: display_name.into(),
            category,
            summary: summary.into(),
            docs_url: None,
            maturity: None,
            checked_on: None,
            verify: None,
            instance,
            operations,
        }
    }

    /// Where what the manifest says comes from.
    fn sources(&mut self, raw: &raw::Manifest) {
        if !raw.docs_url.starts_with("https://") || !is_http_url(&raw.docs_url) {
            self.at("docs_url", |c| c.wrong(format!("docs_url is {:?}", raw.docs_url), "use an https URL"));
        }
        if !is_date(&raw.checked_on) {
            self.at("checked_on", |c| c.wrong(format!("checked_on is {:?}", raw.checked_on), "use YYYY-MM-DD"));
        }
    }

    /// Descriptions in the order of the file, and plans by id.
    fn operations(
        &mut self,
        raw: &'a raw::Manifest,
        retry: Retry,
    ) -> Option<(Vec<OperationSpec>, BTreeMap<String, OperationPlan>)> {
        let compiled = self.each(&raw.operations, |c, name, operation| c.operation(name, operation, retry))?;
        let (mut specs, mut plans) = (Vec::new(), BTreeMap::new());
        for (_, (spec, plan)) in compiled {
            specs.push(spec);
            plans.insert(plan.id.clone(), plan);
        }
        Some((specs, plans))
    }

    fn verify(&mut self, raw: &raw::Manifest) -> Option<String> {
        let known: Vec<&str> = raw.operations.keys().map(String::as_str).collect();
        if !self.one_of(&raw.verify, &raw.verify, &known) {
            return None;
        }
        let operation = raw.operations.get(&raw.verify)?;
        if operation.effect != Effect::Read {
            self.wrong(format!("{} changes something", raw.verify), "name an operation whose effect is read");
        }
        if let Some((name, _)) = operation.params.iter().find(|(_, p)| p.required && p.from.is_none()) {
            self.wrong(format!("{} needs {name}", raw.verify), "name an operation without required parameters");
        }
        Some(format!("{}.{}", self.family(), raw.verify))
    }

    fn limits(&mut self, raw: &'a raw::Limits) -> Option<Limits> {
        let rate = match &raw.rate {
            None => Some(None),
            Some(rate) => self.at("rate", |c| c.rate(rate)).map(Some),
        };
        let concurrency = self.number("concurrency", raw.concurrency, CONCURRENCY_DEFAULT, (1, CONCURRENCY_MAX));
        let response_bytes =
            self.number("response_bytes", raw.response_bytes, RESPONSE_BYTES_DEFAULT, (1, RESPONSE_BYTES_MAX));
        let header_bytes = self.number("header_bytes", raw.header_bytes, HEADER_BYTES_DEFAULT, (1, HEADER_BYTES_MAX));
        let redirects = self.number("redirects", raw.redirects, REDIRECTS_DEFAULT, (0, REDIRECTS_MAX));
        let connect = self.duration("connect", raw.connect.as_ref(), CONNECT_DEFAULT, DURATION_MIN, CONNECT_MAX);
        let first_byte =
            self.duration("first_byte", raw.first_byte.as_ref(), FIRST_BYTE_DEFAULT, DURATION_MIN, FIRST_BYTE_MAX);
        let idle = self.duration("idle", raw.idle.as_ref(), IDLE_DEFAULT, DURATION_MIN, IDLE_MAX);
        Some(Limits {
            rate: rate?,
            concurrency: concurrency? as usize,
            // At most a GiB: fits every machine's usize.
            response_bytes: response_bytes? as usize,
            header_bytes: header_bytes? as usize,
            redirects: usize::from(redirects?),
            connect: connect?,
            first_byte: first_byte?,
            idle: idle?,
        })
    }

    fn rate(&mut self, raw: &'a raw::RateLimit) -> Option<RateLimit> {
        let requests = self.number("requests", Some(raw.requests), 1, (1, RATE_REQUESTS_MAX));
        let per = self.duration("per", Some(&raw.per), RATE_PER_MAX, DURATION_MIN, RATE_PER_MAX);
        let burst = self.number("burst", raw.burst, raw.requests, (1, RATE_REQUESTS_MAX));
        Some(RateLimit { requests: requests?, per: per?, burst: burst? })
    }

    pub fn retry(&mut self, raw: &'a raw::Retry, default: Retry) -> Option<Retry> {
        let attempts = self.number("attempts", raw.attempts, default.attempts, (1, RETRY_ATTEMPTS_MAX));
        let base = self.duration("base", raw.base.as_ref(), default.base, DURATION_MIN, RETRY_PAUSE_MAX);
        let max = self.duration("max", raw.max.as_ref(), default.max, DURATION_MIN, RETRY_PAUSE_MAX);
        let (base, max) = (base?, max?);
        if base > max {
            self.wrong(format!("the first pause {base:?} is longer than the longest {max:?}"), "set max, too");
        }
        let attempts = attempts?;
        let backoff = raw.backoff.unwrap_or(default.backoff);
        Some(Retry { attempts, attempts_not_done: attempts, backoff, base, max })
    }
}

/// `YYYY-MM-DD` of a day that exists.
pub fn is_date(text: &str) -> bool {
    let shaped = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    shaped && format!("{text}T00:00:00Z").parse::<Timestamp>().is_ok()
}
