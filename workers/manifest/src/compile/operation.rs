//! One operation.

use super::{
    Compiler, ITEMS_DEFAULT, ITEMS_MAX, PAGE_SIZE_MAX, POLL_EVERY_MAX, POLL_EVERY_MIN, Scope, extract::ANSWER,
};
use crate::{
    OperationSpec,
    plan::{Extract, Idempotency, OperationPlan, Pagination, PaginationKind, Poll, Retry, Template},
    raw::{self, ResponseFormat},
};
use if_schemas::{Effect, OperationId, price::Unit};
use indexmap::IndexMap;
use std::{collections::BTreeMap, sync::Arc};

/// What the requests of an operation may use.
const REQUEST: Scope = Scope::ARGS.and(Scope::INSTANCE).and(Scope::SECRET).and(Scope::COMMAND);

/// The part of an operation that is the same whatever executes it.
pub struct Head<'a> {
    pub summary: &'a str,
    pub effect: raw::Effect,
    pub price: &'a raw::Price,
    pub params: &'a IndexMap<String, raw::Param>,
    pub notice: Option<&'a String>,
    pub redact: &'a [String],
}

impl<'a> From<&'a raw::Operation> for Head<'a> {
    fn from(raw: &'a raw::Operation) -> Self {
        Self {
            summary: &raw.summary,
            effect: raw.effect,
            price: &raw.price,
            params: &raw.params,
            notice: raw.notice.as_ref(),
            redact: &raw.redact,
        }
    }
}

/// That part, compiled.
pub struct Described {
    pub spec: OperationSpec,
    pub notice: Option<Template>,
    /// How usage is read from an answer; none for a free operation.
    pub used: Option<BTreeMap<Unit, Extract>>,
}

fn effect(raw: raw::Effect) -> Effect {
    match raw {
        raw::Effect::Read => Effect::Read,
        raw::Effect::Idempotent => Effect::Idempotent,
        raw::Effect::Once => Effect::Once,
    }
}

impl<'a> Compiler<'a> {
    /// The first word of every operation's id.
    pub fn family(&self) -> &'a str {
        match self.outline.category {
            raw::Category::Studio => self.outline.id,
            other => other.as_str(),
        }
    }

    /// The id the operation has everywhere: `chat.send`.
    fn operation_id(&mut self, name: &str) -> String {
        let id = format!("{}.{name}", self.family());
        if id.parse::<OperationId>().is_err() {
            self.wrong_key(format!("{id:?} is no operation id"), "use lower-case words joined by dots, like vm.create");
        }
        let below = |(o, _): &(&'a str, _)| o.strip_prefix(name).is_some_and(|r: &str| r.starts_with('.'));
        let below = self.outline.operations.iter().find(|o| below(o)).map(|(other, _)| *other);
        if let Some(other) = below {
            self.wrong_key(format!("{name:?} is an operation, and {other:?} is below it"), "rename one of them");
        }
        id
    }

    /// What operations have whatever executes them. `redactable` are the names that `redact` may hold.
    pub fn described(&mut self, name: &'a str, raw: Head<'a>, redactable: &[&str]) -> Option<Described> {
        let id = self.operation_id(name);
        self.line("summary", raw.summary);
        let params = self.at("params", |c| c.param_specs(raw.params));
        let price = self.at("price", |c| c.price(raw.price));
        let notice = self.optional("notice", raw.notice, Scope::ARGS | Scope::INSTANCE);
        self.at("redact", |c| {
            for (i, name) in raw.redact.iter().enumerate() {
                c.at(i, |c| c.one_of(name, name, redactable));
            }
        });
        let (notice, (price, used)) = (notice?, price?.unzip());
        let spec = OperationSpec {
            id,
            summary: raw.summary.into(),
            effect: effect(raw.effect),
            params,
            price,
            notice: raw.notice.cloned(),
            redact: raw.redact.to_vec(),
            // A manifest publishes no live state.
            restore: Vec::new(),
        };
        Some(Described { spec, notice, used })
    }

    pub fn operation(
        &mut self,
        name: &'a str,
        raw: &'a raw::Operation,
        retry: Retry,
    ) -> Option<(OperationSpec, OperationPlan)> {
        self.params = Some(&raw.params);
        self.created = raw.poll.iter().flat_map(|p| p.created.keys()).map(String::as_str).collect();
        let compiled = self.operation_parts(name, raw, retry);
        self.params = None;
        self.created.clear();
        compiled
    }

    fn operation_parts(
        &mut self,
        name: &'a str,
        raw: &'a raw::Operation,
        retry: Retry,
    ) -> Option<(OperationSpec, OperationPlan)> {
        let described = self.described(name, Head::from(raw), &redactable(raw));
        let request = self.at("request", |c| c.request(&raw.request, REQUEST));
        let response = self.at("response", |c| c.response(&raw.response));
        let errors = self.at("errors", |c| c.rules(&raw.errors, ANSWER));
        let idempotency = self.at("idempotency", |c| c.idempotency(raw));
        let pagination = match &raw.pagination {
            None => Some(None),
            Some(pagination) => self.at("pagination", |c| c.pagination(raw, pagination)).map(Some),
        };
        let poll = match &raw.poll {
            None => Some(None),
            Some(poll) => self.at("poll", |c| c.poll(poll)).map(Some),
        };
        let retry = self.operation_retry(raw, retry);
        let Described { spec, notice, used } = described?;
        let plan = OperationPlan {
            id: spec.id.clone(),
            effect: spec.effect,
            notice,
            request: request?,
            response: response?,
            errors: errors?.into_iter().map(Arc::new).collect(),
            idempotency,
            pagination: pagination?,
            poll: poll?,
            retry: retry?,
            redact: raw.redact.clone(),
            used,
        };
        Some((spec, plan))
    }

    fn idempotency(&mut self, raw: &'a raw::Operation) -> Idempotency {
        match &raw.idempotency {
            raw::Idempotency::None => Idempotency::None,
            raw::Idempotency::Header(name) => {
                self.at("header", |c| c.header_name(name));
                Idempotency::Header(name.clone())
            }
            raw::Idempotency::Field(name) => {
                let fields = match &raw.request.body {
                    Some(raw::Body::Json(body)) => body.is_object(),
                    Some(raw::Body::Xml(_) | raw::Body::Text(_)) => false,
                    Some(raw::Body::Form(_) | raw::Body::Multipart(_)) | None => true,
                };
                if !fields {
                    let next = "use a header, or a body of named fields";
                    self.at("field", |c| c.wrong("the body has no fields", next));
                }
                Idempotency::Field(name.clone())
            }
        }
    }

    /// A `once` operation is tried again only where nothing was done, or where the provider knows the key.
    fn operation_retry(&mut self, raw: &'a raw::Operation, provider: Retry) -> Option<Retry> {
        let retry = match &raw.retry {
            None => provider,
            Some(own) => self.at("retry", |c| c.retry(own, provider))?,
        };
        let once = raw.effect == raw::Effect::Once && raw.idempotency == raw::Idempotency::None;
        Some(if once { Retry { attempts: 1, ..retry } } else { retry })
    }

    fn pagination(&mut self, operation: &'a raw::Operation, raw: &'a raw::Pagination) -> Option<Pagination> {
        if operation.response.list.is_none() {
            self.wrong("pagination needs a list", "say with response.list which items a page holds");
        }
        if !matches!(operation.response.format, ResponseFormat::Json | ResponseFormat::Xml) || operation.poll.is_some()
        {
            self.wrong("pages are of json or xml, and not polled for", "leave pagination out");
        }
        match raw {
            raw::Pagination::Cursor { from, param, items_max } => self.at("cursor", |c| {
                let from = c.at("from", |c| c.json_path(from));
                let items_max = c.items_max(*items_max);
                let kind = PaginationKind::Cursor { from: from?, param: param.clone() };
                Some(Pagination { kind, items_max: items_max? })
            }),
            raw::Pagination::Offset { param, size_param, size, items_max } => self.at("offset", |c| {
                let (size, items_max) = (c.page_size(*size), c.items_max(*items_max));
                let (param, size_param) = (param.clone(), size_param.clone());
                Some(Pagination {
                    kind: PaginationKind::Offset { param, size_param, size: size? },
                    items_max: items_max?,
                })
            }),
            raw::Pagination::Page { param, first, size_param, size, items_max } => self.at("page", |c| {
                let (size, items_max) = (c.page_size(*size), c.items_max(*items_max));
                let (param, size_param, first) = (param.clone(), size_param.clone(), first.unwrap_or(1));
                let kind = PaginationKind::Page { param, first, size_param, size: size? };
                Some(Pagination { kind, items_max: items_max? })
            }),
            raw::Pagination::Link { items_max } => self.at("link", |c| {
                let items_max = c.items_max(*items_max)?;
                Some(Pagination { kind: PaginationKind::Link, items_max })
            }),
        }
    }

    fn page_size(&mut self, size: u32) -> Option<u32> {
        self.number("size", Some(size), size, (1, PAGE_SIZE_MAX))
    }

    fn items_max(&mut self, given: Option<u32>) -> Option<usize> {
        self.number("items_max", given, ITEMS_DEFAULT, (1, ITEMS_MAX)).map(|n| n as usize)
    }

    fn poll(&mut self, raw: &'a raw::Poll) -> Option<Poll> {
        if raw.done.is_empty() {
            self.at("done", |c| c.wrong("no state means done", "name at least one"));
        }
        if let Some(both) = raw.failed.iter().find(|v| raw.done.contains(v)) {
            self.at("failed", |c| c.wrong(format!("{both} means both done and failed"), "leave one out"));
        }
        let created = self.at("created", |c| c.extracts(&raw.created, ANSWER));
        let request = self.at("request", |c| c.request(&raw.request, REQUEST | Scope::CREATED));
        let every = self.duration("every", Some(&raw.every), POLL_EVERY_MIN, POLL_EVERY_MIN, POLL_EVERY_MAX);
        let status = self.at("status", |c| c.json_path(&raw.status));
        let message = self.optional_extract("message", raw.message.as_ref(), ANSWER);
        Some(Poll {
            created: created?,
            request: request?,
            every: every?,
            status: status?,
            done: raw.done.clone(),
            failed: raw.failed.clone(),
            message: message?,
        })
    }
}

/// Arguments and fields of the result.
fn redactable(raw: &raw::Operation) -> Vec<&str> {
    let text = raw.response.stream.as_ref().map(|_| "text");
    let fields = raw.response.list.iter().flat_map(|l| l.fields.keys());
    let names = raw.params.keys().chain(raw.response.result.keys()).chain(fields).map(String::as_str);
    names.chain(text).collect()
}
