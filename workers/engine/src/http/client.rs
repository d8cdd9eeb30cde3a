//! The real transport: reqwest over HTTP/1.1, no proxy, no redirects, every phase bounded.

use super::tls::{self, TlsError, TlsSettings};
use crate::{
    hosts,
    transport::{Incoming, Outgoing, Phase, Transport, TransportError},
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use http_body::{Body, Frame, SizeHint};
use if_manifest::plan::Limits;
use reqwest::{
    Method, Url,
    header::{CONTENT_LENGTH, HeaderValue},
    redirect::Policy,
};
use std::{
    convert::Infallible,
    error::Error,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, timeout_at};

/// Most header lines of an answer.
const HEADERS_MAX: usize = 200;
/// A connection unused for so long is closed: a request on one that the server is about to close may be lost.
const POOL_IDLE: Duration = Duration::from_secs(15);
/// Idle connections kept for each host.
const POOL_MAX: usize = 16;

/// One client for one instance.
#[derive(Debug)]
pub struct Client {
    verified: reqwest::Client,
    /// For private hosts of an instance that says so.
    unverified: Option<reqwest::Client>,
    header_bytes: usize,
    connect: Duration,
    first_byte: Duration,
    idle: Duration,
}

impl Client {
    pub fn new(limits: &Limits, tls: &TlsSettings) -> Result<Self, TlsError> {
        let build = |config: rustls::ClientConfig| {
            reqwest::Client::builder()
                .tls_backend_preconfigured(config)
                .redirect(Policy::none())
                .no_proxy()
                .http1_only()
                .http1_max_headers(HEADERS_MAX)
                .connect_timeout(limits.connect)
                .pool_idle_timeout(POOL_IDLE)
                .pool_max_idle_per_host(POOL_MAX)
                .tcp_nodelay(true)
                .build()
                .map_err(|e| TlsError::Setup(e.to_string()))
        };
        Ok(Self {
            verified: build(tls::verified(tls)?)?,
            unverified: if tls.insecure_private { Some(build(tls::unverified(tls)?)?) } else { None },
            header_bytes: limits.header_bytes,
            connect: limits.connect,
            first_byte: limits.first_byte,
            idle: limits.idle,
        })
    }

    fn for_host(&self, host: &str) -> &reqwest::Client {
        self.unverified.as_ref().filter(|_| hosts::is_private(host)).unwrap_or(&self.verified)
    }
}

#[async_trait]
impl Transport for Client {
    async fn send(&self, mut request: Outgoing, deadline: Instant) -> Result<Incoming, TransportError> {
        let host = host_of(&request.url);
        let begun = Arc::new(AtomicBool::new(request.body.is_empty()));
        // Some servers refuse a request that may have a body and does not say that it has none.
        if request.body.is_empty() && [Method::POST, Method::PUT, Method::PATCH].contains(&request.method) {
            request.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let out = self
            .for_host(&host)
            .request(request.method, request.url)
            .headers(request.headers)
            .body(reqwest::Body::wrap(Marked { body: Some(request.body), begun: begun.clone() }));
        let limit = Instant::now() + self.connect + self.first_byte;
        let answer = timeout_at(limit.min(deadline), out.send()).await;
        let begun = begun.load(Ordering::Acquire);
        let response = match answer {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(failed(&error, &host, begun)),
            Err(_) if !begun => return Err(TransportError::TimedOut { host, phase: Phase::Connect }),
            Err(_) if limit < deadline => return Err(TransportError::TimedOut { host, phase: Phase::FirstByte }),
            Err(_) => return Err(TransportError::TimedOut { host, phase: Phase::Deadline }),
        };
        let bytes: usize = response.headers().iter().map(|(n, v)| n.as_str().len() + v.len() + 4).sum();
        if bytes > self.header_bytes {
            let why = format!("its headers have {bytes} bytes, more than {}", self.header_bytes);
            return Err(TransportError::Unusable { host, why });
        }
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Incoming { status, headers, body: body(response, host, self.idle, deadline) })
    }
}

fn body(
    response: reqwest::Response,
    host: String,
    idle: Duration,
    deadline: Instant,
) -> stream::BoxStream<'static, Result<Bytes, TransportError>> {
    let next = move |state: Option<reqwest::Response>| {
        let host = host.clone();
        async move {
            let mut response = state?;
            let limit = Instant::now() + idle;
            match timeout_at(limit.min(deadline), response.chunk()).await {
                Ok(Ok(Some(chunk))) => Some((Ok(chunk), Some(response))),
                Ok(Ok(None)) => None,
                Ok(Err(error)) => Some((Err(failed(&error, &host, true)), None)),
                Err(_) => {
                    let phase = if limit < deadline { Phase::Idle } else { Phase::Deadline };
                    Some((Err(TransportError::TimedOut { host, phase }), None))
                }
            }
        }
    };
    stream::unfold(Some(response), next).boxed()
}

/// Host and port, as messages name a server.
pub fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_string()
}

fn failed(error: &reqwest::Error, host: &str, begun: bool) -> TransportError {
    let host = host.to_string();
    let why = cause(error);
    if error.is_connect() && error.is_timeout() {
        return TransportError::TimedOut { host, phase: Phase::Connect };
    }
    if error.is_connect() || error.is_builder() || !begun {
        return TransportError::NotSent { host, why };
    }
    if unreadable(error) {
        return TransportError::Unusable { host, why };
    }
    TransportError::Lost { host, why }
}

/// Does the answer break the rules of HTTP, rather than stop?
fn unreadable(error: &reqwest::Error) -> bool {
    let of_hyper = |e: &(dyn Error + 'static)| e.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse);
    let of_io = |e: &(dyn Error + 'static)| {
        e.downcast_ref::<io::Error>()
            .is_some_and(|e| matches!(e.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData))
    };
    causes(error).any(|e| of_hyper(e) || of_io(e))
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let first: &(dyn Error + 'static) = error;
    std::iter::successors(Some(first), |&e| e.source())
}

/// The innermost reason: the outer ones hold the URL, and say little.
fn cause(error: &reqwest::Error) -> String {
    match causes(error).skip(1).last() {
        Some(inner) => inner.to_string(),
        None => "the request could not be made".into(),
    }
}

/// A body that tells when the connection asks for it: until then no byte of the request has left.
struct Marked {
    body: Option<Bytes>,
    begun: Arc<AtomicBool>,
}

impl Body for Marked {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.begun.store(true, Ordering::Release);
        Poll::Ready(self.body.take().filter(|b| !b.is_empty()).map(|b| Ok(Frame::data(b))))
    }
    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Bytes::is_empty)
    }
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.body.as_ref().map_or(0, |b| b.len() as u64))
    }
}
