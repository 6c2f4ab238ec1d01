//! Programs of ezmlm: which list they belong to, and what they are asked for.

use super::program::{Context, Flow};
use super::{Action, Hop, Resolver, commands};
use crate::model::command::{Simple, Word, simple_commands};
use crate::model::list::List;
use crate::model::{Origin, RelPath};
use bstr::{BStr, BString, ByteSlice as _};

/// Programs that only do housekeeping: mail that meets no other one is not handled by the list.
const HOUSEKEEPING: &[&str] =
    &["ezmlm-warn", "ezmlm-clean", "ezmlm-archive", "ezmlm-weed", "ezmlm-tstdig"];

/// Programs of a list's own address.
const POSTING: &[&str] =
    &["ezmlm-checksub", "ezmlm-gate", "ezmlm-issubn", "ezmlm-reject", "ezmlm-send", "ezmlm-store"];

impl Resolver<'_> {
    /// Handles a line that runs a program of ezmlm; `None` where it runs none.
    pub(super) fn run_list_program(
        &self,
        commands: &[Simple],
        context: &Context<'_>,
        origin: &Origin,
        hop: &mut Hop,
    ) -> Option<Flow> {
        let texts = commands.iter().map(|words| words.iter().map(Word::text).collect::<Vec<_>>());
        let texts: Vec<Vec<BString>> = texts.collect();
        let (program, arguments) = texts.iter().find_map(|words| {
            let at = words.iter().position(|word| program_name(word).starts_with(b"ezmlm-"))?;
            Some((program_name(words.get(at)?), words.get(at + 1..)?))
        })?;
        if HOUSEKEEPING.iter().any(|name| program == *name) {
            return Some(Flow::Continue);
        }
        let Some(folder) = arguments.iter().find(|text| text.starts_with(b"/")) else {
            // `ezmlm-reject` without a folder looks at the message only; `ezmlm-send` follows.
            return Some(Flow::Continue);
        };
        let Some(list) = self.list_of(&RelPath::new(folder)) else {
            hop.defer("the list's folder is missing or broken", origin);
            return Some(Flow::Failed);
        };
        let action = if POSTING.iter().any(|name| program == *name) {
            BString::from("post")
        } else {
            self.command(list, context).unwrap_or_else(|| program.clone())
        };
        let said = commands::answer(list, &program, &action);
        let known = hop.actions.iter_mut().find_map(|known| match &mut known.action {
            Action::List { address, answer, .. } if *address == list.address => Some(answer),
            _ => None,
        });
        if let Some(answer) = known {
            *answer = answer.or(said);
        } else {
            let address = list.address.clone();
            hop.step(format_args!("{program} handles it for the list {address}"), Some(origin));
            hop.act(Action::List { address, action, answer: said }, origin);
        }
        Some(Flow::Continue)
    }

    /// What stands after the list's name and a dash: `subscribe` of `news-subscribe@…`. The name is
    /// the front of the extension whose own `.qmail` file takes posts for the list.
    fn command(&self, list: &List, context: &Context<'_>) -> Option<BString> {
        let home = self.site.homes.get(context.home())?;
        let asked = context.extension().to_ascii_lowercase();
        let takes_posts = |front: &[u8]| {
            let key = BString::from([context.dash(), &front.replace(".", ":")].concat());
            let file = home.files.get(key.as_bstr());
            file.is_some_and(|file| {
                file.lines.iter().any(|line| self.posts_to(line.as_bstr(), list))
            })
        };
        let end = asked.find_iter("-").find(|end| asked.get(..*end).is_some_and(takes_posts))?;
        Some(asked.get(end + 1..)?.into())
    }

    /// Whether a line hands posts to a list.
    fn posts_to(&self, line: &BStr, list: &List) -> bool {
        let commands = simple_commands(line.strip_prefix(b"|").unwrap_or(line));
        commands.iter().any(|words| {
            let texts: Vec<BString> = words.iter().map(Word::text).collect();
            let posting = texts.iter().position(|word| {
                let name = program_name(word);
                POSTING.iter().any(|posting| name == *posting)
            });
            let folder = posting
                .and_then(|at| texts.get(at + 1..)?.iter().find(|text| text.starts_with(b"/")));
            folder
                .and_then(|folder| self.list_of(&RelPath::new(folder)))
                .is_some_and(|found| found.address == list.address)
        })
    }

    fn list_of(&self, folder: &RelPath) -> Option<&'_ List> {
        let above = std::iter::successors(Some(folder.clone()), |path| {
            (!path.as_bstr().is_empty()).then(|| path.parent())
        });
        above.into_iter().find_map(|path| self.lists.get(&path).copied())
    }
}

fn program_name(word: &BString) -> BString {
    word.rsplit_str("/").next().unwrap_or_default().into()
}
