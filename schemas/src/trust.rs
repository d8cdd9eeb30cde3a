//! Who is trusted for what, as a fold of the genesis and trust entries of a log.
//! The broker's state, the worker's check and the auditor's verifier all use this one fold.

use crate::{
    Code, Command, Envelope, Hash, KeyId, Member, Name, OperationId, Policy, PublicKey, Reject, Role, SchemaError,
    TrustChange, TrustOp,
    limits::{PINS_MAX, POLICIES_MAX},
    member::Genesis,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A member and the entries that made and ended the membership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    pub member: Member,
    /// Index of the entry that added it.
    pub added: u64,
    /// Index of the entry that revoked it.
    pub revoked: Option<u64>,
}

impl Standing {
    pub fn is_active(&self) -> bool {
        self.revoked.is_none()
    }
}

/// A plugin that may run, and the entry that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Of all files of the plugin.
    pub hash: Hash,
    /// Index of the entry that pinned it.
    pub index: u64,
}

/// All members there ever were, by key id, and the plugins pinned now, by name. Default deny: no standing, no right; no
/// pin, no plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    members: BTreeMap<KeyId, Standing>,
    pins: BTreeMap<Name, Pin>,
    /// Indexes of the entries that pinned or unpinned: a pin that ended leaves no other trace here.
    pin_entries: BTreeSet<u64>,
    /// What guardians must agree to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    policies: BTreeMap<Name, Policy>,
    /// Indexes of the entries that made or ended policies.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    policy_entries: BTreeSet<u64>,
}

impl Trust {
    /// From a genesis envelope: signed by one of its own admins, with exactly one broker.
    pub fn from_genesis(envelope: &Envelope) -> Result<Self, SchemaError> {
        let claimed: Genesis = envelope.read_unverified()?;
        let bad = |rule| SchemaError::Invalid { what: "genesis", value: envelope.key().to_string(), rule };
        let signer = claimed.members.iter().find(|m| m.key.key_id() == envelope.key());
        let signer = signer.ok_or_else(|| bad("its signer must be one of its members"))?;
        if signer.role != Role::Admin {
            return Err(bad("its signer must be an admin"));
        }
        envelope.verify(&signer.key)?;
        claimed.check()?;
        if claimed.members.iter().filter(|m| m.role == Role::Broker).count() != 1 {
            return Err(bad("it must name exactly one broker"));
        }
        let mut trust = Self::default();
        for member in claimed.members {
            trust.check_new(&member).map_err(|_| bad("names and keys of its members must differ"))?;
            trust.insert(member, 0);
        }
        Ok(trust)
    }

    pub fn standing(&self, key: &KeyId) -> Option<&Standing> {
        self.members.get(key)
    }

    pub fn members(&self) -> impl Iterator<Item = (&KeyId, &Standing)> {
        self.members.iter()
    }

    /// The pin of a plugin, if it may run.
    pub fn pin(&self, plugin: &Name) -> Option<&Pin> {
        self.pins.get(plugin)
    }

    pub fn pins(&self) -> impl Iterator<Item = (&Name, &Pin)> {
        self.pins.iter()
    }

    /// What guardians must agree to, by name.
    pub fn policies(&self) -> impl Iterator<Item = (&Name, &Policy)> {
        self.policies.iter()
    }

    /// Indexes of the genesis and of every change it was folded from.
    pub fn entries(&self) -> BTreeSet<u64> {
        let members = self.members.values().flat_map(|s| [Some(s.added), s.revoked]).flatten();
        members.chain(self.pin_entries.iter().chain(&self.policy_entries).copied()).collect()
    }

    /// The active member of that name.
    pub fn by_name(&self, name: &str) -> Option<(&KeyId, &Standing)> {
        self.members.iter().find(|(_, s)| s.is_active() && s.member.name.as_str() == name)
    }

    /// The active broker's public key.
    pub fn broker(&self) -> Option<PublicKey> {
        self.members.values().find(|s| s.is_active() && s.member.role == Role::Broker).map(|s| s.member.key)
    }

    /// The member an envelope claims to be from; refuses keys nobody has.
    pub fn claimed(&self, envelope: &Envelope) -> Result<&Standing, Reject> {
        self.members.get(&envelope.key()).ok_or_else(|| {
            Reject::new(Code::UnknownKey, format!("no member has the key {}", envelope.key()))
                .hint("an admin adds it with `ifctl trust add NAME --key PUBLIC_KEY --role ROLE`")
        })
    }

    /// The name of the member that has or had this key.
    pub fn claimed_name(&self, key: &KeyId) -> Result<&Name, Reject> {
        let unknown = || Reject::new(Code::UnknownKey, format!("no member has the key {key}"));
        self.members.get(key).map(|s| &s.member.name).ok_or_else(unknown)
    }

    /// An active signer, or `key_revoked`.
    pub fn active<'a>(&self, standing: &'a Standing) -> Result<&'a Member, Reject> {
        match standing.revoked {
            None => Ok(&standing.member),
            Some(index) => Err(Reject::new(
                Code::KeyRevoked,
                format!("the key of {} was revoked by entry {index}", standing.member.name),
            )
            .hint("use the current key, or ask an admin")),
        }
    }

    /// May the signer of `command` send it? (The signature is checked by the caller.)
    pub fn authorize(&self, signer: &KeyId, command: &Command) -> Result<(), Reject> {
        self.authorize_operation(signer, &command.operation, &command.provider, &command.instance)
    }

    /// May the signer do this to the instance?
    pub fn authorize_operation(
        &self,
        signer: &KeyId,
        op: &OperationId,
        provider: &Name,
        instance: &Name,
    ) -> Result<(), Reject> {
        let standing = self.members.get(signer);
        let standing =
            standing.ok_or_else(|| Reject::new(Code::UnknownKey, format!("no member has the key {signer}")))?;
        let member = self.active(standing)?;
        if member.may_send(op, provider, instance) {
            return Ok(());
        }
        let target = format!("{provider}/{instance}");
        Err(Reject::new(
            Code::NotAllowed,
            format!("{} ({}) may not {op} on {target}", member.name, member.role.as_str()),
        )
        .hint(format!("an admin grants it with `--allow '{op}@{target}'`")))
    }

    /// May the signer report results for this instance?
    pub fn authorize_worker(&self, signer: &KeyId, provider: &Name, instance: &Name) -> Result<(), Reject> {
        let serves = self.members.get(signer).is_some_and(|s| s.is_active() && s.member.may_serve(provider, instance));
        if serves {
            return Ok(());
        }
        Err(Reject::new(Code::WrongWorker, format!("the key {signer} may not serve {provider}/{instance}")).hint(
            format!("an admin grants it with `ifctl trust add NODE --role worker --allow '*@{provider}/{instance}'`"),
        ))
    }

    /// May the active member of that name execute commands for this instance?
    pub fn authorize_node(&self, worker: &Name, provider: &Name, instance: &Name) -> Result<(), Reject> {
        match self.by_name(worker.as_str()) {
            Some((key, _)) => self.authorize_worker(key, provider, instance),
            None => Err(Reject::new(Code::WrongWorker, format!("no active member is called {worker}"))
                .hint("see `ifctl trust list` and `ifctl node list`")),
        }
    }

    /// May the signer settle a command for this instance that was given to the member called `worker`?
    pub fn authorize_result(
        &self,
        signer: &KeyId,
        worker: &Name,
        provider: &Name,
        instance: &Name,
    ) -> Result<(), Reject> {
        self.authorize_worker(signer, provider, instance)?;
        if self.members.get(signer).is_some_and(|s| s.member.name == *worker) {
            return Ok(());
        }
        let text = format!("the key {signer} is not {worker}'s, which was to execute the command");
        Err(Reject::new(Code::WrongWorker, text))
    }

    /// Decides whether `change`, signed by `signer`, may be made.
    pub fn check_change(&self, signer: &KeyId, change: &TrustChange) -> Result<(), Reject> {
        let standing = self.members.get(signer);
        let standing =
            standing.ok_or_else(|| Reject::new(Code::UnknownKey, format!("no member has the key {signer}")))?;
        let member = self.active(standing)?;
        match &change.op {
            TrustOp::Rotate(key) => self.check_new_key(key),
            _ if member.role != Role::Admin => {
                Err(Reject::new(Code::NotAllowed, format!("{} is no admin and may not change trust", member.name))
                    .hint("ask an admin"))
            }
            TrustOp::Add(new) => self.check_new(new),
            TrustOp::Revoke(key) => self.check_revoke(key),
            TrustOp::Pin { plugin, .. } => self.check_pin(plugin),
            TrustOp::Unpin { plugin } => self.check_unpin(plugin),
            TrustOp::Guard { name, policy } => self.check_guard(name, policy),
            TrustOp::Unguard { name } => self.check_unguard(name),
        }
    }

    /// Applies a change that [`Trust::check_change`] allowed, as entry `index`.
    pub fn apply_change(&mut self, signer: &KeyId, change: &TrustChange, index: u64) {
        match &change.op {
            TrustOp::Add(member) => self.insert(member.clone(), index),
            TrustOp::Revoke(key) => self.revoke(key, index),
            TrustOp::Rotate(key) => {
                if let Some(standing) = self.members.get(signer) {
                    let member = Member { key: *key, ..standing.member.clone() };
                    self.revoke(signer, index);
                    self.insert(member, index);
                }
            }
            TrustOp::Pin { plugin, hash } => {
                self.pins.insert(plugin.clone(), Pin { hash: *hash, index });
                self.pin_entries.insert(index);
            }
            TrustOp::Unpin { plugin } => {
                self.pins.remove(plugin);
                self.pin_entries.insert(index);
            }
            TrustOp::Guard { name, policy } => {
                self.policies.insert(name.clone(), (**policy).clone());
                self.policy_entries.insert(index);
            }
            TrustOp::Unguard { name } => {
                self.policies.remove(name);
                self.policy_entries.insert(index);
            }
        }
    }

    /// Opens, checks and applies a trust envelope: for those who replay a log. Says what is wrong with it otherwise.
    pub fn replay(&mut self, envelope: &Envelope, index: u64) -> Result<TrustChange, Reject> {
        let key = self.claimed(envelope)?.member.key;
        let change: TrustChange = envelope.open(&key)?;
        self.check_change(&envelope.key(), &change)?;
        self.apply_change(&envelope.key(), &change, index);
        Ok(change)
    }

    /// Fingerprint of the whole fold.
    pub fn hash(&self) -> Result<Hash, SchemaError> {
        Ok(crate::codec::hash(crate::codec::CONTEXT_STATE, &[&crate::codec::encode("trust", self)?]))
    }

    fn insert(&mut self, member: Member, index: u64) {
        self.members.insert(member.key.key_id(), Standing { member, added: index, revoked: None });
    }

    fn revoke(&mut self, key: &KeyId, index: u64) {
        if let Some(standing) = self.members.get_mut(key) {
            standing.revoked = Some(index);
        }
    }

    fn check_new(&self, member: &Member) -> Result<(), Reject> {
        member.check().map_err(|e| Reject::new(Code::BadTrustChange, e.to_string()))?;
        if self.by_name(member.name.as_str()).is_some() {
            return Err(Reject::new(Code::BadTrustChange, format!("there is already a member named {}", member.name))
                .hint("choose another name, or revoke the old one first"));
        }
        if member.role == Role::Broker && self.broker().is_some() {
            return Err(Reject::new(Code::BadTrustChange, "there is already a broker")
                .hint("the broker's key changes with `ifctl key rotate --key broker`"));
        }
        self.check_new_key(&member.key)
    }

    /// A key is used once, ever: a revoked one never comes back.
    fn check_new_key(&self, key: &PublicKey) -> Result<(), Reject> {
        if !key.is_usable() {
            return Err(Reject::new(Code::BadTrustChange, "that is not a usable Ed25519 public key"));
        }
        match self.members.get(&key.key_id()) {
            Some(s) => Err(Reject::new(Code::BadTrustChange, format!("that key is or was {}'s", s.member.name))
                .hint("make a new key")),
            None => Ok(()),
        }
    }

    fn check_pin(&self, plugin: &Name) -> Result<(), Reject> {
        if self.pins.len() >= PINS_MAX && !self.pins.contains_key(plugin) {
            return Err(Reject::new(Code::BadTrustChange, format!("{PINS_MAX} plugins are trusted already"))
                .hint("end the trust of one that is not used: `ifctl plugin untrust ID`"));
        }
        Ok(())
    }

    fn check_unpin(&self, plugin: &Name) -> Result<(), Reject> {
        if self.pins.contains_key(plugin) {
            return Ok(());
        }
        Err(Reject::new(Code::BadTrustChange, format!("the plugin {plugin} is not trusted"))
            .hint("see `ifctl plugin list`"))
    }

    fn check_guard(&self, name: &Name, policy: &Policy) -> Result<(), Reject> {
        policy.check().map_err(|e| Reject::new(Code::BadTrustChange, e.to_string()))?;
        if self.policies.len() >= POLICIES_MAX && !self.policies.contains_key(name) {
            return Err(Reject::new(Code::BadTrustChange, format!("there are {POLICIES_MAX} policies already"))
                .hint("end one that is not needed: `ifctl guard policy remove NAME`"));
        }
        Ok(())
    }

    fn check_unguard(&self, name: &Name) -> Result<(), Reject> {
        if self.policies.contains_key(name) {
            return Ok(());
        }
        Err(Reject::new(Code::BadTrustChange, format!("there is no policy {name}"))
            .hint("see `ifctl guard policy list`"))
    }

    fn check_revoke(&self, key: &KeyId) -> Result<(), Reject> {
        let standing = self.members.get(key).filter(|s| s.is_active());
        let Some(standing) = standing else {
            return Err(Reject::new(Code::BadTrustChange, format!("no active member has the key {key}"))
                .hint("see `ifctl trust list`"));
        };
        let role = standing.member.role;
        let others = |r| self.members.values().filter(|s| s.is_active() && s.member.role == r).count() > 1;
        match role {
            Role::Admin if !others(Role::Admin) => {
                Err(Reject::new(Code::BadTrustChange, "that is the last admin").hint("add another admin first"))
            }
            Role::Broker => Err(Reject::new(Code::BadTrustChange, "the broker's key cannot be revoked, only rotated")),
            _ => Ok(()),
        }
    }
}
