//! Who may do what, when there were more changes than one message can hold.

use anyhow::Result;
use if_schemas::{
    Effect, Grant, Member, Role, Status, TrustOp, codec,
    limits::{GRANTS_MAX, MESSAGE_MAX_BYTES},
};
use if_tests::InProcess;

/// A grant that is long, and different from others.
fn long_grant(number: usize) -> Result<Grant> {
    let word = format!("{number:0>44}");
    Ok(format!("{word}.{word}@{word}/{word}").parse()?)
}

async fn add(fabric: &InProcess, member: Member) -> Result<usize> {
    let length = codec::encode("member", &member)?.len();
    fabric.client.change_trust(TrustOp::Add(member), &fabric.keys.admin).await?;
    Ok(length)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trust_history_longer_than_a_message_reaches_a_worker_whole() -> Result<()> {
    let mut fabric = InProcess::start(false).await?;
    let grants = (0..GRANTS_MAX).map(long_grant).collect::<Result<Vec<_>>>()?;
    let mut bytes = 0;
    for number in 0u8.. {
        if bytes > 2 * MESSAGE_MAX_BYTES {
            break;
        }
        let key = if_schemas::SigningKey::from_seed(&[number; 32]).public();
        if fabric.keys.all().contains(&key) {
            continue;
        }
        let name = format!("member-{number}").parse()?;
        bytes += add(&fabric, Member { name, key, role: Role::Operator, grants: grants.clone() }).await?;
    }
    let newest = if_schemas::SigningKey::from_seed(&[255; 32]);
    let grants = vec!["noop.*@noop/main".parse()?];
    add(&fabric, Member { name: "newest".parse()?, key: newest.public(), role: Role::Operator, grants }).await?;
    fabric.start_worker().await?;
    let (_, _, status) = fabric.client.run("noop.set", Effect::Idempotent, &newest).await?;
    assert_eq!(status, Status::Succeeded);
    fabric.stop().await?;
    Ok(())
}
