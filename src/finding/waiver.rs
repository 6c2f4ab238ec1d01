//! What the sysadmin accepts, by code and subject.

use super::Finding;
use bstr::ByteSlice as _;
use serde::Deserialize;

/// A `[[waive]]` entry of `unqmail.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// The finding's code; `*` stands for all codes.
    pub code: String,
    /// An address, `@domain`, another subject word for word, or `*`.
    pub subject: String,
    /// Why it is acceptable; shown in every summary that uses it.
    pub reason: String,
}

impl Waiver {
    /// Whether this entry accepts `finding`.
    pub fn covers(&self, finding: &Finding) -> bool {
        (self.is_for_all_codes() || self.code == finding.code.id)
            && self.covers_subject(&finding.subject)
    }

    /// Whether the entry waives whatever code there is, which every summary says loudly.
    pub fn is_for_all_codes(&self) -> bool {
        self.code == "*"
    }

    /// How `subject` is written in `unqmail.toml`, quotes included: as it is, else its domain, else
    /// everything, where TOML cannot hold its bytes.
    pub fn subject_for(subject: &[u8]) -> String {
        let domain = subject.rfind_byte(b'@').and_then(|at| subject.get(at..));
        let text =
            [Some(subject), domain].into_iter().flatten().find_map(|text| text.to_str().ok());
        let escape = |c: char| match c {
            '"' | '\\' => format!("\\{c}"),
            c if c.is_alphanumeric() || c == ' ' || c.is_ascii_graphic() => c.to_string(),
            // Nothing that a terminal would obey.
            c => format!("\\U{:08x}", u32::from(c)),
        };
        format!("\"{}\"", text.unwrap_or("*").chars().map(escape).collect::<String>())
    }

    fn covers_subject(&self, subject: &[u8]) -> bool {
        let wanted = self.subject.as_bytes();
        wanted == b"*"
            || wanted.eq_ignore_ascii_case(subject)
            || (wanted.starts_with(b"@")
                && subject
                    .rfind_byte(b'@')
                    .and_then(|at| subject.get(at..))
                    .is_some_and(|domain| domain.eq_ignore_ascii_case(wanted)))
    }
}

#[cfg(test)]
mod tests {
    use super::Waiver;
    use crate::finding::{Disposition, Finding, code};
    use crate::model::{Origin, RelPath};

    fn covers(code: &str, subject: &str, found: &str) -> bool {
        let finding = Finding::new(
            &code::ALIAS_PROGRAM,
            Disposition::Manual,
            Origin::file(&RelPath::new("x")),
            found,
            "message",
            "effect",
        );
        Waiver { code: code.into(), subject: subject.into(), reason: String::new() }
            .covers(&finding)
    }

    #[test]
    fn a_waiver_is_for_one_code_and_one_subject() {
        assert!(covers("alias-program", "joe@a.example", "Joe@a.example"));
        assert!(!covers("alias-program", "joe@a.example", "eve@a.example"));
        assert!(!covers("alias-loop", "joe@a.example", "joe@a.example"));
    }

    #[test]
    fn a_suggested_subject_is_read_back_and_covers_what_it_was_made_for() {
        for subject in [
            "joe@a.example".as_bytes(),
            b"a\"b\\c\x01@a.example",
            "\u{e9}\u{85}@a.example".as_bytes(),
            b"caf\xe9@a.example",
            b"home/caf\xe9",
        ] {
            let line = Waiver::subject_for(subject);
            let text = format!("code = \"alias-program\"\nsubject = {line}\nreason = \"\"\n");
            let waiver: Waiver = toml::from_str(&text).unwrap();
            let finding = Finding::new(
                &code::ALIAS_PROGRAM,
                Disposition::Manual,
                Origin::file(&RelPath::new("x")),
                subject,
                "message",
                "effect",
            );
            assert!(waiver.covers(&finding), "{line}");
        }
    }

    #[test]
    fn a_domain_and_a_star_cover_more() {
        assert!(covers("alias-program", "@a.example", "joe@a.example"));
        assert!(!covers("alias-program", "@a.example", "joe@b.a.example"));
        assert!(covers("*", "*", "anything"));
    }
}
