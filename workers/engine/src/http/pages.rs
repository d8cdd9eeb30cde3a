//! Pages of a list.

use super::{
    ask::{Question, Reply, Run},
    extract,
    failure::Stop,
    link,
    request::{Draft, text_of},
    response::Answer,
    usage::Readings,
};
use if_manifest::plan::{List, OperationPlan, Pagination, PaginationKind};
use if_schemas::Effect;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Most pages of one list.
pub const PAGES_MAX: usize = 1_000;

/// Where the next page is.
enum Next {
    End,
    /// A parameter to set; its text is the mark of the page.
    Param(String, Value),
    Url(reqwest::Url),
}

impl Run<'_> {
    /// `{items, truncated}` and the last page.
    pub async fn pages(
        &mut self,
        mut draft: Draft,
        list: &List,
        pages: &Pagination,
        readings: &mut Readings,
    ) -> Result<(Value, Answer), Stop> {
        first_page(&mut draft, &pages.kind);
        let (mut items, mut seen, mut page) = (Vec::new(), BTreeSet::from([draft.url.to_string()]), 0_usize);
        let mut before: Option<Value> = None;
        loop {
            let answer = self.page(&draft).await?;
            let document = answer.document.as_ref().unwrap_or(&Value::Null);
            let found = extract::items(&self.engine.plan, list, document, &self.scope);
            let found = found.map_err(|e| self.malformed(self.operation.effect, &e.to_string()))?;
            readings.read(&self.engine.plan, self.operation, document, &self.scope);
            page += 1;
            let next = next(&draft, &pages.kind, &answer, document, found.len(), page)
                .map_err(|why| self.malformed(self.operation.effect, &why))?;
            // A provider that does not know the parameter gives the same page for ever.
            let content = document.clone();
            let counted = matches!(pages.kind, PaginationKind::Offset { .. } | PaginationKind::Page { .. });
            if counted && !found.is_empty() && before.as_ref() == Some(&content) {
                return Err(self.in_a_circle());
            }
            before = Some(content);
            items.extend(found);
            let more = !matches!(next, Next::End);
            if items.len() > pages.items_max || (more && (items.len() == pages.items_max || page == PAGES_MAX)) {
                items.truncate(pages.items_max);
                return Ok((json!({"items": items, "truncated": true}), answer));
            }
            let mark = match next {
                Next::End => return Ok((json!({"items": items, "truncated": false}), answer)),
                Next::Param(name, value) => {
                    let mark = text_of(&value);
                    draft.set(&name, value);
                    mark
                }
                Next::Url(url) => {
                    let mark = url.to_string();
                    draft.url = url;
                    mark
                }
            };
            if !seen.insert(mark) {
                return Err(self.in_a_circle());
            }
        }
    }

    async fn page(&mut self, draft: &Draft) -> Result<Answer, Stop> {
        let response = &self.operation.response;
        let question = Question { draft, response, effect: self.operation.effect, keyed: false, open: false };
        match self.ask(&question).await? {
            Reply::Whole(answer) => Ok(answer),
            Reply::Open(_) => Err(self.malformed(Effect::Read, "it is a stream")),
        }
    }

    fn in_a_circle(&self) -> Stop {
        let message = format!("{} gives the same page again and again", self.engine.plan.spec.display_name);
        Stop::failed("malformed_answer", message, None)
    }
}

/// One page alone, where there is no pagination.
pub fn single(run: &Run<'_>, list: &List, document: &Value, operation: &OperationPlan) -> Result<Value, Stop> {
    let items = extract::items(&run.engine.plan, list, document, &run.scope);
    let items = items.map_err(|e| run.malformed(operation.effect, &e.to_string()))?;
    Ok(json!({"items": items, "truncated": false}))
}

fn first_page(draft: &mut Draft, kind: &PaginationKind) {
    match kind {
        PaginationKind::Offset { param, size_param, size } => {
            draft.set(param, 0.into());
            draft.set(size_param, (*size).into());
        }
        PaginationKind::Page { param, first, size_param, size } => {
            draft.set(param, (*first).into());
            draft.set(size_param, (*size).into());
        }
        PaginationKind::Cursor { .. } | PaginationKind::Link => {}
    }
}

fn next(
    draft: &Draft,
    kind: &PaginationKind,
    answer: &Answer,
    document: &Value,
    found: usize,
    page: usize,
) -> Result<Next, String> {
    let full = |size: u32| usize::try_from(size).is_ok_and(|size| found >= size.max(1));
    Ok(match kind {
        PaginationKind::Cursor { from, param } => match extract::find(from, document) {
            Some(cursor) if cursor != "" && cursor != false => Next::Param(param.clone(), cursor),
            _ => Next::End,
        },
        PaginationKind::Offset { param, size, .. } if full(*size) => {
            Next::Param(param.clone(), (u64::from(*size) * page as u64).into())
        }
        PaginationKind::Page { param, first, size, .. } if full(*size) => {
            Next::Param(param.clone(), (u64::from(*first) + page as u64).into())
        }
        PaginationKind::Offset { .. } | PaginationKind::Page { .. } => Next::End,
        PaginationKind::Link => match link::next(&answer.headers) {
            None => Next::End,
            Some(target) => {
                let url = draft.url.join(&target).map_err(|e| format!("the link to the next page is no URL: {e}"))?;
                // Credentials go with it: it may not lead elsewhere.
                if url.origin() != draft.url.origin() {
                    return Err("the next page is on another server".into());
                }
                Next::Url(url)
            }
        },
    })
}
