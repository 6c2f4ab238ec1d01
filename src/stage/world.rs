//! The rest of the world, as a stage's servers see it: every name has an address, and at every
//! address a mail server takes everything and keeps it.

use super::line::Line;
use super::namespace::within;
use simple_dns::rdata::{A, MX, RData};
use simple_dns::{CLASS, Name, Packet, QTYPE, RCODE, ResourceRecord, TYPE};
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The address of every name (RFC 5737 keeps it for such uses).
const SOMEBODY: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 25);

/// How often a thread looks whether it is still needed.
const BREATH: Duration = Duration::from_millis(100);

/// How much of a message is kept, in bytes: what it is about stands at its head.
const KEPT: usize = 64 << 10;

/// A message that left the stage.
#[derive(Clone, Debug)]
pub struct Posted {
    /// The host that was asked to take it.
    pub host: IpAddr,
    /// Envelope sender.
    pub sender: Vec<u8>,
    /// Envelope recipients.
    pub recipients: Vec<Vec<u8>>,
    /// Its first 64 KiB, lines ending with LF.
    pub text: Vec<u8>,
}

/// Answers for everybody.
#[derive(Debug)]
pub(super) struct World {
    namespace: PathBuf,
    posted: Arc<Mutex<Vec<Posted>>>,
    ports: Mutex<BTreeSet<u16>>,
    over: Arc<AtomicBool>,
}

impl World {
    /// Opens name server and mail server in a network namespace.
    pub(super) fn open(namespace: PathBuf) -> io::Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let (posted, ports) = (Arc::default(), Mutex::default());
        let names = within(namespace.clone(), || UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 53)))?;
        names.set_read_timeout(Some(BREATH))?;
        let done = Arc::clone(&over);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 4096];
            while !done.load(Ordering::Relaxed) {
                let Ok((length, from)) = names.recv_from(&mut buffer) else { continue };
                if let Some(answer) = answer(buffer.get(..length).unwrap_or_default()) {
                    // Who asked will ask again.
                    let _ = names.send_to(&answer, from).is_ok();
                }
            }
        });
        let world = Self { namespace, posted, ports, over };
        world.listen(25)?;
        Ok(world)
    }

    /// Takes mail on a port, on all addresses.
    pub(super) fn listen(&self, port: u16) -> io::Result<()> {
        if !self.ports.lock().unwrap_or_else(PoisonError::into_inner).insert(port) {
            return Ok(());
        }
        let listener = within(self.namespace.clone(), move || {
            // Both families where there are two.
            TcpListener::bind((std::net::Ipv6Addr::UNSPECIFIED, port))
                .or_else(|_| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)))
        })?;
        serve(listener, &self.posted, &self.over)
    }

    /// The messages that left the stage since this was last asked.
    pub(super) fn take_posted(&self) -> Vec<Posted> {
        std::mem::take(&mut *self.posted.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// The answer to a question: every domain's mail is for `mx` beneath it, every name has an address,
/// and no address has a name or is on a black list.
fn answer(question: &[u8]) -> Option<Vec<u8>> {
    let mut packet = Packet::parse(question).ok()?.into_reply();
    let asked = packet.questions.first()?.clone();
    let name = asked.qname.to_string().to_ascii_lowercase();
    let labels: Vec<&str> = name.split('.').collect();
    let is_reversed = labels.iter().take_while(|label| label.parse::<u8>().is_ok()).count() >= 4
        || labels.ends_with(&["arpa"]);
    let exchange = format!("mx.{name}");
    let data = match asked.qtype {
        _ if is_reversed => None,
        QTYPE::TYPE(TYPE::A) => Some(RData::A(A { address: SOMEBODY.into() })),
        QTYPE::TYPE(TYPE::MX) => {
            Some(RData::MX(MX { preference: 10, exchange: Name::new(&exchange).ok()? }))
        }
        _ => None,
    };
    if is_reversed {
        *packet.rcode_mut() = RCODE::NameError;
    }
    let record = |data| ResourceRecord::new(asked.qname.clone(), CLASS::IN, 60, data);
    packet.answers.extend(data.map(record));
    packet.build_bytes_vec().ok()
}

/// Takes all mail on a port of a namespace's own, by LMTP, and forgets it.
pub(super) fn swallow(namespace: PathBuf, port: u16, over: &Arc<AtomicBool>) -> io::Result<()> {
    let listener = within(namespace, move || TcpListener::bind((Ipv4Addr::LOCALHOST, port)))?;
    serve(listener, &Arc::default(), over)
}

/// Serves whoever connects, until it is over.
fn serve(
    listener: TcpListener,
    posted: &Arc<Mutex<Vec<Posted>>>,
    over: &Arc<AtomicBool>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let (posted, over) = (Arc::clone(posted), Arc::clone(over));
    std::thread::spawn(move || {
        while !over.load(Ordering::Relaxed) {
            let Ok((stream, _)) = listener.accept() else {
                std::thread::sleep(BREATH / 20);
                continue;
            };
            let posted = Arc::clone(&posted);
            std::thread::spawn(move || {
                let line = stream.set_nonblocking(false).and_then(|()| Line::over(stream));
                // A client that hangs up has had its reasons, and will try again.
                let _ = line.and_then(|mut line| take_mail(&mut line, &posted)).is_ok();
            });
        }
    });
    Ok(())
}

/// The receiving side of SMTP (RFC 5321, 6531) or LMTP (RFC 2033), which says yes to everything.
fn take_mail(line: &mut Line, posted: &Mutex<Vec<Posted>>) -> io::Result<()> {
    let host = line.own_address()?.ip().to_canonical();
    let (mut sender, mut recipients) = (Vec::new(), Vec::new());
    // LMTP answers a message once for each recipient.
    let mut is_lmtp = false;
    line.send(b"220 world.invalid ESMTP")?;
    loop {
        let command = line.take()?;
        let verb = command.get(..4).unwrap_or_default().to_ascii_uppercase();
        match verb.as_slice() {
            b"EHLO" | b"LHLO" => {
                is_lmtp = verb == b"LHLO";
                line.send(b"250-world.invalid\r\n250-8BITMIME\r\n250 SMTPUTF8")?;
            }
            b"MAIL" => {
                sender = path(&command);
                recipients.clear();
                line.send(b"250 2.1.0 Ok")?;
            }
            b"RCPT" => {
                recipients.push(path(&command));
                line.send(b"250 2.1.5 Ok")?;
            }
            b"DATA" => {
                line.send(b"354 Go on")?;
                let text = text(line)?;
                let recipients = std::mem::take(&mut recipients);
                let answers = if is_lmtp { recipients.len() } else { 1 };
                let one = Posted { host, sender: std::mem::take(&mut sender), recipients, text };
                posted.lock().unwrap_or_else(PoisonError::into_inner).push(one);
                for _ in 0..answers {
                    line.send(b"250 2.0.0 Kept")?;
                }
            }
            b"QUIT" => return line.send(b"221 2.0.0 Bye"),
            b"" => return Ok(()),
            _ => line.send(b"250 2.0.0 Ok")?,
        }
    }
}

/// What stands between the angle brackets.
fn path(command: &[u8]) -> Vec<u8> {
    let begin = command.iter().position(|byte| *byte == b'<').map_or(0, |at| at + 1);
    let end = command.iter().rposition(|byte| *byte == b'>').unwrap_or(command.len());
    command.get(begin..end).unwrap_or_default().to_vec()
}

/// A message up to the lone dot.
fn text(line: &mut Line) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    loop {
        let mut next = line.take()?;
        match next.as_slice() {
            b"." => return Ok(text),
            [b'.', ..] => drop(next.remove(0)),
            _ => {}
        }
        if text.len() < KEPT {
            text.extend_from_slice(&next);
            text.push(b'\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{answer, path};
    use simple_dns::{CLASS, Name, Packet, Question, TYPE};

    fn ask(name: &str, kind: TYPE) -> Vec<String> {
        let mut packet = Packet::new_query(7);
        let name = Name::new(name).unwrap();
        packet.questions.push(Question::new(name, kind.into(), CLASS::IN.into(), false));
        let answered = answer(&packet.build_bytes_vec().unwrap()).unwrap();
        let answered = Packet::parse(&answered).unwrap();
        assert_eq!(answered.id(), 7);
        answered.answers.iter().map(|answer| format!("{:?}", answer.rdata)).collect()
    }

    #[test]
    fn every_name_has_an_address_and_no_address_a_name() {
        assert!(ask("a.example", TYPE::MX)[0].contains("mx"));
        assert_eq!(ask("mx.a.example", TYPE::A).len(), 1);
        assert!(ask("mx.a.example", TYPE::AAAA).is_empty());
        assert!(ask("1.2.0.192.in-addr.arpa", TYPE::PTR).is_empty());
        assert!(ask("1.2.0.192.blocked.example", TYPE::A).is_empty());
        assert_eq!(answer(b"nonsense"), None);
    }

    #[test]
    fn a_path_is_what_the_brackets_hold() {
        assert_eq!(path(b"RCPT TO:<\"a>b\"@x.example> X=1"), b"\"a>b\"@x.example");
        assert_eq!(path(b"MAIL FROM:<>"), b"");
    }
}
