//! What the templates of one command may refer to.

use crate::InstanceConfig;
use if_manifest::{
    ParamSpec,
    plan::{Context, OperationPlan, Plan, context_of},
};
use if_schemas::CommandId;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Keeps the keys of this product apart from any other use of a command id.
const KEY_CONTEXT: &str = "InfraFabric 2026 idempotency key of a provider request v1";

/// The key by which a provider knows a request it has seen: made from the command id alone, so it is the same after a
/// crash. Written as a UUID (version 8), the form every provider takes.
pub fn idempotency_key(command: &CommandId) -> String {
    let hash = blake3::derive_key(KEY_CONTEXT, command.to_string().as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let n = u128::from_be_bytes(bytes);
    let part = |from: u32, digits: usize| {
        let mask = (1_u128 << (digits * 4)) - 1;
        format!("{:0digits$x}", (n >> from) & mask)
    };
    [part(96, 8), part(80, 4), part(64, 4), part(48, 4), part(0, 12)].join("-")
}

/// The values, by their first name. Holds secrets: it has no `Debug`, and goes nowhere but into templates.
#[derive(Clone)]
pub struct Scope {
    parts: BTreeMap<&'static str, Context>,
    /// Of the operation: declared parameters are all there.
    pub args: Map<String, Value>,
    pub idempotency_key: String,
}

impl Scope {
    /// Of a command; `args` are checked.
    pub fn of_command(
        plan: &Plan,
        config: &InstanceConfig,
        operation: &OperationPlan,
        args: &Map<String, Value>,
        command: &CommandId,
    ) -> Self {
        let args = arguments(plan, config, operation, args);
        let key = idempotency_key(command);
        let mut scope = Self::of_instance(plan, config);
        scope.set("args", context_of(Value::Object(args.clone())));
        let about = [("id", Context::from(command.to_string())), ("idempotency_key", Context::from(key.clone()))];
        scope.set("command", Context::from_pairs(about));
        Self { args, idempotency_key: key, ..scope }
    }

    /// Settings and secrets alone: for what is done before any command.
    pub fn of_instance(plan: &Plan, config: &InstanceConfig) -> Self {
        let fields = |secret: bool| plan.spec.instance.iter().filter(move |f| f.secret == secret);
        let mut instance: Map<String, Value> = fields(false).map(|f| (f.name.clone(), Value::Null)).collect();
        instance.extend(config.settings.clone());
        let mut secrets: BTreeMap<&str, Context> = fields(true).map(|f| (f.name.as_str(), Context::from(()))).collect();
        secrets.extend(config.secrets.iter().map(|(name, s)| (name.as_str(), Context::from(s.expose()))));
        let secrets = Context::from_pairs(secrets.into_iter().map(|(k, v)| (k.to_string(), v)));
        let parts = BTreeMap::from([("instance", context_of(Value::Object(instance))), ("secret", secrets)]);
        Self { parts, args: Map::new(), idempotency_key: String::new() }
    }

    pub fn set(&mut self, name: &'static str, value: Context) {
        self.parts.insert(name, value);
    }

    pub fn context(&self) -> Context {
        Context::from_pairs(self.parts.iter().map(|(k, v)| (k.to_string(), v.clone())))
    }

    /// With one more name.
    pub fn with(&self, name: &'static str, value: &Value) -> Context {
        let mut scope = self.parts.clone();
        scope.insert(name, context_of(value.clone()));
        Context::from_pairs(scope.into_iter().map(|(k, v)| (k.to_string(), v)))
    }
}

/// Every declared parameter: what was given, else what the instance says, else its default, else null.
fn arguments(
    plan: &Plan,
    config: &InstanceConfig,
    operation: &OperationPlan,
    given: &Map<String, Value>,
) -> Map<String, Value> {
    let declared = plan.spec.operation(&operation.id).map(|o| o.params.as_slice()).unwrap_or_default();
    let left_out = |p: &ParamSpec| p.left_out(&config.settings).unwrap_or(Value::Null);
    let mut args: Map<String, Value> = declared.iter().map(|p| (p.name.clone(), left_out(p))).collect();
    for (name, value) in given.iter().filter(|(_, v)| !v.is_null()) {
        args.insert(name.clone(), value.clone());
    }
    args
}
