//! Noise on every subject: the fabric answers, stays up and logs nothing.

use anyhow::Result;
use if_schemas::{Effect, Status};
use if_tests::InProcess;

const MEGABYTE: usize = 1_000_000;

/// Bytes that look like nothing in particular, the same every time.
fn noise(length: usize) -> Vec<u8> {
    let mut x = 0x2545_F491_4F6C_DD1Du64;
    let next = |_| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x.to_le_bytes()[0]
    };
    (0..length).map(next).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_megabyte_of_noise_on_any_subject_changes_nothing() -> Result<()> {
    let fabric = InProcess::start(true).await?;
    let head = fabric.client.head().await?;
    let subjects = [
        "if.command.noop.main.noop.fire",
        "if.command.if.fabric.trust.change",
        "if.command.noop",
        "if.result.noop.main",
        "if.work.noop.main",
        "if.event.noop.main.noop.fire.result",
        "if.witness.entry",
        "if.witness.trust",
        "if.witness.run.k.r",
        "if.run.change",
        "if.query.head",
        "if.query.log",
        "if.query.entries",
        "if.query.show",
        "if.query.nonsense",
        "if.presence.node",
        "if.ask.presence",
        "if.ask.reload",
        "$SRV.PING",
    ];
    for subject in subjects {
        for length in [0, 1, 100, 70_000, MEGABYTE] {
            fabric.client.bus.publish(subject, noise(length), None).await?;
        }
    }
    let receipt = fabric.client.send_raw(subjects[0], noise(MEGABYTE)).await?;
    assert!(
        matches!(receipt.verdict, if_schemas::head::Verdict::Rejected(ref r) if r.code.as_str() == "too_large"),
        "{receipt:?}"
    );
    let receipt = fabric.client.send_raw(subjects[0], noise(100)).await?;
    assert!(
        matches!(receipt.verdict, if_schemas::head::Verdict::Rejected(ref r) if r.code.as_str() == "malformed"),
        "{receipt:?}"
    );
    assert_eq!(fabric.client.head().await?, head, "noise is not logged");
    assert_eq!(fabric.executions(), 0);
    // And work still gets done.
    let (.., status) = fabric.client.run("noop.fire", Effect::Once, &fabric.keys.operator).await?;
    assert_eq!(status, Status::Succeeded);
    fabric.stop().await?;
    Ok(())
}
