//! From an address to a logged-in websocket with everything loaded; every step bounded in time, every failure with its
//! state and hint.

use crate::{
    limits::{Limits, MESSAGE_MAX_BYTES, VERSION_MIN, WRITE_BUFFER_MAX_BYTES},
    protocol::{self, Incoming},
    target::{HINT_TOKEN, Target, bad_config},
};
use futures::{SinkExt, StreamExt};
use if_engine::{AdapterError, hosts::is_private, http::TlsSettings};
use if_schemas::presence::InstanceState;
use rustls_pki_types::ServerName;
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Error as WsError, Message,
        error::ProtocolError,
        protocol::{CloseFrame, WebSocketConfig},
    },
};

/// TCP, with or without TLS.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

pub type Socket = WebSocketStream<Box<dyn Wire>>;

pub const HINT_RUNNING: &str = "check that Home Assistant runs there, and address and port; it is 8123 unless changed";
const HINT_NOT_HA: &str =
    "something else listens there: give the address and port that open Home Assistant in a browser";
const HINT_OLD: &str = "update Home Assistant";
const HINT_TLS: &str = "set ca_file of the instance to the certificate authority of Home Assistant, or url to the name its \
     certificate is for";

/// A session that may begin.
pub struct LoggedIn {
    pub socket: Socket,
    /// As Home Assistant gives it.
    pub version: Option<String>,
    /// Where the connection leads.
    pub address: IpAddr,
    pub tls: TlsSettings,
}

/// Connects, upgrades and logs in.
pub async fn open(target: &Target, limits: &Limits) -> Result<LoggedIn, AdapterError> {
    let tls = target.tls_settings().await?;
    let stream = tcp(target, limits.connect).await?;
    let address = stream.peer_addr().map_err(|e| disconnected(format!("{target} was lost: {e}"), HINT_RUNNING))?.ip();
    let wire: Box<dyn Wire> = match target.tls {
        true => handshake(target, &tls, address, stream, limits.upgrade).await?,
        false if is_local(address) => Box::new(stream),
        false => {
            return Err(bad_config(format!("{target} is at the public address {address}, and has no TLS"))
                .hint("the token would cross the network for all to read: use https"));
        }
    };
    let mut socket = upgrade(target, wire, limits.upgrade).await?;
    match timeout(limits.login, login(target, &mut socket)).await {
        Ok(version) => Ok(LoggedIn { socket, version: version?, address, tls }),
        Err(_) => Err(disconnected(
            format!("{target} speaks websocket but did not finish the login within {:?}", limits.login),
            "Home Assistant may be starting or hang; it is tried again",
        )),
    }
}

/// Loopback, private or of this link alone: `homeassistant.local` often leads to the last.
fn is_local(address: IpAddr) -> bool {
    let of_link = match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    of_link || is_private(&address.to_string())
}

async fn tcp(target: &Target, limit: Duration) -> Result<TcpStream, AdapterError> {
    let stream = match timeout(limit, TcpStream::connect((target.host.as_str(), target.port))).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            return Err(disconnected(format!("cannot connect to Home Assistant at {target}: {error}"), HINT_RUNNING));
        }
        Err(_) => {
            let hint = "check the address, the network and the firewall";
            return Err(disconnected(format!("no answer from {target} within {limit:?}"), hint));
        }
    };
    let lost = |error| disconnected(format!("the connection to {target} was lost: {error}"), HINT_RUNNING);
    stream.set_nodelay(true).map_err(lost)?;
    Ok(stream)
}

async fn handshake(
    target: &Target,
    tls: &TlsSettings,
    address: IpAddr,
    stream: TcpStream,
    limit: Duration,
) -> Result<Box<dyn Wire>, AdapterError> {
    let private = is_local(address);
    if !target.verifies() && !private {
        return Err(bad_config(format!("verify_tls is false, and {target} is at the public address {address}"))
            .hint("only loopback and private addresses may go unverified: set ca_file instead"));
    }
    let config = tls.for_connection(private).map_err(|e| bad_config(format!("TLS to {target}: {e}")).hint(HINT_TLS))?;
    let name = ServerName::try_from(target.host.clone())
        .map_err(|_| bad_config(format!("{:?} is no name a certificate could be for", target.host)))?;
    match timeout(limit, TlsConnector::from(Arc::new(config)).connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) if error.to_string().contains("certificate") => {
            Err(bad_config(format!("the certificate of {target} cannot be trusted: {error}")).hint(HINT_TLS))
        }
        Ok(Err(error)) => Err(disconnected(
            format!("TLS with {target} failed: {error}"),
            "does Home Assistant speak TLS on this port? Without it give http or leave tls out",
        )),
        Err(_) => Err(disconnected(format!("{target} did not finish the TLS handshake within {limit:?}"), HINT_NOT_HA)),
    }
}

fn websocket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(64 << 10)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER_MAX_BYTES)
        .max_message_size(Some(MESSAGE_MAX_BYTES))
        .max_frame_size(Some(MESSAGE_MAX_BYTES))
}

async fn upgrade(target: &Target, wire: Box<dyn Wire>, limit: Duration) -> Result<Socket, AdapterError> {
    let scheme = if target.tls { "wss" } else { "ws" };
    let url = target.to_string();
    let url = format!("{scheme}{}/api/websocket", url.trim_start_matches("https").trim_start_matches("http"));
    match timeout(limit, client_async_with_config(url, wire, Some(websocket_config()))).await {
        Ok(Ok((socket, _response))) => Ok(socket),
        Ok(Err(WsError::Http(response))) => Err(unknown(
            format!("{target} answered {} where the websocket of Home Assistant should be", response.status()),
            "is it Home Assistant? A proxy before it must pass websockets on (Upgrade, /api/websocket)",
        )),
        Ok(Err(WsError::Url(error))) => Err(bad_config(format!("{target} is no address: {error}"))),
        Ok(Err(WsError::HttpFormat(error))) => Err(bad_config(format!("{target} is no address: {error}"))),
        Ok(Err(error)) => Err(lost(&format!("{target} during the websocket upgrade"), &error)),
        Err(_) => Err(disconnected(
            format!("{target} accepted the connection but did not finish the websocket upgrade within {limit:?}"),
            "Home Assistant may hang, or something else listens on this port",
        )),
    }
}

/// Gives the version.
async fn login(target: &Target, socket: &mut Socket) -> Result<Option<String>, AdapterError> {
    let Incoming::AuthRequired = receive(target, socket).await? else {
        return Err(unknown(format!("{target} did not ask for a login as Home Assistant does"), HINT_NOT_HA));
    };
    let text = protocol::auth(target.token.expose().trim());
    socket.send(Message::text(text)).await.map_err(|error| lost(&target.to_string(), &error))?;
    match receive(target, socket).await? {
        Incoming::AuthOk { version } => {
            if version.as_deref().and_then(number).is_some_and(|number| number < VERSION_MIN) {
                let (year, month) = VERSION_MIN;
                let said = version.unwrap_or_default();
                return Err(
                    bad_config(format!("{target} is Home Assistant {said}, {year}.{month} is needed")).hint(HINT_OLD)
                );
            }
            Ok(version)
        }
        Incoming::AuthInvalid => Err(AdapterError::new(
            InstanceState::AuthenticationFailure,
            format!("Home Assistant at {target} refused the token: it is wrong, expired or was revoked"),
        )
        .hint(HINT_TOKEN)),
        _ => Err(unknown(format!("{target} answered the login with something else"), HINT_NOT_HA)),
    }
}

/// Year and month; none of a version of another form, which is taken as a later one.
fn number(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The next message. Control frames are answered by the library.
pub async fn receive(target: &Target, socket: &mut Socket) -> Result<Incoming, AdapterError> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => {
                return protocol::decode(text.as_str())
                    .map_err(|error| unknown(format!("{target} sent {error}"), HINT_NOT_HA));
            }
            Some(Ok(Message::Binary(_))) => {
                return Err(unknown(format!("{target} sent a binary message"), HINT_NOT_HA));
            }
            Some(Ok(Message::Close(frame))) => return Err(closed(&target.to_string(), frame.as_ref())),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(lost(&target.to_string(), &error)),
            None => return Err(disconnected(format!("{target} closed the connection"), HINT_RUNNING)),
        }
    }
}

/// What a close frame means.
pub fn closed(whom: &str, frame: Option<&CloseFrame>) -> AdapterError {
    let reason = frame.map(|f| f.reason.as_str()).filter(|r| !r.is_empty()).map(|r| format!(": {r}"));
    disconnected(format!("{whom} closed the connection{}", reason.unwrap_or_default()), "it stops or starts again")
}

/// What a websocket error means.
pub fn lost(whom: &str, error: &WsError) -> AdapterError {
    match error {
        WsError::Io(_)
        | WsError::ConnectionClosed
        | WsError::AlreadyClosed
        | WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake | ProtocolError::HandshakeIncomplete) => {
            disconnected(format!("the connection to {whom} was lost: {error}"), HINT_RUNNING)
        }
        WsError::Capacity(_) | WsError::WriteBufferFull(_) => unknown(
            format!(
                "{whom} sent more than the {MESSAGE_MAX_BYTES} bytes a message may have, or reads nothing: {error}"
            ),
            HINT_NOT_HA,
        ),
        _ => unknown(format!("{whom} does not speak websocket: {error}"), HINT_NOT_HA),
    }
}

pub fn disconnected(message: String, hint: &str) -> AdapterError {
    AdapterError::new(InstanceState::Disconnected, message).hint(hint)
}

pub fn unknown(message: String, hint: &str) -> AdapterError {
    AdapterError::new(InstanceState::UnknownError, message).hint(hint)
}
