//! Answers: `vacation` (RFC 5230, RFC 6131).

use super::Needs;
use super::text::{OWN, multi_line, quoted, wildcards};
use crate::model::Address;
use crate::model::filter::Answer;
use crate::model::pattern::Pattern;
use crate::model::responder::Subject;
use std::fmt::Write as _;

/// Seconds in a day.
const DAY: u64 = 86_400;

pub(super) fn is_in_days(answer: &Answer) -> bool {
    seconds(answer).is_multiple_of(DAY)
}

/// Pigeonhole counts from one, as the configuration says.
fn seconds(answer: &Answer) -> u64 {
    answer.seconds.max(1)
}

/// `vacation`, behind what remembers the message's subject where the answer names it (RFC 5229).
pub(super) fn vacation(answer: &Answer, indent: &str, needs: &mut Needs) -> String {
    let reply = &answer.reply;
    let mut text = String::new();
    if let Some(Subject::Behind(front)) = &reply.subject {
        needs.insert("variables");
        text = remembered(front, indent);
    }
    let (extension, unit, window) = if is_in_days(answer) {
        ("vacation", "days", seconds(answer) / DAY)
    } else {
        ("vacation-seconds", "seconds", seconds(answer))
    };
    needs.insert(extension);
    let _ = write!(text, "vacation :{unit} {window}");
    let subject = match &reply.subject {
        Some(Subject::Own(subject)) => Some(quoted(subject)),
        Some(Subject::Behind(front)) => {
            let front = quoted(front);
            let front = front.strip_suffix('"').unwrap_or(&front);
            Some(format!("{front}{OWN}{{subject}}\""))
        }
        None => None,
    };
    if let Some(subject) = subject {
        let _ = write!(text, " :subject {subject}");
    }
    let own = answer.addresses.first().map(written).unwrap_or_default();
    let from = reply.from.as_deref().and_then(mailbox).unwrap_or(own);
    let _ = write!(text, " :from {}", quoted(&from));
    let addresses: Vec<String> = answer.addresses.iter().map(|to| quoted(&written(to))).collect();
    let _ = write!(text, " :addresses [{}]", addresses.join(", "));
    let body = if reply.is_html {
        text += " :mime";
        format!(
            "MIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{}",
            reply.text
        )
    } else {
        reply.text.clone()
    };
    text + &multi_line(&body)
}

/// What the message is about, without what shall be put before it.
fn remembered(front: &str, indent: &str) -> String {
    let front = quoted(&wildcards(&Pattern::text(front.trim_end())).unwrap_or_default());
    let front = front.strip_suffix('"').unwrap_or(&front);
    format!(
        "set \"subject\" \"\";\n\
        {indent}if anyof (header :matches \"subject\" {front} *\", header :matches \"subject\" \"*\") {{\n\
        {indent}  set \"subject\" \"{OWN}{{1}}\";\n\
        {indent}}}\n\
        {indent}"
    )
}

fn written(address: &Address) -> String {
    address.to_string()
}

/// The address in a `From` field, with the name before it where that is plain; nothing where the
/// field holds anything else, of which no script would be made.
fn mailbox(field: &str) -> Option<String> {
    let (name, address) = match field.rsplit_once('<') {
        Some((name, rest)) => (name.trim().trim_matches('"'), rest.trim_end().strip_suffix('>')?),
        None => ("", field),
    };
    let (local, domain) = address.trim().rsplit_once('@')?;
    let is_atom = |text: &str| {
        let is_char = |c: char| c.is_ascii_alphanumeric() || "!#$&'*+-/=?^_`{|}~".contains(c);
        text.split('.').all(|part| !part.is_empty() && part.chars().all(is_char))
    };
    if !is_atom(local) || !is_atom(domain) {
        return None;
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " -_".contains(c);
    let address = format!("{local}@{domain}");
    if name.is_empty() || !name.chars().all(is_plain) {
        return Some(address);
    }
    Some(format!("{name} <{address}>"))
}

#[cfg(test)]
mod tests {
    use super::mailbox;

    #[test]
    fn only_an_address_becomes_a_sender() {
        assert_eq!(mailbox("a.b@x.example").unwrap(), "a.b@x.example");
        assert_eq!(mailbox("\"Eve\" <e@x>").unwrap(), "Eve <e@x>");
        assert_eq!(mailbox("Évé <e@x>").unwrap(), "e@x");
        for bad in
            ["", "eve", "a b@x", "<a@x", "a@x>, <b@x", "a@x, b@x", "a..b@x", "a@x\r\nBcc: b@x"]
        {
            assert_eq!(mailbox(bad), None, "{bad}");
        }
    }
}
