//! Who may post, told by the command lines of `editor`.
//!
//! ezmlm has kept its settings in files, flags and command lines, depending on the version; what
//! `editor` runs is what counts in all of them. Its templates use one shape of condition,
//! `if test [!] -f FILE [-a …]; then …; fi`, which is evaluated against the files that are there.

use crate::model::RelPath;
use crate::model::command::{Simple, Word, simple_commands};
use crate::model::list::Posting;
use crate::model::quota::leading_number;
use crate::source::lines;
use bstr::{BStr, BString, ByteSlice as _};

/// What `ezmlm-store` asks the list's files for.
#[derive(Clone, Copy, Default)]
pub(super) struct Store<'a> {
    /// `modpost`.
    pub moderated: bool,
    /// `modpostonly`.
    pub moderators_only: bool,
    /// `confirmpost`.
    pub confirmed: bool,
    /// What runs for a post that its sender has confirmed.
    pub confirmer: Option<&'a Editor>,
}

/// The programs of an `editor` that run for a post, in order; `manager` and the like have the same
/// shape.
#[derive(Default)]
pub(super) struct Editor {
    commands: Vec<Command>,
}

/// A program that runs.
struct Command {
    /// The line that runs it.
    line: u32,
    /// Its name without the folder.
    program: String,
    words: Simple,
}

impl Command {
    /// Its options, without what follows the first word that is none.
    fn options(&self) -> impl Iterator<Item = BString> {
        let words = self.words.iter().skip(1).map(Word::text);
        words.take_while(|text| text.starts_with(b"-"))
    }

    /// Whether a folder is among its words: without one the list's files say nothing to it.
    fn has_folder(&self) -> bool {
        self.words.iter().skip(1).any(|word| word.text().starts_with(b"/"))
    }

    fn is_negated(&self) -> bool {
        self.options().any(|text| text.contains(&b'n'))
    }
}

/// What `ezmlm-reject` refuses a post for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rejects {
    /// It does not name the list in To: or Cc:.
    pub without_address: bool,
    /// It has no subject.
    pub without_subject: bool,
    /// Its subject is a command.
    pub commands: bool,
    /// Header fields that `headerreject` names.
    pub fields: bool,
    /// MIME types that `mimereject` names, sizes beyond `msgsize`.
    pub parts: bool,
}

impl Editor {
    /// Reads the text of `editor`; `exists` tells whether a file that a test names is there.
    pub(super) fn read(text: &[u8], exists: impl Fn(&BStr) -> bool) -> Self {
        let mut commands = Vec::new();
        for (line, text) in lines::numbered(text) {
            let Some(text) = text.strip_prefix(b"|") else { continue };
            let mut runs = true;
            for words in simple_commands(text) {
                if words.first().is_some_and(|word| word.text() == "test") {
                    runs = holds(&words, &exists);
                    // `else` cannot be told from here; the templates' only one is in `confirmer`.
                    continue;
                }
                let name = words.first().map(Word::text);
                let name = name
                    .as_ref()
                    .and_then(|name| name.rsplit_str("/").next()?.to_str().ok().map(str::to_owned));
                if runs && let Some(program) = name {
                    commands.extend(called(line, &program, &words));
                    commands.push(Command { line, program, words });
                }
            }
        }
        Self { commands }
    }

    /// The line that decides who may post; 0 where none does.
    pub(super) fn deciding_line(&self) -> u32 {
        const DECIDING: &[&str] =
            &["ezmlm-gate", "ezmlm-store", "ezmlm-checksub", "ezmlm-issubn", "ezmlm-send"];
        let decides = |program: &&str| {
            let mut runs = self.named(program).filter(|command| !command.is_negated());
            runs.next().map(|command| command.line)
        };
        DECIDING.iter().find_map(decides).unwrap_or(0)
    }

    /// What `ezmlm-reject` looks at; `None` where it does not run. `fields_by_default` is whether it
    /// looks for header fields unasked, as from version 5 on.
    pub(super) fn rejects(&self, fields_by_default: bool) -> Option<Rejects> {
        let reject = self.named("ezmlm-reject").next()?;
        let has_folder = self.named("ezmlm-reject").any(Command::has_folder);
        let asks = |on, off, default| self.switch(&reject.program, on, off).unwrap_or(default);
        Some(Rejects {
            without_address: has_folder && asks('t', 'T', true),
            without_subject: asks('s', 'S', true),
            commands: asks('c', 'C', true),
            fields: has_folder && asks('h', 'H', fields_by_default),
            parts: has_folder,
        })
    }

    /// What the last of two opposite options of a program says; `None` where it has neither.
    pub(super) fn switch(&self, program: &str, on: char, off: char) -> Option<bool> {
        let options = self.named(program).flat_map(Command::options);
        let letters = options.flat_map(|text| text.chars().collect::<Vec<_>>());
        letters.filter(|letter| [on, off].contains(letter)).last().map(|letter| letter == on)
    }

    /// The line of the first run of a program; 0 where it does not run.
    pub(super) fn line_of(&self, program: &str) -> u32 {
        self.named(program).next().map_or(0, |command| command.line)
    }

    /// Whether a program runs.
    pub(super) fn runs(&self, program: &str) -> bool {
        self.named(program).next().is_some()
    }

    /// The databases whose addresses are refused: `ezmlm-checksub -n DIR deny` or
    /// `ezmlm-issubn -n DIR/deny`.
    pub(super) fn denying(&self) -> Vec<RelPath> {
        self.checks().filter(|check| check.is_negated()).flat_map(databases).collect()
    }

    /// The databases whose addresses pass the checks of the sender. Where there are several checks,
    /// only a database that all of them name counts, so that nobody gets in by one alone.
    pub(super) fn allowing(&self) -> Vec<RelPath> {
        let checks = self.checks().filter(|check| !check.is_negated());
        let gates = self.named("ezmlm-gate");
        let mut named = checks.chain(gates).map(databases);
        let first = named.next().unwrap_or_default();
        let all = named.collect::<Vec<_>>();
        first.into_iter().filter(|path| all.iter().all(|other| other.contains(path))).collect()
    }

    /// Who may post.
    pub(super) fn posting(&self, store: Store<'_>) -> Posting {
        let stores = self.runs("ezmlm-store");
        let checked = self.checks().any(|check| !check.is_negated());
        // Without databases `ezmlm-gate` hands every post to `ezmlm-store`.
        let gates = self.named("ezmlm-gate").any(|gate| !databases(gate).is_empty());
        let stores = stores || (self.runs("ezmlm-gate") && !gates);
        let only = store.moderators_only || self.option("ezmlm-store", 'P');
        let confirmed = store.confirmed || self.option("ezmlm-store", 'y');
        // Once confirmed, a post meets the gate that `confirmer` names.
        let gated_later =
            confirmed && store.confirmer.is_some_and(|confirmer| confirmer.runs("ezmlm-gate"));
        match () {
            () if gates && only => Posting::Members,
            () if gates => Posting::MembersElseModerated,
            // A moderator's post that he must confirm himself: it waits for him alone.
            () if stores && only && (store.moderated || confirmed) => Posting::ModeratorsOnly,
            () if stores && store.moderated && gated_later => Posting::MembersElseModerated,
            () if stores && store.moderated => Posting::Moderated,
            () if checked => Posting::Members,
            () => Posting::Anyone,
        }
    }

    /// Runs of the programs that ask whether the sender is in a database.
    fn checks(&self) -> impl Iterator<Item = &Command> {
        self.named("ezmlm-checksub").chain(self.named("ezmlm-issubn"))
    }

    fn named(&self, program: &str) -> impl Iterator<Item = &Command> {
        self.commands.iter().filter(move |command| command.program == program)
    }

    /// The number that a program gets by an option letter, as in `-t24` or `-t 24`, and its line.
    pub(super) fn number(&self, program: &str, letter: char) -> Option<(u64, u32)> {
        let option = format!("-{letter}");
        self.named(program).find_map(|command| {
            let texts: Vec<BString> = command.words.iter().skip(1).map(Word::text).collect();
            let at = texts.iter().position(|text| text.starts_with(option.as_bytes()))?;
            let attached = texts.get(at)?.get(option.len()..)?;
            let digits = if attached.is_empty() { texts.get(at + 1)?.as_slice() } else { attached };
            let is_number = digits.first()?.is_ascii_digit();
            is_number.then(|| (leading_number(digits), command.line))
        })
    }

    /// Whether a program runs with an option letter.
    pub(super) fn option(&self, program: &str, letter: char) -> bool {
        self.named(program)
            .flat_map(Command::options)
            .any(|text| text.contains_str(letter.to_string()))
    }
}

/// The folders that a program looks for the sender in: the words after the list's folder, taken
/// from there; where there are none, the list itself. Each word of `ezmlm-issubn` (0.4x) is such a
/// folder when all are absolute paths. `ezmlm-gate` asks nobody without words.
fn databases(command: &Command) -> Vec<RelPath> {
    let mut texts = command.words.iter().skip(1).map(Word::text);
    let Some(base) = texts.find(|text| text.starts_with(b"/")) else {
        return Vec::new();
    };
    let base_path = RelPath::new(&base);
    let is_redirection = |text: &BString| text.contains_str(">") || text.contains_str("<");
    let rest: Vec<BString> = texts.filter(|text| !is_redirection(text)).collect();
    let below = rest.iter().map(|text| match text.as_slice() {
        b"." => base_path.clone(),
        text if text.starts_with(b"/") => RelPath::new(text),
        text => base_path.join(text),
    });
    let below: Vec<RelPath> = below.collect();
    let absolute = rest.iter().all(|text| text.starts_with(b"/"));
    match command.program.as_str() {
        "ezmlm-gate" => below,
        "ezmlm-issubn" if absolute => std::iter::once(base_path).chain(below).collect(),
        _ if below.is_empty() => vec![base_path],
        _ => below,
    }
}

/// The program that `ezmlm-confirm DIR PROGRAM …` runs once the sender has confirmed.
fn called(line: u32, name: &str, words: &Simple) -> Option<Command> {
    let is_program = |word: &Word| RelPath::new(word.text()).file_name().starts_with(b"ezmlm-");
    let at = words.iter().skip(2).position(is_program).filter(|_| name == "ezmlm-confirm")?;
    let words = words.get(at + 2..)?;
    let program = words.first()?.text();
    let program = program.rsplit_str("/").next()?.to_str().ok()?;
    Some(Command { line, program: program.to_owned(), words: words.to_vec() })
}

/// Evaluates `test [!] -f FILE [-a [!] -e FILE]…`; anything else is taken to hold.
fn holds(words: &Simple, exists: &impl Fn(&BStr) -> bool) -> bool {
    let texts: Vec<_> = words.iter().skip(1).map(Word::text).collect();
    texts.split(|text| text == "-a").all(|clause| match clause {
        [operator, file] if operator == "-f" || operator == "-e" => exists(file.as_bstr()),
        [not, operator, file] if not == "!" && (operator == "-f" || operator == "-e") => {
            !exists(file.as_bstr())
        }
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::{Editor, Store};
    use crate::model::list::Posting;

    /// The lines that ezmlm-make of 7.1 writes, shortened.
    const SEVEN: &str = "\
|if test ! -f '/l/sublist'; then /b/ezmlm-reject '/l'; fi
|if test ! -f '/l/sublist'; then /b/ezmlm-checksub -n '/l' deny; fi
|if test ! -f '/l/subpostonly'; then /b/ezmlm-store '/l'; fi
|if test -f '/l/subpostonly' -a ! -f '/l/modpost'; then /b/ezmlm-checksub '/l' . digest allow mod && /b/ezmlm-store '/l'; fi
|if test -f '/l/subpostonly' -a -f '/l/modpost' -a ! -f '/l/confirmpost'; then /b/ezmlm-gate '/l' . digest allow mod; fi
|/b/ezmlm-clean '/l' || exit 0
";

    fn posting(editor: &str, files: &[&str]) -> (Posting, bool) {
        let editor = Editor::read(editor.as_bytes(), |file| {
            files.iter().any(|name| file == format!("/l/{name}").as_str())
        });
        let has = |name: &str| files.contains(&name);
        let confirmer = Editor::read(CONFIRMER.as_bytes(), |file| {
            files.iter().any(|name| file == format!("/l/{name}").as_str())
        });
        let posting = editor.posting(Store {
            moderated: has("modpost"),
            moderators_only: has("modpostonly"),
            confirmed: has("confirmpost"),
            confirmer: Some(&confirmer),
        });
        (posting, !editor.denying().is_empty())
    }

    /// The `confirmer` of 7.1.
    const CONFIRMER: &str = "\
|if test -f '/l/subpostonly' -a -f '/l/modpost'; then /b/ezmlm-confirm '/l' /b/ezmlm-gate -Y '/l' . digest allow mod; else /b/ezmlm-confirm '/l' /b/ezmlm-store -Y '/l'; fi
";

    fn allowing(editor: &str) -> Vec<String> {
        let editor = Editor::read(editor.as_bytes(), |_| true);
        editor.allowing().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_check_of_named_databases_does_not_let_all_members_post() {
        assert_eq!(
            allowing("|/b/ezmlm-checksub '/l' mod allow && /b/ezmlm-store '/l'"),
            ["l/mod", "l/allow"]
        );
        assert_eq!(allowing("|/b/ezmlm-checksub -m 'No' '/l' . digest"), ["l", "l/digest"]);
        assert_eq!(allowing("|/b/ezmlm-checksub '/l'"), ["l"]);
        assert_eq!(allowing("|/b/ezmlm-issubn '/l' || { exit 100; }"), ["l"]);
        assert_eq!(allowing("|/b/ezmlm-issubn '/l' mod >/dev/null"), ["l/mod"]);
        assert_eq!(allowing("|/b/ezmlm-issubn '/l/mod' '/l/allow'"), ["l/mod", "l/allow"]);
        assert_eq!(allowing("|/b/ezmlm-issubn '/l' '/l/mod'"), ["l", "l/mod"]);
        assert_eq!(allowing("|/b/ezmlm-gate '/l' mod"), ["l/mod"]);
        assert_eq!(
            allowing("|/b/ezmlm-checksub '/l' . mod\n|/b/ezmlm-checksub '/l' mod"),
            ["l/mod"]
        );
        assert_eq!(allowing("|/b/ezmlm-checksub -n '/l' deny"), [] as [&str; 0]);
    }

    #[test]
    fn confirmed_posts_keep_their_gate_and_their_moderators() {
        let confirmed = |files: &[&str]| posting(SEVEN_CONFIRMED, files).0;
        assert_eq!(
            confirmed(&["confirmpost", "modpost", "subpostonly"]),
            Posting::MembersElseModerated
        );
        assert_eq!(confirmed(&["confirmpost", "modpostonly"]), Posting::ModeratorsOnly);
        assert_eq!(confirmed(&["confirmpost", "modpost"]), Posting::Moderated);
        assert_eq!(confirmed(&["confirmpost", "subpostonly"]), Posting::Members);
        assert_eq!(confirmed(&["confirmpost"]), Posting::Anyone);
        assert_eq!(posting("|/b/ezmlm-gate '/l'\n", &["modpost"]).0, Posting::Moderated);
    }

    /// The lines of 7.1 for lists whose posts are confirmed.
    const SEVEN_CONFIRMED: &str = "\
|if test ! -f '/l/subpostonly'; then /b/ezmlm-store '/l'; fi
|if test -f '/l/subpostonly' -a ! -f '/l/modpost'; then /b/ezmlm-checksub '/l' . digest allow mod && /b/ezmlm-store '/l'; fi
|if test -f '/l/subpostonly' -a -f '/l/modpost' -a ! -f '/l/confirmpost'; then /b/ezmlm-gate '/l' . digest allow mod; fi
|if test -f '/l/subpostonly' -a -f '/l/modpost' -a -f '/l/confirmpost'; then /b/ezmlm-store '/l'; fi
";

    #[test]
    fn the_files_of_version_seven_decide() {
        assert_eq!(posting(SEVEN, &[]), (Posting::Anyone, true));
        assert_eq!(posting(SEVEN, &["subpostonly"]).0, Posting::Members);
        assert_eq!(posting(SEVEN, &["modpost"]).0, Posting::Moderated);
        assert_eq!(posting(SEVEN, &["modpost", "modpostonly"]).0, Posting::ModeratorsOnly);
        assert_eq!(posting(SEVEN, &["modpost", "subpostonly"]).0, Posting::MembersElseModerated);
        assert_eq!(posting(SEVEN, &["modpost", "subpostonly", "modpostonly"]).0, Posting::Members);
    }

    #[test]
    fn the_command_lines_of_older_versions_decide() {
        let open = "|/b/ezmlm-reject\n|/b/ezmlm-send '/l'\n";
        assert_eq!(posting(open, &["modpost"]), (Posting::Anyone, false));
        let closed = "|/b/ezmlm-reject '/l'\n|/b/ezmlm-issubn '/l' . digest allow mod || { echo no; exit 100 ; }\n|/b/ezmlm-send '/l'\n";
        assert_eq!(posting(closed, &[]).0, Posting::Members);
        let moderated = "|/b/ezmlm-issubn -n '/l/deny' || { exit 100; }\n|/b/ezmlm-store '/l'\n";
        assert_eq!(posting(moderated, &["modpost"]), (Posting::Moderated, true));
    }
}
