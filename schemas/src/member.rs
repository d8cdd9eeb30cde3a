//! Trust: who may do what. Kept in the log from its first entry on.

use crate::{
    CommandId, Hash, KeyId, Kind, Name, OperationId, Policy, PublicKey, SchemaError, Signed, Timestamp,
    limits::{GENESIS_MEMBERS_MAX, GRANTS_MAX},
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// May change trust, and everything an operator with `*` may.
    Admin,
    /// May send the commands its grants cover.
    Operator,
    /// May report results for the instances its grants cover.
    Worker,
    /// Signs heads and receipts. Exactly one is active.
    Broker,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::Operator => "operator",
            Role::Worker => "worker",
            Role::Broker => "broker",
        }
    }
}

impl FromStr for Role {
    type Err = SchemaError;
    fn from_str(s: &str) -> Result<Self, SchemaError> {
        [Role::Admin, Role::Operator, Role::Worker, Role::Broker]
            .into_iter()
            .find(|r| r.as_str() == s)
            .ok_or_else(|| SchemaError::invalid("role", s, "use admin, operator, worker or broker"))
    }
}

/// One permission: `OPERATIONS[@PROVIDER[/INSTANCE]]`, for example `obs.*`, `vmix.cut@vmix/studio2`, `*@obs`, `*`.
/// A `*` may end the operation part and may stand for provider or instance as a whole.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Grant {
    text: String,
    operations: String,
    provider: String,
    instance: String,
}

impl Grant {
    pub fn all() -> Self {
        Self { text: "*".into(), operations: "*".into(), provider: "*".into(), instance: "*".into() }
    }

    pub fn covers(&self, operation: &OperationId, provider: &Name, instance: &Name) -> bool {
        self.covers_operation(operation.as_str()) && self.covers_instance(provider, instance)
    }

    /// True if this grant names the instance, whatever the operation: what a worker needs to serve it.
    pub fn covers_instance(&self, provider: &Name, instance: &Name) -> bool {
        let matches = |pattern: &str, value: &str| pattern == "*" || pattern == value;
        matches(&self.provider, provider.as_str()) && matches(&self.instance, instance.as_str())
    }

    /// True if this grant names an instance of the provider.
    pub fn covers_provider(&self, provider: &Name) -> bool {
        self.provider == "*" || self.provider == provider.as_str()
    }

    fn covers_operation(&self, operation: &str) -> bool {
        match self.operations.strip_suffix('*') {
            Some(prefix) => operation.starts_with(prefix),
            None => self.operations == operation,
        }
    }
}

impl TryFrom<String> for Grant {
    type Error = SchemaError;
    fn try_from(text: String) -> Result<Self, SchemaError> {
        let bad = || {
            SchemaError::invalid(
                "grant",
                text.clone(),
                "use OPERATIONS[@PROVIDER[/INSTANCE]], like obs.* or vmix.cut@vmix/studio2",
            )
        };
        let (operations, target) = text.split_once('@').unwrap_or((&text, "*"));
        let (provider, instance) = target.split_once('/').unwrap_or((target, "*"));
        let is_prefix = |s: &str| s.ends_with('.') && format!("{s}x").parse::<OperationId>().is_ok();
        let operations_ok = match operations.strip_suffix('*') {
            Some(prefix) => prefix.is_empty() || is_prefix(prefix),
            None => operations.parse::<OperationId>().is_ok(),
        };
        let name_ok = |s: &str| s == "*" || s.parse::<Name>().is_ok();
        if !operations_ok || !name_ok(provider) || !name_ok(instance) {
            return Err(bad());
        }
        let (operations, provider, instance) = (operations.to_string(), provider.to_string(), instance.to_string());
        Ok(Self { text, operations, provider, instance })
    }
}
impl FromStr for Grant {
    type Err = SchemaError;
    fn from_str(s: &str) -> Result<Self, SchemaError> {
        Self::try_from(s.to_string())
    }
}
impl From<Grant> for String {
    fn from(g: Grant) -> String {
        g.text
    }
}
impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Grant({})", self.text)
    }
}

/// Somebody with a key: a person, a worker node, the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    pub name: Name,
    pub key: PublicKey,
    pub role: Role,
    /// Default deny: no grant, no right. Admins and the broker need none.
    pub grants: Vec<Grant>,
}

impl Member {
    /// Checks what serde cannot: the key is a real one, the grants are not too many.
    pub fn check(&self) -> Result<(), SchemaError> {
        if !self.key.is_usable() {
            return Err(SchemaError::invalid("public key", self.key.to_string(), "it is not a usable Ed25519 key"));
        }
        if self.grants.len() > GRANTS_MAX {
            return Err(SchemaError::TooLarge { what: "grants", bytes: self.grants.len(), limit: GRANTS_MAX });
        }
        Ok(())
    }

    pub fn may_send(&self, operation: &OperationId, provider: &Name, instance: &Name) -> bool {
        match self.role {
            Role::Admin => true,
            Role::Operator => self.grants.iter().any(|g| g.covers(operation, provider, instance)),
            Role::Worker | Role::Broker => false,
        }
    }

    /// True if it may do something to the instance.
    pub fn may_send_some(&self, provider: &Name, instance: &Name) -> bool {
        match self.role {
            Role::Admin => true,
            Role::Operator => self.grants.iter().any(|g| g.covers_instance(provider, instance)),
            Role::Worker | Role::Broker => false,
        }
    }

    /// True if it may serve some instance of the provider.
    pub fn may_serve_some(&self, provider: &Name) -> bool {
        self.role == Role::Worker && self.grants.iter().any(|g| g.covers_provider(provider))
    }

    pub fn may_serve(&self, provider: &Name, instance: &Name) -> bool {
        self.role == Role::Worker && self.grants.iter().any(|g| g.covers_instance(provider, instance))
    }
}

/// The body of entry 0: signed by the first admin, which `if init` made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    pub created_at: Timestamp,
    /// 32 random bytes: two logs never share an id.
    pub nonce: Hash,
    /// The signer (an admin), one broker, and any others.
    pub members: Vec<Member>,
}

impl Signed for Genesis {
    const KIND: Kind = Kind::Genesis;
}

impl Genesis {
    pub fn check(&self) -> Result<(), SchemaError> {
        if self.members.len() > GENESIS_MEMBERS_MAX {
            return Err(SchemaError::TooLarge {
                what: "genesis members",
                bytes: self.members.len(),
                limit: GENESIS_MEMBERS_MAX,
            });
        }
        self.members.iter().try_for_each(Member::check)
    }
}

/// A signed change of trust. Shares the command id space, so replay protection covers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustChange {
    pub id: CommandId,
    pub issued_at: Timestamp,
    pub deadline: Timestamp,
    pub op: TrustOp,
}

impl Signed for TrustChange {
    const KIND: Kind = Kind::Trust;
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrustOp {
    /// Needs an admin.
    Add(Member),
    /// Needs an admin. Entries already signed by the key still verify.
    Revoke(KeyId),
    /// Replaces the signer's own key, keeping name, role and grants. Any member may rotate itself.
    Rotate(PublicKey),
    /// Needs an admin. Workers run the plugin while its files have exactly this hash; an earlier pin of it ends.
    Pin { plugin: Name, hash: Hash },
    /// Needs an admin. Workers run the plugin no more.
    Unpin { plugin: Name },
    /// Needs an admin. From now on guardians must agree to what the policy covers; replaces one of the same name.
    Guard { name: Name, policy: Box<Policy> },
    /// Needs an admin. The policy ends.
    Unguard { name: Name },
}

impl TrustOp {
    /// The operation id under which the change is logged and found.
    pub fn operation(&self) -> &'static str {
        match self {
            TrustOp::Add(_) => "trust.add",
            TrustOp::Revoke(_) => "trust.revoke",
            TrustOp::Rotate(_) => "trust.rotate",
            TrustOp::Pin { .. } => "trust.pin",
            TrustOp::Unpin { .. } => "trust.unpin",
            TrustOp::Guard { .. } => "trust.guard",
            TrustOp::Unguard { .. } => "trust.unguard",
        }
    }
}
