//! Who may post, told by the command lines of `editor`.
//!
//! ezmlm has kept its settings in files, flags and command lines, depending on the version; what
//! `editor` runs is what counts in all of them. Its templates use one shape of condition,
//! `if test [!] -f FILE [-a …]; then …; fi`, which is evaluated against the files that are there.

use crate::model::command::{Simple, simple_commands};
use crate::model::list::Posting;
use bstr::{BStr, ByteSlice as _};

/// The programs of an `editor` that run for a post, in order.
pub(super) struct Editor {
    commands: Vec<(String, Simple)>,
}

impl Editor {
    /// Reads the lines of `editor`; `exists` tells whether a file that a test names is there.
    pub(super) fn read<'a>(
        lines: impl Iterator<Item = &'a [u8]>,
        exists: impl Fn(&BStr) -> bool,
    ) -> Self {
        let mut commands = Vec::new();
        for line in lines.filter_map(|line| line.strip_prefix(b"|")) {
            let parts = simple_commands(line).into_iter().peekable();
            let mut runs = true;
            for words in parts {
                if words.first().is_some_and(|word| word.text() == "test") {
                    runs = holds(&words, &exists);
                    // `else` cannot be told from here; the templates' only one is in `confirmer`.
                    continue;
                }
                let name = words.first().map(crate::model::command::Word::text);
                let name = name
                    .as_ref()
                    .and_then(|name| name.rsplit_str("/").next()?.to_str().ok().map(str::to_owned));
                if runs && let Some(name) = name {
                    commands.push((name, words));
                }
            }
        }
        Self { commands }
    }

    /// Whether a program runs.
    pub(super) fn runs(&self, program: &str) -> bool {
        self.commands.iter().any(|(name, _)| name == program)
    }

    /// Whether addresses of the deny database are refused: `ezmlm-checksub -n DIR deny` or
    /// `ezmlm-issubn -n DIR/deny`.
    pub(super) fn refuses_denied(&self) -> bool {
        self.commands.iter().any(|(name, words)| is_check(name) && is_negated(words))
    }

    /// Who may post. `moderated` and `moderators_only` are the list's files `modpost` and
    /// `modpostonly`, which `ezmlm-store` asks for itself.
    pub(super) fn posting(&self, moderated: bool, moderators_only: bool) -> Posting {
        let stores = self.runs("ezmlm-store");
        let checked =
            self.commands.iter().any(|(name, words)| is_check(name) && !is_negated(words));
        let only = moderators_only || self.option("ezmlm-store", 'P');
        match () {
            () if self.runs("ezmlm-gate") && only => Posting::Members,
            () if self.runs("ezmlm-gate") => Posting::MembersElseModerated,
            () if stores && moderated && only => Posting::ModeratorsOnly,
            () if stores && moderated => Posting::Moderated,
            () if checked => Posting::Members,
            () => Posting::Anyone,
        }
    }

    /// Whether a post that does not name the list in To: or Cc: is refused: `ezmlm-reject DIR`
    /// without `-T`.
    pub(super) fn wants_address(&self) -> bool {
        let mut rejects = self.commands.iter().filter(|(name, _)| name == "ezmlm-reject");
        let has_folder = rejects
            .any(|(_, words)| words.iter().skip(1).any(|word| word.text().starts_with(b"/")));
        has_folder && !self.option("ezmlm-reject", 'T')
    }

    /// Whether a program runs with an option letter.
    pub(super) fn option(&self, program: &str, letter: char) -> bool {
        self.commands.iter().filter(|(name, _)| name == program).any(|(_, words)| {
            let options = words
                .iter()
                .skip(1)
                .map(crate::model::command::Word::text)
                .take_while(|text| text.starts_with(b"-"));
            options.into_iter().any(|text| text.contains_str(letter.to_string()))
        })
    }
}

fn is_check(name: &str) -> bool {
    matches!(name, "ezmlm-checksub" | "ezmlm-issubn")
}

fn is_negated(words: &Simple) -> bool {
    words.get(1).is_some_and(|word| word.text() == "-n")
}

/// Evaluates `test [!] -f FILE [-a [!] -e FILE]…`; anything else is taken to hold.
fn holds(words: &Simple, exists: &impl Fn(&BStr) -> bool) -> bool {
    let texts: Vec<_> = words.iter().skip(1).map(crate::model::command::Word::text).collect();
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
    use super::Editor;
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
        let editor = Editor::read(editor.lines().map(str::as_bytes), |file| {
            files.iter().any(|name| file == format!("/l/{name}").as_str())
        });
        let has = |name: &str| files.contains(&name);
        (editor.posting(has("modpost"), has("modpostonly")), editor.refuses_denied())
    }

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
