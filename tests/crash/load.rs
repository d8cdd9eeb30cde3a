//! Operators that never stop sending, whatever dies.

use anyhow::{Context, Result};
use if_schemas::{
    CommandId, Effect, Envelope, Head, SigningKey,
    head::{Receipt, Verdict},
    wire::{Message as _, Submission},
};
use if_tests::client::Client;
use std::{sync::Arc, time::Duration};
use tokio::{sync::Mutex, sync::watch, task::JoinSet};

const OPERATORS: usize = 4;
/// Short, so that what a kill swallowed is over soon.
const DEADLINE_US: i64 = 3_000_000;
const ANSWER: Duration = Duration::from_millis(500);

/// Accepted receipts by command.
pub type Receipts = Vec<(CommandId, Head)>;

pub struct Load {
    tasks: JoinSet<Result<()>>,
    receipts: Arc<Mutex<Receipts>>,
    count: watch::Receiver<usize>,
    stop: watch::Sender<bool>,
}

impl Load {
    pub fn start(client: &Client, operator: SigningKey) -> Self {
        let receipts = Arc::new(Mutex::new(Vec::new()));
        let (counter, count) = watch::channel(0);
        let (stop, stopped) = watch::channel(false);
        let (counter, operator) = (Arc::new(counter), Arc::new(operator));
        let mut tasks = JoinSet::new();
        for number in 0..OPERATORS {
            let (client, operator, receipts) = (client.clone(), operator.clone(), receipts.clone());
            let (counter, stopped) = (counter.clone(), stopped.clone());
            tasks.spawn(async move {
                let mut turn = number;
                while !*stopped.borrow() {
                    turn += 1;
                    if let Some(receipt) = send(&client, &operator, turn).await? {
                        receipts.lock().await.push(receipt);
                        counter.send_modify(|n| *n += 1);
                    }
                }
                Ok(())
            });
        }
        Self { tasks, receipts, count, stop }
    }

    /// Waits until `more` further commands have their receipts.
    pub async fn wait_for_more(&self, more: usize, limit: Duration) -> Result<()> {
        let mut count = self.count.clone();
        let target = *count.borrow() + more;
        let reached = count.wait_for(|n| *n >= target);
        tokio::time::timeout(limit, reached).await.context("no commands are admitted any more")??;
        Ok(())
    }

    pub async fn stop(mut self) -> Result<Receipts> {
        self.stop.send(true)?;
        while let Some(task) = self.tasks.join_next().await {
            task??;
        }
        let receipts = self.receipts.lock().await.clone();
        Ok(receipts)
    }
}

/// One command, sent again (the same bytes) until it is answered or its deadline is over.
async fn send(client: &Client, operator: &SigningKey, turn: usize) -> Result<Option<(CommandId, Head)>> {
    let (operation, effect) =
        if turn.is_multiple_of(2) { ("noop.fire", Effect::Once) } else { ("noop.set", Effect::Idempotent) };
    let (mut command, payload) = client.command(operation, effect)?;
    command.deadline = command.issued_at.saturating_add_us(DEADLINE_US);
    let subject = Client::subject(&command);
    let bytes = Submission { envelope: Envelope::seal(&command, operator)?, payload: Some(payload) }.to_message()?;
    while if_tests::world::now() < command.deadline {
        let Ok(answer) = client.bus.request(&subject, bytes.clone(), ANSWER).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let receipt: Receipt = Envelope::from_message(&answer)?.open(&if_tests::Keys::default().broker.public())?;
        return Ok(match (receipt.verdict, receipt.head) {
            (Verdict::Accepted, Some(head)) => Some((command.id, head)),
            _ => None,
        });
    }
    Ok(None)
}
