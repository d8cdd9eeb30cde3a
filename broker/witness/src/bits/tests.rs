use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// The same changes on a plain set.
fn model(changes: &[(u16, bool)]) -> BTreeSet<u64> {
    let mut set = BTreeSet::new();
    for (place, on) in changes {
        if *on {
            set.insert(u64::from(*place))
        } else {
            set.remove(&u64::from(*place))
        };
    }
    set
}

fn members(bytes: &[u8]) -> BTreeSet<u64> {
    Block::decode(bytes).unwrap().descending().collect()
}

fn encode(changes: &[(u16, bool)]) -> Vec<u8> {
    encode_changes(&changes.iter().map(|(p, on)| change(u64::from(*p), *on)).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merging_in_any_grouping_gives_the_set(
        changes in proptest::collection::vec((0..BLOCK_ENTRIES as u16, proptest::bool::weighted(0.7)), 0..1_500),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..6),
    ) {
        let mut at: Vec<usize> = cuts.iter().map(|c| c.index(changes.len() + 1)).chain([0, changes.len()]).collect();
        at.sort_unstable();
        let parts: Vec<Vec<u8>> = at.windows(2).map(|w| encode(&changes[w[0]..w[1]])).collect();
        let one_by_one = merged(parts.iter().map(Vec::as_slice)).unwrap();
        prop_assert_eq!(members(&one_by_one.encode_full()), model(&changes));
        // Newest parts first joined with each other, as a flush does, then put on the oldest.
        let half = parts.len() / 2;
        let newer = merged(parts[half..].iter().map(Vec::as_slice)).unwrap().encode_partial();
        let older = merged(parts[..half].iter().map(Vec::as_slice)).unwrap().encode_full();
        let joined = merged([older.as_slice(), newer.as_slice()].into_iter()).unwrap();
        prop_assert_eq!(members(&joined.encode_full()), model(&changes));
    }
}

#[test]
fn members_come_highest_first() {
    let block = Block::decode(&encode(&[(0, true), (4_095, true), (64, true), (63, true)])).unwrap();
    assert_eq!(block.descending().collect::<Vec<_>>(), [4_095, 64, 63, 0]);
}

#[test]
fn what_is_no_block_is_refused() {
    for bytes in [&[][..], &[9], &[CHANGES, 1], &[BOTH, 0], &[SET, 1, 2]] {
        assert_eq!(Block::decode(bytes), None);
    }
}
