//! Sieve scripts (RFC 5228) of mailboxes: one for each filter, and the link that makes it the active
//! one, so that its owner can change it over `ManageSieve`.
//!
//! Texts of the old server stand in them only between quotes, and after `text:` only in lines that
//! are not the lone dot that ends it.

use crate::model::Address;
use crate::model::design::{Design, mailbox_home};
use crate::model::filter::{Answer, Filter, Rule};
use crate::target::{Artifact, Audience, Content};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The script's place in the mailbox's home, to which the link `.dovecot.sieve` beside it leads.
const SCRIPT: &str = "sieve/unqmail.sieve";

/// Seconds in a day.
const DAY: u64 = 86_400;

/// The scripts with their links.
pub(super) fn artifacts(design: &Design) -> impl Iterator<Item = Artifact> {
    design.filters.iter().flat_map(|(address, filter)| {
        let home = mailbox_home(address);
        let script = Artifact {
            path: home.join(SCRIPT),
            content: Content::file(render(filter)),
            audience: Audience::Mail,
        };
        let link = Artifact {
            path: home.join(".dovecot.sieve"),
            content: Content::Link(SCRIPT.into()),
            audience: Audience::Mail,
        };
        [script, link]
    })
}

/// Whether some answer is given more often than once in whole days.
pub(super) fn counts_seconds(design: &Design) -> bool {
    let answers = design.filters.values().flat_map(Filter::answers);
    answers.into_iter().any(|answer| !is_in_days(answer))
}

fn is_in_days(answer: &Answer) -> bool {
    answer.seconds.is_multiple_of(DAY)
}

fn render(filter: &Filter) -> String {
    let mut needs = BTreeSet::new();
    let rules: String = filter.rules.iter().map(|rule| command(rule, &mut needs)).collect();
    let mut text = format!("# Written by unqmail from {}\n", filter.origin);
    if !needs.is_empty() {
        let needs: Vec<String> = needs.into_iter().map(quoted).collect();
        let _ = writeln!(text, "require [{}];", needs.join(", "));
    }
    text + &rules
}

fn command(rule: &Rule, needs: &mut BTreeSet<&'static str>) -> String {
    match rule {
        Rule::Answer(answer) => vacation(answer, needs),
        Rule::Discard => "discard;\n".to_owned(),
    }
}

/// `vacation` (RFC 5230, RFC 6131).
fn vacation(answer: &Answer, needs: &mut BTreeSet<&'static str>) -> String {
    let reply = &answer.reply;
    let mut text = if is_in_days(answer) {
        needs.insert("vacation");
        format!("vacation :days {}", answer.seconds / DAY)
    } else {
        needs.insert("vacation-seconds");
        format!("vacation :seconds {}", answer.seconds)
    };
    if let Some(subject) = &reply.subject {
        let _ = write!(text, " :subject {}", quoted(subject));
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

/// A string on one line; control characters, which no field of a message may hold, become blanks.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// A text of several lines: no line of it ends it.
fn multi_line(text: &str) -> String {
    let mut lines = String::from(" text:\n");
    for line in text.lines() {
        let line: String = line.chars().filter(|c| !c.is_control() || *c == '\t').collect();
        if line.starts_with('.') {
            lines.push('.');
        }
        lines.push_str(&line);
        lines.push('\n');
    }
    lines + ".\n;\n"
}

#[cfg(test)]
mod tests {
    use super::{mailbox, multi_line, quoted, render};
    use crate::model::filter::{Answer, Filter, Rule};
    use crate::model::responder::Reply;
    use crate::model::{Address, Origin, RelPath};
    use proptest::prelude::*;

    fn answer(reply: Reply, seconds: u64) -> Filter {
        let addresses = ["eve@a.example", "info@b.example"];
        let addresses = addresses.map(|to| Address::parse(to.as_bytes()).unwrap()).to_vec();
        let rules = vec![Rule::Answer(Answer { reply, seconds, addresses }), Rule::Discard];
        Filter { rules, origin: Origin::file(&RelPath::new("d/.qmail")).at(2) }
    }

    #[test]
    fn an_answer_is_one_command() {
        let reply = Reply {
            from: Some("Eve <eve@a.example>".into()),
            subject: Some("Away \"now\"".into()),
            text: "Back soon.\n.\n..x".into(),
            is_html: false,
        };
        let script = render(&answer(reply, 172_800));
        let want = "# Written by unqmail from d/.qmail:2\nrequire [\"vacation\"];\n\
            vacation :days 2 :subject \"Away \\\"now\\\"\" :from \"Eve <eve@a.example>\" \
            :addresses [\"eve@a.example\", \"info@b.example\"] text:\n\
            Back soon.\n..\n...x\n.\n;\ndiscard;\n";
        assert_eq!(script, want);
        let script = render(&answer(Reply::default(), 10_000));
        assert!(script.contains("vacation :seconds 10000 :from \"eve@a.example\""), "{script}");
        assert!(script.contains("require [\"vacation-seconds\"];"), "{script}");
    }

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

    #[test]
    fn a_control_character_before_a_dot_ends_no_text() {
        assert_eq!(multi_line("\0.\nkeep;"), " text:\n..\nkeep;\n.\n;\n");
    }

    proptest! {
        /// Read as RFC 5228 reads them, they hold nothing but themselves.
        #[test]
        fn no_text_leaves_its_quotes(text in "\\PC*|[\"\\\\.\r\n\t;a\u{0}\u{7f}]*") {
            let string = quoted(&text);
            let inner = string.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap();
            let mut escaped = false;
            for c in inner.chars() {
                prop_assert!(!c.is_control() && (escaped || c != '"'));
                escaped = c == '\\' && !escaped;
            }
            prop_assert!(!escaped);
            let lines = multi_line(&text);
            prop_assert_eq!(lines.matches("\n.\n").count(), 1);
            prop_assert!(lines.ends_with("\n.\n;\n"));
        }
    }
}
