//! mailbot(1), Courier's autoresponder: what a call of it says (`mailbot.C`).

use super::Address;
use super::responder::{DAY, Responder, Said, Subject, base_name, number};
use bstr::{BString, ByteSlice as _};

/// Why a call is not one whose answer a script could give.
const REPORTS: &str = "it answers with a report, a draft or a copy";
const TO_OTHERS: &str = "its answer goes to others too";
const NO_CALL: &str = "the autoresponder is not called as its manual says";

/// Reads the words behind the program's name. Its answer is about the message's own subject where
/// no other is given, and quotes the message unless that is forbidden; without a database of senders
/// it answers each message.
///
/// # Errors
/// What the call asks for that no other program does.
///
/// ```
/// use bstr::BString;
/// use unqmail::model::mailbot::mailbot;
/// let words = ["-t", "away.txt", "-d", "senders", "-D7", "-N", "sendmail", "-f", ""];
/// let called = mailbot(&words.map(BString::from)).unwrap();
/// assert_eq!((called.message.to_string(), called.window), ("away.txt".into(), 7 * 86400));
/// ```
pub fn mailbot(words: &[BString]) -> Result<Responder, &'static str> {
    let (mut text, mut message) = (None, None);
    let (mut said, mut quotes) = (Said::default(), true);
    let (mut remembers, mut days) = (false, 1);
    let mut rest = words;
    while let Some((word, more)) = rest.split_first().filter(|(word, _)| word.starts_with(b"-")) {
        rest = more;
        let (letter, inline) = match word.as_slice() {
            b"--" => break,
            [_, letter, inline @ ..] => (*letter, inline),
            _ => return Err(NO_CALL),
        };
        match letter {
            b'N' => quotes = false,
            // The answer goes to the envelope sender, or is remembered by him: Sieve does both.
            b'e' => {}
            b'f' if inline.is_empty() => {}
            b'f' | b'a' | b'n' | b'-' => return Err(REPORTS),
            _ => {
                let value = if inline.is_empty() {
                    let (value, more) = rest.split_first().ok_or(NO_CALL)?;
                    rest = more;
                    value.clone()
                } else {
                    inline.into()
                };
                match letter {
                    b't' => text = Some(value),
                    b'm' => message = Some(value),
                    b'c' => said.charset = Some(value),
                    b's' => said.subject = Some(Subject::Own(value)),
                    b'r' => said.only = recipients(&value)?,
                    b'd' => remembers = !value.is_empty(),
                    b'D' => days = number(&value).ok_or(NO_CALL)?,
                    b'A' => field(&value, &mut said)?,
                    b'T' if value == "reply" || value.is_empty() => {}
                    b'M' if value.is_empty() => {}
                    // They only concern forwards and quotes.
                    b'F' | b'S' => {}
                    b'T' | b'M' | b'R' | b'l' => return Err(REPORTS),
                    _ => return Err(NO_CALL),
                }
            }
        }
    }
    mailer(rest)?;
    said.is_text = message.is_none();
    said.subject.get_or_insert(Subject::Behind("Re: ".into()));
    let ((Some(message), None) | (None, Some(message))) = (text, message) else {
        return Err(NO_CALL);
    };
    let window = if remembers { days.checked_mul(DAY).ok_or(NO_CALL)? } else { 0 };
    Ok(Responder { window, replies: 1, message, settings: None, quotes, marks: &[], said })
}

/// The addresses of which mail must name one to be answered.
fn recipients(list: &BString) -> Result<Vec<Address>, &'static str> {
    let address = |text: &[u8]| Address::parse(text.trim_ascii()).filter(Address::is_plain);
    let all: Option<Vec<Address>> = list.split_str(",").map(address).collect();
    all.ok_or("an address is not plain")
}

/// A field for the header of the answer.
fn field(text: &BString, said: &mut Said) -> Result<(), &'static str> {
    let (name, value) = text.split_once_str(":").ok_or(NO_CALL)?;
    let value = BString::from(value.trim_ascii());
    match name.to_ascii_lowercase().as_slice() {
        b"from" => said.from = Some(value),
        b"subject" => said.subject = Some(Subject::Own(value)),
        b"to" | b"cc" | b"bcc" | b"reply-to" => return Err(TO_OTHERS),
        name if name.starts_with(b"content-") => return Err(REPORTS),
        _ => said.has_more_fields = true,
    }
    Ok(())
}

/// The command that sends the answer must send it to nobody else: `sendmail [-t] [-f SENDER]`, which
/// stands for none at all.
fn mailer(words: &[BString]) -> Result<(), &'static str> {
    let Some((program, options)) = words.split_first() else { return Ok(()) };
    if !matches!(base_name(program).as_bytes(), b"sendmail" | b"qmail-inject") {
        return Err("its answer goes to a program");
    }
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match option.as_slice() {
            b"-f" => drop(options.next()),
            b"-t" | b"-i" | b"-oi" | b"-a" | b"-H" | [b'-', b'f', ..] => {}
            _ => return Err(TO_OTHERS),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Responder, Subject, mailbot};
    use bstr::BString;
    use proptest::prelude::*;

    fn read(line: &str) -> Result<Responder, &'static str> {
        let words: Vec<BString> =
            line.split(' ').map(|word| word.replace('_', " ").replace("''", "").into()).collect();
        mailbot(&words)
    }

    #[test]
    fn each_option_says_something_of_the_answer() {
        // As the web page of sqwebmail writes it.
        let called = read("-A X-Sender:_joe@a.example -A From:_Joe_<joe@a.example> -m ./m/away -N -d ./m/away.dat -D 3 sendmail -t -f ''").unwrap();
        assert_eq!((called.message.to_string().as_str(), called.window), ("./m/away", 3 * 86400));
        assert!(!called.quotes && !called.said.is_text && called.said.only.is_empty());
        assert!(called.said.has_more_fields);
        assert_eq!(called.said.from.unwrap(), "Joe <joe@a.example>");
        assert_eq!(called.said.subject, Some(Subject::Behind("Re: ".into())));
        let called = read("-taway -ciso-8859-1 -sGone_away -r a@x,_b@y -Treply -e -f").unwrap();
        assert!(called.quotes && called.said.is_text && called.window == 0);
        assert_eq!(called.said.subject, Some(Subject::Own("Gone away".into())));
        assert!(called.said.only.len() == 2 && !called.said.has_more_fields);
        assert_eq!(read("-t a -d x sendmail").unwrap().window, 86400);
        assert_eq!(read("-t a -d x -D 0 -- /usr/sbin/sendmail -fx").unwrap().window, 0);
    }

    #[test]
    fn what_answers_otherwise_is_told() {
        for (line, why) in [
            ("-t a -M joe@a.example", "report"),
            ("-t a -T replyall", "report"),
            ("-T replydraft -l x", "report"),
            ("-t a -n", "report"),
            ("-t a -fjoe@a.example", "report"),
            ("-t a --feedback-incidents 3", "report"),
            ("-t a -A Content-Type:_text/html", "report"),
            ("-t a -A Bcc:_eve@a.example", "others"),
            ("-t a sendmail eve@a.example", "others"),
            ("-t a cat", "a program"),
            ("-t a -r <", "not plain"),
            ("-t a -m b", "manual"),
            ("-t a -Z", "manual"),
            ("-t a -D x", "manual"),
            ("-t", "manual"),
            ("-N", "manual"),
        ] {
            let told = read(line).expect_err(line);
            assert!(told.contains(why), "{line}: {told}");
        }
    }

    proptest! {
        #[test]
        fn any_words_are_read(words in prop::collection::vec("[-a-zA-Z0-9:@,< ]{0,6}", 0..12)) {
            drop(mailbot(&words.into_iter().map(BString::from).collect::<Vec<_>>()));
        }
    }
}
