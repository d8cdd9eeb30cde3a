//! Which ports to listen on. Loopback only.

use crate::{CliError, clock, nats_conf::PORT_DEFAULT};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// Where metrics and health are served unless something else does.
const HTTP_PORT_DEFAULT: u16 = 9_464;

/// Where free ports are looked for. Below what systems give to outgoing connections (from 32768 on Linux, 49152 elsewhere):
/// there, a client that tries to reconnect to a server that is down could be given the server's own port.
const FREE_PORTS: std::ops::Range<u16> = 10_000..32_768;
/// Ports tried before giving up.
const FREE_PORT_ATTEMPTS: usize = 64;

/// The port of the embedded server and whether it was asked for: that one, any free one if 0 was asked for, or 4222, or a
/// free one where that is taken.
pub fn choose_nats(wanted: Option<u16>) -> Result<(u16, bool), CliError> {
    match wanted {
        Some(0) => Ok((free_port()?, false)),
        Some(port) if is_free(loopback(port)) => Ok((port, true)),
        Some(port) => Err(CliError::failed(format!("port {port} is in use by another program"))
            .hint("choose another one with --port, or leave it out for a free one")),
        None if is_free(loopback(PORT_DEFAULT)) => Ok((PORT_DEFAULT, false)),
        None => Ok((free_port()?, false)),
    }
}

/// The broker's HTTP address and whether it was asked for: that one, 9464, or a free port.
pub fn choose_http(wanted: Option<SocketAddr>) -> Result<(SocketAddr, bool), CliError> {
    match wanted {
        Some(address) if address.port() == 0 => Ok((SocketAddr::new(address.ip(), free_port()?), false)),
        Some(address) if is_free(address) => Ok((address, true)),
        Some(address) => {
            Err(CliError::failed(format!("{address} is in use by another program, or is no address of this machine"))
                .hint("choose another one with --http"))
        }
        None if is_free(loopback(HTTP_PORT_DEFAULT)) => Ok((loopback(HTTP_PORT_DEFAULT), false)),
        None => Ok((loopback(free_port()?), false)),
    }
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn is_free(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_ok()
}

/// A port nobody listens on right now. Somebody may take it before we do; starting is then tried with another.
pub fn free_port() -> Result<u16, CliError> {
    for _ in 0..FREE_PORT_ATTEMPTS {
        let port = FREE_PORTS.start + u16::from_be_bytes(clock::random()?) % (FREE_PORTS.end - FREE_PORTS.start);
        if is_free(loopback(port)) {
            return Ok(port);
        }
    }
    Err(CliError::failed(format!("no free port on loopback: {FREE_PORT_ATTEMPTS} were tried")))
}
