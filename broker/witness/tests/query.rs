//! Searching finds exactly what a walk over all rows finds.

mod common;

use common::*;
use if_schemas::{Status, Timestamp, TraceId};
use if_witness::Filter;
use proptest::prelude::*;

const OPERATIONS: [&str; 3] = ["vmix.cut", "vmix.fade", "obs.scene.switch"];
const INSTANCES: [&str; 3] = ["studio1", "studio10", "studio"];
const STATUSES: [&str; 9] =
    ["pending", "rejected", "applied", "succeeded", "failed", "indeterminate", "expired", "nonsense", ""];

/// One thing that happens to the log.
#[derive(Debug, Clone)]
enum Step {
    Admit { operation: usize, instance: usize, operator: usize, trace: u8 },
    Reject { operation: usize, operator: usize },
    Trust { operator: usize },
    Settle { which: usize, status: usize },
    Unresolved { which: usize },
    Late { which: usize },
    RejectResult { which: usize },
    Wait { us: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3usize, 0..3usize, 0..3usize, 0..4u8)
            .prop_map(|(operation, instance, operator, trace)| Step::Admit { operation, instance, operator, trace }),
        1 => (0..3usize, 0..3usize).prop_map(|(operation, operator)| Step::Reject { operation, operator }),
        1 => (0..3usize).prop_map(|operator| Step::Trust { operator }),
        4 => (any::<usize>(), 0..4usize).prop_map(|(which, status)| Step::Settle { which, status }),
        1 => any::<usize>().prop_map(|which| Step::Unresolved { which }),
        1 => any::<usize>().prop_map(|which| Step::Late { which }),
        1 => any::<usize>().prop_map(|which| Step::RejectResult { which }),
        2 => (0..5_000i64).prop_map(|us| Step::Wait { us }),
    ]
}

fn filter() -> impl Strategy<Value = Filter> {
    let maybe = |values: &'static [&'static str]| {
        proptest::option::weighted(0.35, proptest::sample::select(values)).prop_map(|v| v.map(str::to_string))
    };
    let operations =
        maybe(&["vmix.cut", "vmix.fade", "obs.scene.switch", "trust.revoke", "genesis", "vmix", "no.such"]);
    let time = || proptest::option::weighted(0.3, (-10i64..120_000).prop_map(|us| Timestamp(START_US + us)));
    (
        (operations, maybe(&["vmix", "obs", "sip"]), maybe(&INSTANCES), maybe(&STATUSES)),
        proptest::option::weighted(0.3, 0..3u8),
        proptest::option::weighted(0.3, 0..4u8),
        (time(), time()),
        0..12usize,
    )
        .prop_map(|((operation, provider, instance, status), actor, trace, (since, until), limit)| Filter {
            operation,
            provider,
            instance,
            status,
            actor: actor.map(|a| if_schemas::SigningKey::from_seed(&[a + 1; 32]).id()),
            trace: trace.map(|t| TraceId::from_bytes([t; 16])),
            since,
            until,
            limit,
        })
}

fn play(steps: &[Step]) -> (Maker, Vec<if_witness::NewEntry>) {
    let mut maker = Maker::new();
    let mut entries = vec![maker.genesis()];
    let (mut open, mut all) = (Vec::new(), Vec::new());
    for step in steps {
        match step {
            Step::Wait { us } => maker.wait_us(*us),
            Step::Admit { operation, instance, operator, trace } => {
                let what = What {
                    operation: OPERATIONS[*operation],
                    instance: INSTANCES[*instance],
                    operator: *operator,
                    trace: *trace,
                };
                let (entry, command) = maker.admit(&what);
                entries.push(entry);
                open.push(command);
                all.push(command);
            }
            Step::Reject { operation, operator } => {
                let what = What { operation: OPERATIONS[*operation], operator: *operator, ..What::default() };
                entries.push(maker.reject(&what).0);
            }
            Step::Trust { operator } => entries.push(maker.trust(*operator)),
            Step::Settle { which, status } if !open.is_empty() => {
                let command = open.remove(which % open.len());
                entries.push(maker.complete(&command, Status::ALL[*status]));
            }
            Step::Unresolved { which } if !open.is_empty() => {
                let command = open.remove(which % open.len());
                entries.push(maker.unresolved(&command));
            }
            Step::Late { which } if !all.is_empty() => entries.push(maker.late(&all[which % all.len()])),
            Step::RejectResult { which } if !all.is_empty() => {
                entries.push(maker.reject_result(&all[which % all.len()]));
            }
            _ => {}
        }
    }
    (maker, entries)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_query_equals_a_naive_filter(
        steps in proptest::collection::vec(step(), 1..80),
        filters in proptest::collection::vec(filter(), 20..40),
        batch_size in 1..30usize,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (maker, entries) = play(&steps);
        let mut log = open(dir.path());
        for chunk in entries.chunks(batch_size) {
            log.append(batch(chunk.to_vec())).unwrap();
        }
        let reader = log.reader();
        for filter in &filters {
            prop_assert_eq!(reader.query(filter).unwrap(), naive(&maker.rows, filter), "{:?}", filter);
        }
        // Every index is what the entries make, and making it again changes no answer.
        drop((log, reader));
        assert_clean(dir.path());
        let report = if_witness::fsck::rebuild(dir.path()).unwrap();
        prop_assert_eq!(report.problems, vec![]);
        let reader = open(dir.path()).reader();
        for filter in &filters {
            prop_assert_eq!(reader.query(filter).unwrap(), naive(&maker.rows, filter), "rebuilt: {:?}", filter);
        }
    }
}

#[test]
fn a_status_moves_from_pending_to_final() {
    let dir = tempfile::tempdir().unwrap();
    let mut maker = Maker::new();
    let mut log = open(dir.path());
    let genesis = maker.genesis();
    let (entry, command) = maker.admit(&What::default());
    log.append(batch(vec![genesis, entry])).unwrap();
    let find = |log: &if_witness::Log, status: &str| {
        let filter = Filter { status: Some(status.into()), limit: 10, ..Filter::default() };
        log.reader().query(&filter).unwrap().0
    };
    assert_eq!(find(&log, "pending"), [command.index]);
    log.append(batch(vec![maker.complete(&command, Status::Expired)])).unwrap();
    assert_eq!((find(&log, "pending"), find(&log, "expired")), (vec![], vec![command.index]));
    log.append(batch(vec![maker.late(&command)])).unwrap();
    assert_eq!(
        (find(&log, "failed"), find(&log, "expired")),
        (vec![], vec![command.index]),
        "late results change nothing"
    );
}
