//! Clients of the three protocols, a line at a time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::net::{IpAddr, Ipv4Addr};
use unqmail::stage::{self, Stage};

/// The host itself.
pub const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A client out in the world; each number is another one.
pub fn outside(number: usize) -> IpAddr {
    let [_, _, high, low] = u32::try_from(number % 0xfffe + 1).unwrap().to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(198, 18, high, low))
}

/// Where servers run.
pub trait Host: Sync {
    /// Connects to a server from a client's address, which may be [`HERE`].
    fn connect(&self, port: u16, from: IpAddr) -> stage::Line;
    /// What the servers have logged so far.
    fn log(&self) -> Vec<String>;
    /// Whether a line end counts as two bytes of a quota.
    fn counts_line_ends(&self) -> bool {
        false
    }
}

impl Host for Stage {
    fn connect(&self, port: u16, from: IpAddr) -> stage::Line {
        Self::connect(self, port, (from != HERE).then_some(from)).unwrap()
    }

    fn log(&self) -> Vec<String> {
        Self::log(self)
    }
}

/// An open connection.
pub struct Line(stage::Line);

impl Line {
    /// Connects and takes the greeting.
    pub fn open(stage: &dyn Host, port: u16, from: IpAddr) -> Self {
        let mut line = Self(stage.connect(port, from));
        line.read();
        line
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.0.send(bytes).unwrap();
    }

    pub fn read(&mut self) -> String {
        String::from_utf8_lossy(&self.0.take().unwrap()).into_owned()
    }

    /// Sends a line; the answer of an SMTP server, its last line.
    pub fn smtp(&mut self, command: &[u8]) -> String {
        self.0.smtp(command).unwrap().text
    }

    /// Sends a command; the tagged answer of an IMAP server, after what came before it.
    pub fn imap(&mut self, command: &str) -> (Vec<String>, String) {
        self.send(format!("t {command}").as_bytes());
        let mut before = Vec::new();
        loop {
            let line = self.read();
            if line.is_empty() || line.starts_with("t ") {
                return (before, line);
            }
            before.push(line);
        }
    }
}

/// Whether IMAP lets somebody in.
pub fn imap_login(stage: &dyn Host, from: IpAddr, user: &str, password: &str) -> bool {
    let mut line = Line::open(stage, 143, from);
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let (_, answer) = line.imap(&format!("LOGIN {} {}", quoted(user), quoted(password)));
    answer.starts_with("t OK")
}

/// Whether POP3 lets somebody in.
pub fn pop3_login(stage: &dyn Host, from: IpAddr, user: &str, password: &str) -> bool {
    let mut line = Line::open(stage, 110, from);
    line.send(format!("USER {user}").as_bytes());
    line.read();
    line.send(format!("PASS {password}").as_bytes());
    line.read().starts_with("+OK")
}

/// Whether SMTP AUTH takes a password.
pub fn smtp_login(stage: &dyn Host, from: IpAddr, user: &str, password: &str) -> bool {
    let mut line = Line::open(stage, 587, from);
    line.smtp(b"EHLO client.example");
    let plain = STANDARD.encode(format!("\0{user}\0{password}"));
    line.smtp(format!("AUTH PLAIN {plain}").as_bytes()).starts_with("235")
}

/// Sends a message; `Err` is the answer to the recipient or the message that was no yes.
pub fn send(
    stage: &Stage,
    from: IpAddr,
    sender: &str,
    recipient: &[u8],
    text: &str,
) -> Result<(), String> {
    let mut line = Line::open(stage, 25, from);
    let yes = |answer: String, code: &str| {
        if answer.starts_with(code) { Ok(()) } else { Err(answer) }
    };
    line.smtp(b"EHLO client.example");
    yes(line.smtp(format!("MAIL FROM:<{sender}>").as_bytes()), "250")?;
    yes(line.smtp(&[b"RCPT TO:<", recipient, b">"].concat()), "250")?;
    yes(line.smtp(b"DATA"), "354")?;
    yes(line.smtp(format!("{}\r\n.", text.replace('\n', "\r\n")).as_bytes()), "250")
}
