//! A loopback port that leads to a Unix socket: the way into a network namespace, from which the file system is shared.

use std::{
    io,
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// Listens until dropped. A connection is closed at once while nobody listens at the socket.
pub struct Relay {
    port: u16,
    stopped: Arc<AtomicBool>,
}

impl Relay {
    pub fn start(socket: PathBuf) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = stopped.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Acquire) {
                    return;
                }
                // A client that left before it was accepted needs nothing.
                let Ok(stream) = stream else { continue };
                let _ = lead(stream, &socket);
            }
        });
        Ok(Self { port, stopped })
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        // Wakes the thread, which then sees that it is to end.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

fn lead(outside: TcpStream, socket: &Path) -> io::Result<()> {
    let inside = UnixStream::connect(socket)?;
    let (mut from_outside, mut to_inside) = (outside.try_clone()?, inside.try_clone()?);
    thread::spawn(move || {
        // Either end may break at any time: the other then sees a closed connection.
        let _ = io::copy(&mut from_outside, &mut to_inside);
        let _ = to_inside.shutdown(Shutdown::Both);
        let _ = from_outside.shutdown(Shutdown::Both);
    });
    let (mut from_inside, mut to_outside) = (inside, outside);
    thread::spawn(move || {
        let _ = io::copy(&mut from_inside, &mut to_outside);
        let _ = to_outside.shutdown(Shutdown::Both);
        let _ = from_inside.shutdown(Shutdown::Both);
    });
    Ok(())
}
