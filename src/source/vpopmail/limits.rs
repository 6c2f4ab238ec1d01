//! `.qmailadmin-limits` and `vlimits.default` (`vlimits.c` of vpopmail).

use crate::finding::Findings;
use crate::fsys::root::Root;
use crate::model::restrictions::Restrictions;
use crate::model::{Limits, Origin, RelPath};
use crate::source::read_file;
use bstr::ByteSlice as _;

/// Flags that count by being there, whatever their value.
const FLAGS: &[(&str, Restrictions)] = &[
    ("delete_spam", Restrictions::DELETE_SPAM),
    ("disable_dialup", Restrictions::NO_DIALUP),
    ("disable_external_relay", Restrictions::NO_RELAY),
    ("disable_imap", Restrictions::NO_IMAP),
    ("disable_maildrop", Restrictions::NO_MAILDROP),
    ("disable_password_changing", Restrictions::NO_PASSWORD_CHANGE),
    ("disable_pop", Restrictions::NO_POP),
    ("disable_smtp", Restrictions::NO_SMTP),
    ("disable_spamassassin", Restrictions::NO_SPAMASSASSIN),
    ("disable_webmail", Restrictions::NO_WEBMAIL),
];

/// Reads a limits file; `None` where there is none.
pub(super) fn read(root: &Root, path: &RelPath, findings: &mut Findings) -> Option<Limits> {
    let bytes = read_file(root, path, findings)?;
    Some(parse(&bytes, Origin::file(path)))
}

/// Lines, ended by CR or LF, of a name, then `:`, blank or tab, then a value; `#` at the front makes a comment.
pub(super) fn parse(bytes: &[u8], origin: Origin) -> Limits {
    let mut limits = Limits { origin: Some(origin), ..Limits::default() };
    for line in bytes.split(|&b| matches!(b, b'\r' | b'\n')).filter(|line| !line.starts_with(b"#"))
    {
        let end = line.find_byteset(b": \t").unwrap_or(line.len());
        let (name, value) = line.split_at_checked(end).unwrap_or_default();
        if let Some((_, bits)) =
            FLAGS.iter().find(|(flag, _)| name.eq_ignore_ascii_case(flag.as_bytes()))
        {
            limits.restrictions = limits.restrictions | *bits;
        } else if let (Ok(name), Ok(value)) =
            (name.to_str(), value.trim_with(|c| matches!(c, ':' | ' ' | '\t')).to_str())
            && let Ok(number) = value.parse()
        {
            limits.numbers.push((name.to_owned(), number));
        }
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::model::restrictions::Restrictions;
    use crate::model::{Origin, RelPath};

    #[test]
    fn flags_count_by_being_there_and_numbers_by_their_value() {
        let text = b"# no\nmaxpopaccounts: 60\nquota\t\t500\ndisable_pop\ndisable_imap 0\n#disable_smtp\nperm_account: 0\n";
        let limits = parse(text, Origin::file(&RelPath::new("l")));
        assert_eq!(limits.restrictions, Restrictions::NO_POP | Restrictions::NO_IMAP);
        let number = |name: &str| limits.numbers.iter().find(|(n, _)| n == name).map(|(_, v)| *v);
        assert_eq!(number("maxpopaccounts"), Some(60));
        assert_eq!(number("quota"), Some(500));
    }

    #[test]
    fn a_file_from_windows_limits_as_well() {
        let text = b"disable_pop\r\nmaxaliases: 5\r\ndisable_imap\r\n";
        let limits = parse(text, Origin::file(&RelPath::new("l")));
        assert_eq!(limits.restrictions, Restrictions::NO_POP | Restrictions::NO_IMAP);
        assert_eq!(limits.numbers, [("maxaliases".to_owned(), 5)]);
    }
}
