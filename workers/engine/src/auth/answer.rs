//! Reading the answers of token endpoints and logins: bounded, wiped afterwards.

use super::AuthError;
use crate::{Incoming, Transport, TransportError, transport::Outgoing};
use futures::StreamExt;
use reqwest::header::HeaderMap;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

/// Longest a token request or one step of a login may take.
pub const TOKEN_REQUEST_MAX: Duration = Duration::from_secs(30);

/// A whole answer.
pub(super) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Zeroizing<Vec<u8>>,
}

/// Sends `request` and reads its answer, at most `limit` bytes, within [`TOKEN_REQUEST_MAX`].
pub(super) async fn ask(transport: &dyn Transport, request: Outgoing, limit: usize) -> Result<Answer, AuthError> {
    let host = request.url.host_str().unwrap_or_default().to_string();
    let deadline = Instant::now() + TOKEN_REQUEST_MAX;
    let exchange = async {
        let Incoming { status, headers, mut body } = transport.send(request, deadline).await?;
        let mut bytes = Zeroizing::new(Vec::new());
        while let Some(piece) = body.next().await {
            let piece = piece?;
            if bytes.len() + piece.len() > limit {
                return Err(AuthError::Unusable {
                    host: host.clone(),
                    why: format!("it is longer than {limit} bytes"),
                });
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(Answer { status, headers, body: bytes })
    };
    match timeout_at(deadline, exchange).await {
        Ok(answer) => answer,
        Err(_) => Err(TransportError::TimedOut { host, phase: crate::Phase::Idle }.into()),
    }
}
