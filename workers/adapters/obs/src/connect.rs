//! From an address to an identified websocket, every step bounded in time, every failure with its state and hint.

use crate::{
    auth,
    limits::{Limits, MESSAGE_MAX_BYTES, RPC_VERSION, WRITE_BUFFER_MAX_BYTES},
    protocol::{self, Hello, Incoming},
};
use futures::{SinkExt, StreamExt};
use if_engine::{AdapterError, Secret};
use if_schemas::presence::InstanceState;
use std::time::Duration;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Error as WsError, Message,
        error::ProtocolError,
        protocol::{CloseFrame, WebSocketConfig},
    },
};

pub type Socket = WebSocketStream<TcpStream>;

/// obs-websocket's close codes that say more than "closed".
const CLOSE_AUTHENTICATION_FAILED: u16 = 4009;
const CLOSE_UNSUPPORTED_RPC_VERSION: u16 = 4010;
const CLOSE_SESSION_INVALIDATED: u16 = 4011;

const HINT_RUNNING: &str = "check that OBS runs there and that Tools > WebSocket Server Settings > Enable WebSocket server \
     is on, with this port";
const HINT_NOT_OBS: &str =
    "something else listens on this port: take the port shown in Tools > WebSocket Server Settings";
const HINT_OLD: &str = "update OBS Studio to 28 or later: it brings obs-websocket 5";
const HINT_PASSWORD: &str =
    "set `password` of the instance to the one shown in Tools > WebSocket Server Settings > Show Connect Info";

/// Where OBS is and how to log in.
#[derive(Debug, Clone)]
pub struct Target {
    pub host: String,
    pub port: u16,
    pub password: Option<Secret>,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Connects, upgrades and identifies.
pub async fn open(target: &Target, limits: &Limits) -> Result<Socket, AdapterError> {
    let stream = tcp(target, limits.connect).await?;
    let mut socket = upgrade(target, stream, limits.upgrade).await?;
    match timeout(limits.identify, identify(target, &mut socket)).await {
        Ok(result) => result?,
        Err(_) => {
            return Err(disconnected(
                format!("{target} speaks websocket but did not greet as obs-websocket 5 within {:?}", limits.identify),
                "OBS may hang, or this is obs-websocket 4, which waits for the client: it needs OBS Studio 28 or later",
            ));
        }
    }
    Ok(socket)
}

async fn tcp(target: &Target, limit: Duration) -> Result<TcpStream, AdapterError> {
    let stream = match timeout(limit, TcpStream::connect((target.host.as_str(), target.port))).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            return Err(disconnected(format!("cannot connect to OBS at {target}: {error}"), HINT_RUNNING));
        }
        Err(_) => {
            let hint = "check the address, the network and the firewall of the OBS computer";
            return Err(disconnected(format!("no answer from {target} within {limit:?}"), hint));
        }
    };
    stream
        .set_nodelay(true)
        .map_err(|error| disconnected(format!("the connection to {target} was lost: {error}"), HINT_RUNNING))?;
    Ok(stream)
}

fn websocket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(16 << 10)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER_MAX_BYTES)
        .max_message_size(Some(MESSAGE_MAX_BYTES))
        .max_frame_size(Some(MESSAGE_MAX_BYTES))
}

async fn upgrade(target: &Target, stream: TcpStream, limit: Duration) -> Result<Socket, AdapterError> {
    let url = format!("ws://{target}/");
    match timeout(limit, client_async_with_config(url, stream, Some(websocket_config()))).await {
        Ok(Ok((socket, _response))) => Ok(socket),
        Ok(Err(WsError::Http(response))) => Err(unknown(
            format!("{target} is a web server, not obs-websocket: it answered {}", response.status()),
            HINT_NOT_OBS,
        )),
        Ok(Err(WsError::Url(error))) => {
            Err(AdapterError::new(InstanceState::BadConfig, format!("{target} is no address: {error}"))
                .hint("give a host name or an IP address without scheme and path"))
        }
        Ok(Err(WsError::HttpFormat(error))) => {
            Err(AdapterError::new(InstanceState::BadConfig, format!("{target} is no address: {error}"))
                .hint("give a host name or an IP address without scheme and path"))
        }
        Ok(Err(error)) => Err(lost(&format!("{target} during the websocket upgrade"), &error)),
        Err(_) => Err(disconnected(
            format!("{target} accepted the connection but did not finish the websocket upgrade within {limit:?}"),
            "OBS may hang, or something else listens on this port",
        )),
    }
}

async fn identify(target: &Target, socket: &mut Socket) -> Result<(), AdapterError> {
    let Incoming::Hello(hello) = receive(target, socket).await? else {
        return Err(unknown(format!("{target} did not greet with Hello"), HINT_NOT_OBS));
    };
    let answer = authentication(target, &hello)?;
    let text = protocol::identify(answer);
    socket.send(Message::text(text)).await.map_err(|error| lost(&target.to_string(), &error))?;
    let Incoming::Identified(identified) = receive(target, socket).await? else {
        return Err(unknown(format!("{target} answered Identify with something else"), HINT_NOT_OBS));
    };
    if identified.negotiated_rpc_version != RPC_VERSION {
        return Err(bad_rpc(target, identified.negotiated_rpc_version));
    }
    Ok(())
}

fn authentication(target: &Target, hello: &Hello) -> Result<Option<String>, AdapterError> {
    if hello.rpc_version < RPC_VERSION {
        return Err(bad_rpc(target, hello.rpc_version));
    }
    match (&hello.authentication, &target.password) {
        (None, _) => Ok(None),
        (Some(asked), Some(password)) => Ok(Some(auth::answer(password, &asked.salt, &asked.challenge))),
        (Some(_), None) => Err(AdapterError::new(
            InstanceState::AuthenticationFailure,
            format!("OBS at {target} wants a password and the instance has none"),
        )
        .hint(HINT_PASSWORD)),
    }
}

fn bad_rpc(target: &Target, version: u64) -> AdapterError {
    let message = format!("OBS at {target} speaks obs-websocket RPC version {version}, {RPC_VERSION} is needed");
    AdapterError::new(InstanceState::BadConfig, message).hint(HINT_OLD)
}

/// The next message. Control frames are answered by the library.
async fn receive(target: &Target, socket: &mut Socket) -> Result<Incoming, AdapterError> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => {
                return protocol::decode(text.as_str())
                    .map_err(|error| unknown(format!("{target} sent {error}"), HINT_NOT_OBS));
            }
            Some(Ok(Message::Binary(_))) => {
                return Err(unknown(format!("{target} sent a binary message"), HINT_NOT_OBS));
            }
            Some(Ok(Message::Close(frame))) => return Err(closed(&target.to_string(), frame.as_ref())),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(lost(&target.to_string(), &error)),
            None => return Err(disconnected(format!("{target} closed the connection"), HINT_RUNNING)),
        }
    }
}

/// What a close frame from OBS means.
pub fn closed(whom: &str, frame: Option<&CloseFrame>) -> AdapterError {
    let Some(frame) = frame else { return disconnected(format!("{whom} closed the connection"), HINT_RUNNING) };
    let code = u16::from(frame.code);
    let reason = if frame.reason.is_empty() { String::new() } else { format!(": {}", frame.reason.as_str()) };
    match code {
        CLOSE_AUTHENTICATION_FAILED => {
            AdapterError::new(InstanceState::AuthenticationFailure, format!("{whom} refused the password"))
                .hint(HINT_PASSWORD)
        }
        CLOSE_UNSUPPORTED_RPC_VERSION => AdapterError::new(
            InstanceState::BadConfig,
            format!("{whom} does not speak RPC version {RPC_VERSION}{reason}"),
        )
        .hint(HINT_OLD),
        CLOSE_SESSION_INVALIDATED => {
            disconnected(format!("{whom} ended this session{reason}"), "somebody removed it in the WebSocket settings")
        }
        1000 | 1001 | 1005 | 1006 => disconnected(format!("{whom} closed the connection{reason}"), HINT_RUNNING),
        _ => unknown(format!("{whom} closed the connection with code {code}{reason}"), HINT_NOT_OBS),
    }
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
            HINT_NOT_OBS,
        ),
        _ => unknown(format!("{whom} does not speak websocket: {error}"), HINT_NOT_OBS),
    }
}

pub fn disconnected(message: String, hint: &str) -> AdapterError {
    AdapterError::new(InstanceState::Disconnected, message).hint(hint)
}

pub fn unknown(message: String, hint: &str) -> AdapterError {
    AdapterError::new(InstanceState::UnknownError, message).hint(hint)
}
