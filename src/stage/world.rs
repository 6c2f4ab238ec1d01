//! Sockets of the stage's network.

use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, connect as connect_to, socket_with,
};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

/// Connects from the network of the thread that calls; `from` chooses the client's address.
pub(super) fn connect(to: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    if let Some(from) = from {
        bind(&socket, &SocketAddr::new(from, 0))?;
    }
    connect_to(&socket, &to)?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    stream.set_write_timeout(Some(Duration::from_mins(1)))?;
    Ok(stream)
}
