use super::*;
use if_manifest::{Category, OperationSpec, ParamKind};
use if_schemas::{
    Code, Envelope, Member, Money, Role, Salt, SigningKey,
    head::Head,
    member::{Genesis, TrustChange, TrustOp},
};
use serde_json::json;

mod of_run;

const NOW: Timestamp = Timestamp(1_700_000_000_000_000);
const DEADLINE: Timestamp = Timestamp(1_700_000_005_000_000);

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}
fn admin() -> SigningKey {
    key(1)
}
fn broker() -> SigningKey {
    key(2)
}
fn worker() -> SigningKey {
    key(3)
}
fn operator() -> SigningKey {
    key(4)
}
fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn member(text: &str, key: &SigningKey, role: Role, grants: &[&str]) -> Member {
    Member { name: name(text), key: key.public(), role, grants: grants.iter().map(|g| g.parse().unwrap()).collect() }
}

fn genesis() -> Envelope {
    let members = vec![
        member("admin", &admin(), Role::Admin, &[]),
        member("broker", &broker(), Role::Broker, &[]),
        member("node", &worker(), Role::Worker, &["*@test/one"]),
        member("op", &operator(), Role::Operator, &["test.fire@test/one"]),
        member("conductor", &key(6), Role::Operator, &[]),
    ];
    Envelope::seal(&Genesis { created_at: NOW, nonce: Hash([7; 32]), members }, &admin()).unwrap()
}

fn entry0(envelope: Envelope) -> Vec<u8> {
    Entry::new(0, Hash::ZERO, NOW, Body::Genesis { envelope }).encode().unwrap()
}

fn trust() -> TrustView {
    TrustView::from_entry0(&genesis(), &entry0(genesis())).unwrap()
}

fn spec() -> ProviderSpec {
    let fire =
        OperationSpec::new("test.fire", Effect::Once, "fire").optional("text", ParamKind::Text, Some("hello"), "text");
    ProviderSpec {
        id: "test".into(),
        display_name: "Test".into(),
        category: Category::Studio,
        summary: String::new(),
        docs_url: None,
        maturity: None,
        checked_on: None,
        verify: None,
        instance: vec![],
        operations: vec![fire, OperationSpec::new("test.secret", Effect::Once, "not granted to op")],
    }
}

/// Everything of a work item that a test can make wrong.
struct Draft {
    command: Command,
    signer: SigningKey,
    head_signer: SigningKey,
    payload: Option<Payload>,
    /// What its operator signed, where it is of a run.
    order: Option<Envelope>,
    /// Changes the head after it was made from the entry.
    head: fn(&mut Head),
    /// Makes the body of the entry.
    body: fn(Envelope) -> Body,
}

fn draft() -> Draft {
    let args = json!({"text": "hi"}).as_object().unwrap().clone();
    let payload = Payload::new(&Arguments { args, why: None, cause: None }, Salt([5; 16])).unwrap();
    let command = Command {
        id: CommandId::from_bytes([1; 16]),
        trace: TraceId::from_bytes([2; 16]),
        issued_at: NOW,
        deadline: DEADLINE,
        operation: "test.fire".parse().unwrap(),
        provider: name("test"),
        instance: name("one"),
        effect: Effect::Once,
        dry_run: false,
        session: None,
        payload: payload.hash(),
        run: None,
    };
    Draft {
        command,
        signer: operator(),
        head_signer: broker(),
        payload: Some(payload),
        order: None,
        head: |_| {},
        body: |envelope| Body::Admitted {
            envelope,
            worker: "node".parse().unwrap(),
            reserved: Money::FREE,
            quote: None,
        },
    }
}

impl Draft {
    fn item(&self) -> WorkItem {
        let envelope = Envelope::seal(&self.command, &self.signer).unwrap();
        let entry = Entry::new(9, Hash([8; 32]), NOW, (self.body)(envelope)).encode().unwrap();
        let mut head =
            Head { log: Entry::hash_bytes(&entry0(genesis())), index: 9, hash: Entry::hash_bytes(&entry), at: NOW };
        (self.head)(&mut head);
        let head = Envelope::seal(&head, &self.head_signer).unwrap();
        let order = self.order.clone().map(Box::new);
        WorkItem { entry, head, payload: self.payload.clone(), signer: Some(self.signer.public()), order }
    }
    fn check(&self) -> Result<Intake, IntakeError> {
        check_bytes(&self.item().to_message().unwrap(), &trust(), NOW)
    }
}

fn check_bytes(bytes: &[u8], trust: &TrustView, now: Timestamp) -> Result<Intake, IntakeError> {
    let (provider, instance, spec) = (name("test"), name("one"), spec());
    let desk = Desk { provider: &provider, instance: &instance, spec: &spec, trust, worker: worker().id(), now };
    check(&desk, bytes)
}

fn dropped(result: Result<Intake, IntakeError>) -> &'static str {
    result.unwrap_err().code()
}

fn refused(result: Result<Intake, IntakeError>) -> String {
    match result.unwrap() {
        Intake::Refused(_, failure) => failure.code,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn authentic_work_comes_out_with_arguments_checked() {
    let item = draft().item();
    let Intake::Execute(work) = draft().check().unwrap() else { panic!("not executed") };
    assert_eq!(work.args(), json!({"text": "hi"}).as_object().unwrap());
    assert_eq!(work.assignment().entry, Entry::hash_bytes(&item.entry));
    assert_eq!(work.assignment().command, draft().command.id);
}

#[test]
fn a_head_that_the_broker_did_not_sign_is_dropped() {
    assert_eq!(dropped(Draft { head_signer: key(9), ..draft() }.check()), "forged_head");
    assert_eq!(dropped(Draft { head_signer: operator(), ..draft() }.check()), "forged_head");
    // The broker's signature on something that is not a head.
    let mut item = draft().item();
    item.head = Envelope::seal(&draft().command, &broker()).unwrap();
    assert_eq!(dropped(check_bytes(&item.to_message().unwrap(), &trust(), NOW)), "forged_head");
}

#[test]
fn a_head_of_another_entry_or_log_is_dropped() {
    assert_eq!(dropped(Draft { head: |h| h.hash = Hash([0; 32]), ..draft() }.check()), "head_mismatch");
    assert_eq!(dropped(Draft { head: |h| h.index = 10, ..draft() }.check()), "head_mismatch");
    assert_eq!(dropped(Draft { head: |h| h.log = Hash([0; 32]), ..draft() }.check()), "other_log");
    // The head of one genuine item with the entry of another.
    let other = Command { id: CommandId::from_bytes([77; 16]), ..draft().command };
    let mixed = WorkItem { head: Draft { command: other, ..draft() }.item().head, ..draft().item() };
    assert_eq!(dropped(check_bytes(&mixed.to_message().unwrap(), &trust(), NOW)), "head_mismatch");
}

#[test]
fn an_entry_that_admits_nothing_is_dropped() {
    let rejected = |envelope| Body::Rejected { envelope, reject: Reject::new(Code::NotAllowed, "no") };
    assert_eq!(dropped(Draft { body: rejected, ..draft() }.check()), "not_admitted");
    assert_eq!(dropped(Draft { body: |envelope| Body::Late { envelope }, ..draft() }.check()), "not_admitted");
}

#[test]
fn a_command_of_somebody_unknown_is_dropped_even_if_the_broker_admitted_it() {
    assert_eq!(dropped(Draft { signer: key(9), ..draft() }.check()), "unknown_key");
}

#[test]
fn a_command_for_somewhere_else_is_dropped() {
    let command = Command { instance: name("two"), ..draft().command };
    assert_eq!(dropped(Draft { command, ..draft() }.check()), "subject_mismatch");
    let command = Command { provider: name("other"), ..draft().command };
    assert_eq!(dropped(Draft { command, ..draft() }.check()), "subject_mismatch");
}

#[test]
fn a_dry_run_is_dropped() {
    let command = Command { dry_run: true, ..draft().command };
    assert_eq!(dropped(Draft { command, ..draft() }.check()), "dry_run");
}

#[test]
fn a_payload_that_is_missing_or_another_is_dropped() {
    assert_eq!(dropped(Draft { payload: None, ..draft() }.check()), "payload_missing");
    let other = Payload::new(&json!({"args": {}, "why": null}), Salt([5; 16])).unwrap();
    assert_eq!(dropped(Draft { payload: Some(other), ..draft() }.check()), "payload_mismatch");
}

#[test]
fn every_changed_byte_and_every_shorter_message_is_dropped_or_changes_nothing() {
    let genuine = draft().item().to_message().unwrap();
    let expected = check_bytes(&genuine, &trust(), NOW).unwrap();
    for at in 0..genuine.len() {
        let mut changed = genuine.clone();
        changed[at] ^= 1;
        // The public key sent along is not used: changing it changes nothing.
        if let Ok(intake) = check_bytes(&changed, &trust(), NOW) {
            assert_eq!(intake, expected, "byte {at}");
        }
        assert_eq!(dropped(check_bytes(&genuine[..at], &trust(), NOW)), "malformed", "cut at {at}");
    }
    let big = vec![0xc0; if_schemas::limits::MESSAGE_MAX_BYTES + 1];
    assert_eq!(dropped(check_bytes(&big, &trust(), NOW)), "malformed");
}

#[test]
fn late_work_is_answered_and_very_late_work_is_not() {
    let bytes = draft().item().to_message().unwrap();
    assert!(matches!(check_bytes(&bytes, &trust(), Timestamp(DEADLINE.0 - 1)), Ok(Intake::Execute(_))));
    assert!(matches!(check_bytes(&bytes, &trust(), DEADLINE), Ok(Intake::Expired(_))));
    let last = DEADLINE.saturating_add_us(REMEMBER_US);
    assert!(matches!(check_bytes(&bytes, &trust(), last), Ok(Intake::Expired(_))));
    assert_eq!(dropped(check_bytes(&bytes, &trust(), last.saturating_add_us(1))), "stale");
}

#[test]
fn what_the_node_cannot_execute_is_answered_with_why() {
    let with = |change: fn(&mut Command)| {
        let mut draft = Draft { signer: admin(), ..draft() };
        change(&mut draft.command);
        refused(draft.check())
    };
    assert_eq!(with(|c| c.operation = "test.unheard".parse().unwrap()), "unknown_operation");
    assert_eq!(with(|c| c.effect = Effect::Read), "effect_mismatch");
    let payload = Payload::new(&json!({"args": {"text": 7}, "why": null}), Salt([5; 16])).unwrap();
    let command = Command { payload: payload.hash(), ..draft().command };
    assert_eq!(refused(Draft { command, payload: Some(payload), ..draft() }.check()), "invalid_arguments");
}

#[test]
fn a_command_its_signer_may_not_send_is_checked_again_and_then_refused() {
    let command = Command { operation: "test.secret".parse().unwrap(), ..draft().command };
    let error = Draft { command, ..draft() }.check().unwrap_err();
    assert_eq!(error.code(), "not_allowed");
    assert!(error.may_be_old_trust());
    assert_eq!(refused(refuse_denied(error)), "not_allowed");
}

#[test]
fn work_this_node_may_not_serve_is_left_to_others() {
    let (provider, instance, spec, trust) = (name("test"), name("one"), spec(), trust());
    let desk =
        Desk { provider: &provider, instance: &instance, spec: &spec, trust: &trust, worker: key(9).id(), now: NOW };
    let error = check(&desk, &draft().item().to_message().unwrap()).unwrap_err();
    assert!(matches!(error, IntakeError::NotServed(_)), "{error:?}");
}

#[test]
fn work_given_to_another_node_is_left_to_it() {
    let body = |envelope| Body::Admitted {
        envelope,
        worker: "elsewhere".parse().unwrap(),
        reserved: Money::FREE,
        quote: None,
    };
    let error = Draft { body, ..draft() }.check().unwrap_err();
    assert_eq!(error, IntakeError::Elsewhere(name("elsewhere")));
}

fn trust_entry(index: u64, op: TrustOp, signer: &SigningKey) -> Vec<u8> {
    let change = TrustChange { id: CommandId::from_bytes([index as u8; 16]), issued_at: NOW, deadline: DEADLINE, op };
    let envelope = Envelope::seal(&change, signer).unwrap();
    Entry::new(index, Hash([1; 32]), NOW, Body::Trust { envelope }).encode().unwrap()
}

#[test]
fn a_view_begins_only_with_the_own_genesis() {
    let other =
        Genesis { created_at: NOW, nonce: Hash([8; 32]), members: vec![member("admin", &admin(), Role::Admin, &[])] };
    let other = Envelope::seal(&other, &admin()).unwrap();
    assert!(TrustView::from_entry0(&genesis(), &entry0(other)).is_err());
    let moved = Entry::new(1, Hash::ZERO, NOW, Body::Genesis { envelope: genesis() }).encode().unwrap();
    assert!(TrustView::from_entry0(&genesis(), &moved).is_err());
}

#[test]
fn a_view_grows_only_by_changes_that_verify_in_order() {
    let mut view = trust();
    assert!(view.extend(&trust_entry(3, TrustOp::Revoke(operator().id()), &key(9))).is_err());
    assert!(view.extend(&trust_entry(3, TrustOp::Revoke(admin().id()), &operator())).is_err());
    view.extend(&trust_entry(5, TrustOp::Revoke(operator().id()), &admin())).unwrap();
    assert!(view.extend(&trust_entry(4, TrustOp::Add(member("late", &key(8), Role::Admin, &[])), &admin())).is_err());
    let error = check_bytes(&draft().item().to_message().unwrap(), &view, NOW).unwrap_err();
    assert_eq!(error.code(), "key_revoked");
}
