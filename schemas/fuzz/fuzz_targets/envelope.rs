//! Envelope bytes: what decodes is canonical, and nothing opens that the key did not sign.
#![no_main]

use if_schemas::{
    Command, Envelope, FinanceChange, Head, Kind, ResultEvent, RunChange, SigningKey, TrustChange, head::Receipt, member::Genesis,
    outcome::Progress, presence::Announcement,
    state::StateReport, tariff::Tariff,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(envelope) = Envelope::decode(bytes) else { return };
    assert_eq!(envelope.encode().unwrap(), bytes);
    // A key the fuzzer does not have.
    let key = SigningKey::from_seed(&[0x5a; 32]).public();
    assert!(envelope.verify(&key).is_err());
    match envelope.kind() {
        Kind::Command => drop(envelope.read_unverified::<Command>()),
        Kind::Trust => drop(envelope.read_unverified::<TrustChange>()),
        Kind::Genesis => drop(envelope.read_unverified::<Genesis>().map(|g| g.check())),
        Kind::Result => drop(envelope.read_unverified::<ResultEvent>()),
        Kind::Progress => drop(envelope.read_unverified::<Progress>()),
        Kind::Head => drop(envelope.read_unverified::<Head>()),
        Kind::Receipt => drop(envelope.read_unverified::<Receipt>()),
        Kind::Presence => drop(envelope.read_unverified::<Announcement>()),
        Kind::Finance => drop(envelope.read_unverified::<FinanceChange>().map(|f| f.op.check())),
        Kind::Tariff => drop(envelope.read_unverified::<Tariff>()),
        Kind::Run => drop(envelope.read_unverified::<RunChange>().map(|r| r.check())),
        Kind::State => drop(envelope.read_unverified::<StateReport>()),
    }
});
