//! Each construct that is refused, with its line; and any text at all.

use super::read;
use crate::model::DomainName;
use crate::model::RelPath;
use crate::source::sorters::Runner;
use crate::source::sorters::cases::are_refused;
use proptest::prelude::*;

fn runner() -> Runner {
    let home = RelPath::new("home/ann");
    Runner {
        folder: home.clone(),
        user: Some((home, "ann".into())),
        domain: DomainName::new("mx.example"),
    }
}

#[test]
fn what_no_rule_does_is_told_with_its_line() {
    let cases = [
        ("INCLUDERC=other.rc", 1, "does what no rule"),
        (":0\n* ^Subject: x\n| /usr/local/bin/x", 3, "handed to a program"),
        (":0\n* ? test -f x\nx/", 2, "asks a program"),
        (":0\n* $ ^Subject: $X\nx/", 2, "made from variables"),
        (":0\n* X ?? y\nx/", 2, "looks at a variable"),
        (":0\n* 1^1 ^Subject: x\nx/", 2, "counts"),
        (":0\n* !^FROM_DAEMON\n!a@b.example", 2, "more than single fields"),
        (":0 B\n* x\nx/", 1, "more than the head"),
        (":0 h\nx/", 1, "a part of the message"),
        (":0 fw\n| sed s/a/b/", 2, "handed to a program"),
        (":0 e\nx/", 1, "a flag"),
        (":0 c\n{\n:0\nx/\n}", 1, "a copy goes"),
        (":0\n$UNKNOWN/x/", 2, "not known before"),
        (":0\nmh/.", 2, "not known before"),
        (":0\n`date`/", 2, "not known before"),
        (":0\n! \"a b\"@c", 2, "not plain"),
        (":0\n! ${X:-a@b}", 2, "a variable is changed"),
        (":0\n* ^Subject: x\n{\nA=1\n}\n:0\n$A/", 1, "hangs on the message"),
        (":1\nx/", 1, "counts its conditions"),
        (":0\n", 1, "does nothing"),
        (":0\n{\n:0\nx/\n", 2, "does not close"),
        ("}", 1, "closes nothing"),
        ("what is this", 1, "no recipe and no assignment"),
        ("A='x", 1, "a quote is open"),
        (":0\n* > x\nx/", 2, "no number"),
    ];
    are_refused(read, &runner(), &cases);
    let deep = ":0\n{\n".repeat(40);
    are_refused(read, &runner(), &[(&deep, 33, "too deep")]);
}

proptest! {
    #[test]
    fn any_bytes_are_read(text in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(read(&text, &runner()));
    }

    #[test]
    fn any_lines_are_read(lines in prop::collection::vec(prop::sample::select(
        [":0", ":0:", ":0 c", ":0 E", ":0 A", ":0fw", "* ^Subject: x", "* !^To: y", "* > 10", "x/",
            "!a@b.example", "| spamc", "| sendmail a@b.example", "{", "}", "{ }", "A=b", "MAILDIR=$A",
            "$A/x", "DEFAULT=x", "\\", "# c", "* ^TO_x", "/dev/null"]
            .as_slice(),
    ), 0..30)) {
        drop(read(lines.join("\n").as_bytes(), &runner()));
    }
}
