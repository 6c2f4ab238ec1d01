//! Each construct that is refused, with its line; and any text at all.

use super::read;
use crate::model::DomainName;
use crate::model::RelPath;
use crate::source::sorters::Runner;
use crate::source::sorters::cases::are_refused;
use proptest::prelude::*;

fn runner() -> Runner {
    Runner { folder: RelPath::new("d/joe"), user: None, domain: DomainName::new("a.example") }
}

#[test]
fn what_no_rule_does_is_told_with_its_line() {
    let cases = [
        ("to \"x\"\nlog \"x\"\nwhile (1) { }", 3, "does what no rule"),
        ("X=1\n`rm -rf /`", 2, "runs a command"),
        ("include \"x\"", 1, "another file"),
        ("\n\nif (/^Subject: x/:b)\n{ to \"x\" }", 3, "more than the head"),
        ("if (/x/) { to x }", 1, "more than single fields"),
        ("if (/^Subject: x/) { A=1 }\nto $A", 2, "not known"),
        ("if (/^Subject: x/) { EXITCODE=77 }\nexit", 2, "hangs on the message"),
        ("if (/^Subject: x/) { echo \"a\" }\nexit", 1, "hangs on the message"),
        ("cc \"| mailbot -t a -M joe@a.example\"", 1, "a report"),
        ("`mailbot -t a sendmail eve@a.example`", 1, "to others"),
        ("`mailbot -t a > /etc/passwd`", 1, "runs a command"),
        ("`mailbot -t a -A \"From: $FROM\"`", 1, "runs a command"),
        ("if (lookup(\"x\", \"y\")) { to x }", 1, "asks for what is not known"),
        ("if ($X > 3) { to x }", 1, "compares"),
        ("if ($SIZE =~ /3/) { to x }", 1, "compares"),
        ("to \"$HOME/x\"", 1, "not known"),
        ("to \"`date`\"", 1, "not known"),
        ("to \"|/usr/local/bin/x\"", 1, "handed to a program"),
        ("to \"|sendmail -t\"", 1, "handed to a program"),
        ("to \"|sendmail a@b > /etc/passwd\"", 1, "handed to a program"),
        ("to \"!a@b;c\"", 1, "not plain"),
        ("cc \"! a@b 'c d'@e\"", 1, "not plain"),
        ("xfilter \"sed s/a/b/\"", 1, "changes the message"),
        ("EXITCODE=75\nexit", 2, "put off"),
        ("DEFAULT=`date`", 1, "not known"),
        ("to \"x", 1, "does not end"),
        ("if (/^Subject: x/)\n{\n to x\n", 4, "does not end"),
        ("to x\n}", 2, "closes nothing"),
    ];
    are_refused(read, &runner(), &cases);
    let (blocks, brackets) = ("if (1) { ".repeat(40), format!("if ({}", "(".repeat(40)));
    are_refused(read, &runner(), &[(&blocks, 1, "too deep"), (&brackets, 1, "too deep")]);
}

#[test]
fn folders_of_accounts_are_asked_of_vpopmail() {
    let text = "VHOME=`/home/vpopmail/bin/vuserinfo -d $EXT@$HOST`\nxfilter \"spamc -u $EXT\"\nto \"$VHOME/Maildir/.Spam/\"";
    let rules = read(text.as_bytes(), &runner()).unwrap();
    assert_eq!(rules.marks_spam, [2]);
    assert!(format!("{:?}", rules.rules).contains("d/joe/Maildir/.Spam"), "{:?}", rules.rules);
}

proptest! {
    #[test]
    fn any_bytes_are_read(text in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(read(&text, &runner()));
    }

    #[test]
    fn any_words_are_read(words in prop::collection::vec(prop::sample::select(
        ["if", "(", ")", "{", "}", "\n", "/^Subject: x/", "!", "&&", "||", "to", "cc", "\"x\"",
            "'y'", "$SIZE", ">", "3", "else", "elsif", "exit", "A=", "$A", "`c`", ":h", "exception",
            "echo", "\\", "#", ";", "hasaddr(", "import", "\"|sendmail a@b.example\""]
            .as_slice(),
    ), 0..40)) {
        drop(read(words.join(" ").as_bytes(), &runner()));
    }
}
