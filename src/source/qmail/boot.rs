//! What a boot script hands to `qmail-start`: the instructions for users without a `.qmail` file
//! (qmail-start(8), INSTALL of netqmail).

use super::scripts;
use crate::finding::{Disposition, Finding, code};
use crate::model::command::{Simple, Word, simple_commands};
use crate::model::{Origin, RelPath, Sourced};
use crate::source::{Reading, lines, read_file};
use bstr::{BStr, BString, ByteSlice as _};

/// What `qmail-start` hands on where it is given nothing (`qmail-start.c`).
const MAILBOX: &str = "./Mailbox";

/// Programs that only start another one.
const STARTERS: &[&[u8]] = &[
    b"chpst",
    b"command",
    b"daemon",
    b"env",
    b"envdir",
    b"envuidgid",
    b"exec",
    b"fghack",
    b"nice",
    b"nohup",
    b"pgrphack",
    b"setlock",
    b"setsid",
    b"setuidgid",
    b"softlimit",
    DAEMON,
];

/// Debian's; what it starts gets the words behind `--` (start-stop-daemon(8)).
const DAEMON: &[u8] = b"start-stop-daemon";

const SHELLS: &[&[u8]] = &[b"bash", b"csh", b"ksh", b"sh", b"tcsh"];

/// Reads what a script hands to `qmail-start`, else what `control/defaultdelivery` says.
pub(super) fn read_default_delivery(
    reading: &mut Reading<'_>,
    folder: &RelPath,
    scripts: &[(RelPath, Vec<u8>)],
) {
    let mut file = folder.join("defaultdelivery");
    let rc = reading.layout.qmail.join("rc");
    // The first that starts qmail is the one that is run.
    let started = scripts.iter().find_map(|(path, text)| Some((path, text, argument(text)?)));
    if let Some((script, text, given)) = started {
        let variable = given.strip_prefix(b"$").map(|name| name.trim_with(|c| "{}".contains(c)));
        let value = variable.and_then(|name| scripts::value(text, name));
        let argument = value.map_or_else(|| given.clone(), BString::from);
        if !argument.contains(&b'`') && !argument.starts_with(b"$") {
            let start = line_of(text, given.as_bstr());
            let instructions = instructions(&argument, &Origin::file(script), start);
            reading.site.control.default_delivery = instructions;
            return;
        }
        file = match printed(&argument) {
            Some(name) if name.starts_with(b"/") => RelPath::new(name),
            // Such a script has changed to qmail's folder before.
            Some(name) => reading.layout.qmail.join(&name),
            None => file,
        };
    }
    let Some(bytes) = read_file(reading.root, &file, &mut reading.findings) else {
        reading.findings.push(Finding::new(
            &code::SITE_DEFAULT_DELIVERY_UNKNOWN,
            Disposition::Adapted,
            Origin::file(&rc),
            "defaultdelivery",
            "neither /var/qmail/rc nor control/defaultdelivery says where users without a .qmail get their mail",
            "./Mailbox is assumed, as in qmail's own boot/home",
        ));
        let origin = Origin::file(&rc);
        reading.site.control.default_delivery = vec![Sourced::new(MAILBOX.into(), origin)];
        return;
    };
    reading.site.control.default_delivery = instructions(&bytes, &Origin::file(&file), 1);
}

/// The lines of a default delivery that begins at a line of a file; none where the first one is
/// blank, which makes `qmail-local` put mail off.
fn instructions(text: &[u8], file: &Origin, start: u32) -> Vec<Sourced<BString>> {
    if lines::first_line(text).is_empty() {
        return Vec::new();
    }
    let numbered = lines::numbered(text).map(|(number, line)| (number, lines::trimmed(line)));
    numbered
        .filter(|(_, line)| !line.is_empty())
        .map(|(number, line)| Sourced::new(line.into(), file.at(start + number - 1)))
        .collect()
}

/// The first argument of `qmail-start` in a script; `None` where no command of it starts that.
fn argument(script: &[u8]) -> Option<BString> {
    simple_commands(&script.replace("\\\n", " ")).iter().find_map(argument_in)
}

fn argument_in(command: &Simple) -> Option<BString> {
    let words: Vec<BString> = command.iter().map(Word::text).collect();
    let name = |word: &BString| word.rsplit_str("/").next().unwrap_or_default().to_owned();
    let is_assignment = |word: &&BString| word.contains(&b'=') && !word.starts_with(b"=");
    let first = name(words.iter().find(|word| !is_assignment(word))?);
    if SHELLS.contains(&first.as_slice()) {
        let scripts = words.iter().filter(|word| word.contains_str("qmail-start"));
        return scripts.filter(|word| word.contains(&b' ')).find_map(|word| argument(word));
    }
    let at = words.iter().position(|word| name(word) == b"qmail-start")?;
    let mut rest = match first.as_slice() {
        b"qmail-start" => words.get(at + 1..)?,
        DAEMON => words.get(words.iter().position(|word| word == "--")?..)?,
        starter if STARTERS.contains(&starter) => words.get(at + 1..)?,
        _ => return None,
    };
    while let [dashes, after @ ..] = rest
        && dashes == "--"
    {
        rest = after;
    }
    let given = rest.first().filter(|word| word.find_byteset(b"<>").is_none());
    let Some(given) = given else { return Some(MAILBOX.into()) };
    // Backquotes keep words together.
    let closed = |word: &BString| word.find_iter("`").count().is_multiple_of(2);
    let mut given = given.clone();
    for word in rest.iter().skip(1) {
        if closed(&given) {
            break;
        }
        given.push(b' ');
        given.extend_from_slice(word);
    }
    Some(given)
}

/// The line of a script on which an argument of `qmail-start` begins; 0 where it is spelled in another
/// way there.
fn line_of(script: &[u8], argument: &BStr) -> u32 {
    let front = argument.lines().next().unwrap_or_default();
    let is_between = |byte: u8| matches!(byte, b' ' | b'\t' | b'\\' | b'\n' | b'"' | b'\'' | b'-');
    let begins = script.find_iter("qmail-start").find_map(|at| {
        let after = at + "qmail-start".len();
        let rest = script.get(after..)?;
        let skipped = rest.iter().take_while(|byte| is_between(**byte)).count();
        rest.get(skipped..)?.starts_with(front).then_some(after + skipped)
    });
    let before = begins.and_then(|at| script.get(..at));
    let number = before.map(|before| before.find_iter("\n").count() + 1);
    number.and_then(|number| u32::try_from(number).ok()).unwrap_or_default()
}

/// The file that is printed by `cat FILE` in backquotes or behind `$`, or read by `$(< FILE)`.
fn printed(argument: &[u8]) -> Option<BString> {
    let inner = |open: &str, close: &str| {
        argument.strip_prefix(open.as_bytes())?.strip_suffix(close.as_bytes())
    };
    let inner = inner("`", "`").or_else(|| inner("$(", ")"))?;
    let words: Vec<BString> = simple_commands(inner).first()?.iter().map(Word::text).collect();
    let file = match words.as_slice() {
        [cat, file, ..] if cat == "cat" || cat.ends_with(b"/cat") || cat == "<" => file,
        [read, ..] => return read.strip_prefix(b"<").map(BString::from),
        [] => return None,
    };
    Some(file.clone()).filter(|file| !file.starts_with(b"-") && !file.starts_with(b"$"))
}

#[cfg(test)]
mod tests {
    use super::{argument, instructions, line_of, printed};
    use crate::model::{Origin, RelPath};
    use bstr::ByteSlice as _;

    #[test]
    fn a_default_delivery_may_take_several_lines() {
        let script = b"#!/bin/sh\nqmail-start '|dot-forward .forward\n./Maildir/' splogger qmail\n";
        let given = argument(script).unwrap();
        let file = Origin::file(&RelPath::new("rc"));
        let seen: Vec<_> = instructions(&given, &file, line_of(script, given.as_bstr()))
            .into_iter()
            .map(|line| (line.value.to_string(), line.origin.line))
            .collect();
        assert_eq!(seen, [("|dot-forward .forward".into(), 2), ("./Maildir/".into(), 3)]);
        let goes_on = b"exec qmail-start \\\n./Maildir/ splogger qmail\n";
        assert_eq!(argument(goes_on).unwrap(), "./Maildir/");
        assert_eq!(line_of(goes_on, b"./Maildir/".into()), 2);
        assert!(instructions(b"\n./Maildir/\n", &file, 1).is_empty());
        assert!(instructions(b"", &file, 1).is_empty());
    }

    #[test]
    fn only_a_command_that_starts_qmail_names_the_default_delivery() {
        let given = |script: &str| argument(script.as_bytes()).map(|given| given.to_string());
        for (script, wanted) in [
            (
                "# qmail-start no\nexec env - PATH=\"/var/qmail/bin\" \\\nqmail-start ./Mailbox splogger qmail",
                "./Mailbox",
            ),
            (
                "[ -x /var/qmail/bin/qmail-start ] || exit 0\nexec /var/qmail/bin/qmail-start ./Maildir/",
                "./Maildir/",
            ),
            ("echo starting qmail-start now; qmail-start ./M/ &", "./M/"),
            ("case $1 in start) nohup qmail-start ./M/;; esac", "./M/"),
            (
                "start-stop-daemon --start --exec /usr/sbin/qmail-send --startas /usr/sbin/qmail-start -- \"$empty\" splogger",
                "$empty",
            ),
            ("csh -cf 'env - PATH=/bin qmail-start ./M/ splogger qmail&'", "./M/"),
            (
                "qmail-start \"`cat /var/qmail/control/defaultdelivery`\" splogger",
                "`cat /var/qmail/control/defaultdelivery`",
            ),
            ("qmail-start `cat control/defaultdelivery` splogger", "`cat control/defaultdelivery`"),
            ("qmail-start \"\\$HOME\" x", "$HOME"),
            ("qmail-start 2>&1", "./Mailbox"),
        ] {
            assert_eq!(given(script).as_deref(), Some(wanted), "{script}");
        }
        assert_eq!(given("test -x qmail-start\nps ax | grep qmail-start\n"), None);
    }

    #[test]
    fn what_is_printed_is_a_file() {
        let file = |text: &str| printed(text.as_bytes()).map(|file| file.to_string());
        for text in
            ["`cat a/b`", "$(cat a/b 2>/dev/null)", "$(/bin/cat 'a/b')", "$(< a/b)", "$(<a/b)"]
        {
            assert_eq!(file(text).as_deref(), Some("a/b"), "{text}");
        }
        assert_eq!(file("$(head -1 a)"), None);
        assert_eq!(file("`cat $FILE`"), None);
    }
}
