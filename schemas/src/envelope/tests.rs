use super::*;

fn envelope(kind: Kind, body: usize) -> Envelope {
    Envelope { v: VERSION, kind, key: KeyId([1; 16]), body: vec![7; body], sig: Signature([2; 64]), path: None }
}

#[test]
fn the_length_is_known_without_encoding() {
    for kind in [Kind::Command, Kind::Head, Kind::Presence] {
        for body in [0, 1, 255, 256, 32_000, 65_535, 65_536] {
            let envelope = envelope(kind, body);
            assert_eq!(envelope.encoded_len(), envelope.encode().unwrap().len(), "{kind:?} {body}");
        }
    }
    for size in [2, 100, 300, 70_000_usize.min(crate::limits::BATCH_MAX)] {
        let (_, paths) = batch::tree(vec![Hash([3; 32]); size]).unwrap();
        let envelope = Envelope { path: paths.into_iter().next(), ..envelope(Kind::Head, 100) };
        assert_eq!(envelope.encoded_len(), envelope.encode().unwrap().len(), "a batch of {size}");
    }
}
