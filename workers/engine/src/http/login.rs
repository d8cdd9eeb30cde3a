//! The parts of the engine that logging in needs.

use super::{body::Files, extract, failure::Stop, request::draft};
use crate::{
    Outgoing,
    auth::{AuthError, RequestBuilder},
};
use if_manifest::{
    plan::{Context, Extract, Plan, RequestPlan},
    raw::ResponseFormat,
};
use serde_json::Value;

/// Makes the requests of a login as those of an operation are made. They send no files.
#[derive(Debug, Clone, Copy, Default)]
pub struct LoginRequests;

impl RequestBuilder for LoginRequests {
    fn build(&self, plan: &Plan, request: &RequestPlan, context: &Context) -> Result<Outgoing, AuthError> {
        let drafted = draft(plan, request, ResponseFormat::Json, context, &Files::new());
        drafted.map(|d| d.finish()).map_err(|stop: Stop| AuthError::Settings(stop.message().to_string()))
    }

    fn extract(
        &self,
        plan: &Plan,
        extract: &Extract,
        context: &Context,
        answer: &Value,
    ) -> Result<Option<Value>, AuthError> {
        Ok(extract::value_in(plan, extract, answer, || {
            let mut all: Vec<(Context, Context)> = Vec::new();
            if let Ok(keys) = context.try_iter() {
                all.extend(keys.filter_map(|key| context.get_item(&key).ok().map(|value| (key, value))));
            }
            all.push((Context::from("response"), if_manifest::plan::context_of(answer.clone())));
            Context::from_pairs(all)
        }))
    }
}
