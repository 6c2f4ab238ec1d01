//! A connection to a server, line by line.

use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, connect as connect_to, socket_with,
};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// An open connection.
#[derive(Debug)]
pub struct Line {
    reader: BufReader<TcpStream>,
}

/// What an SMTP server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Three digits; 0 where the server hung up.
    pub code: u16,
    /// Its last line, the code included.
    pub text: String,
}

impl Answer {
    /// Whether the server agrees, or waits for more.
    pub fn is_yes(&self) -> bool {
        matches!(self.code, 200..=399)
    }
}

impl Line {
    /// Connects from the network of the thread that calls; `from` chooses the client's address.
    pub(super) fn connect(to: SocketAddr, from: Option<IpAddr>) -> io::Result<Self> {
        let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        if let Some(from) = from {
            bind(&socket, &SocketAddr::new(from, 0))?;
        }
        connect_to(&socket, &to)?;
        Self::over(TcpStream::from(socket))
    }

    /// A connection that is open.
    ///
    /// # Errors
    /// Where the connection has gone.
    pub fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { reader: BufReader::new(stream) })
    }

    /// The address at this end.
    pub(super) fn own_address(&self) -> io::Result<SocketAddr> {
        self.reader.get_ref().local_addr()
    }

    /// Sends a line; its end is added.
    pub fn send(&mut self, line: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(&[line, b"\r\n"].concat())
    }

    /// Takes a line without its end; empty at the end of the connection.
    pub fn take(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line)?;
        while line.last().is_some_and(|last| matches!(last, b'\r' | b'\n')) {
            line.pop();
        }
        Ok(line)
    }

    /// Takes so many bytes.
    pub fn take_bytes(&mut self, count: usize) -> io::Result<Vec<u8>> {
        // The server's word is not enough to set memory aside.
        let limit = u64::try_from(count).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        self.reader.by_ref().take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Takes an SMTP server's answer, which may have several lines.
    pub fn answer(&mut self) -> io::Result<Answer> {
        loop {
            let line = self.take()?;
            if line.get(3) != Some(&b'-') {
                let text = String::from_utf8_lossy(&line).into_owned();
                let code = text.get(..3).and_then(|code| code.parse().ok()).unwrap_or(0);
                return Ok(Answer { code, text });
            }
        }
    }

    /// Sends an SMTP command and takes the answer.
    pub fn smtp(&mut self, command: &[u8]) -> io::Result<Answer> {
        self.send(command)?;
        self.answer()
    }
}
