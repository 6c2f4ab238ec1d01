//! `fastforward`: aliases of a database (fastforward(1)).

use super::program::{Context, Flow};
use super::{Action, Hop, Kept, Resolver};
use crate::model::assignment::Compiled;
use crate::model::site::{AliasEntry, Spot};
use crate::model::{Origin, RelPath};
use bstr::{BString, ByteSlice as _};

impl Resolver<'_> {
    /// `fastforward [-p] [-d] DATABASE`: the address is looked up as `user@host`, `@host`, `user`
    /// (`fastforward.c`).
    pub(super) fn fastforward(
        &self,
        arguments: &[BString],
        context: &Context<'_>,
        origin: &Origin,
        hop: &mut Hop,
    ) -> Flow {
        let has = |letter: u8| {
            let options = arguments.iter().filter(|argument| argument.starts_with(b"-"));
            options.into_iter().any(|option| option.contains(&letter))
        };
        let database = arguments.iter().find(|argument| !argument.starts_with(b"-"));
        let database = database.map(|name| context.folder.join(name));
        let table = database.as_ref().and_then(|path| self.site.alias_tables.get(path));
        let Some(table) = table.filter(|table| self.mends || table.compiled == Compiled::Whole)
        else {
            hop.defer("fastforward: fatal: unable to read the database", origin);
            return Flow::Failed;
        };
        let user = match context.default() {
            _ if !has(b'd') => context.local,
            Some(default) => default,
            None => context.extension(),
        };
        let user = user.to_ascii_lowercase();
        let host = context.host.as_bstr();
        let keys = [
            [user.as_slice(), b"@", host].concat(),
            [b"@", host.as_bytes()].concat(),
            user.clone(),
        ];
        let entry = keys.iter().find_map(|key| table.entries.get(key.as_bstr()));
        match entry {
            // With -p a name that is known ends the file (exit 99).
            Some(entry) => match self.run_entry(entry, context, hop) {
                Flow::Continue if has(b'p') => Flow::Stop,
                flow => flow,
            },
            // With -p an unknown name goes on to the next line.
            None if has(b'p') => Flow::Continue,
            None => {
                hop.reject("Sorry, no mailbox here by that name. (#5.1.1)", origin);
                Flow::Failed
            }
        }
    }

    fn run_entry(&self, entry: &AliasEntry, context: &Context<'_>, hop: &mut Hop) -> Flow {
        let origin = &entry.origin;
        hop.step(format_args!("the alias table has it"), Some(origin));
        let mark: BString = [context.local.as_bytes(), b"@", context.host.as_ref()].concat().into();
        for target in &entry.targets {
            match target.as_slice() {
                [b'|', command @ ..] => match self.run(command.as_bstr(), context, origin, hop) {
                    Flow::Continue => {}
                    // Of the codes that are no failure to qmail-local it knows only 0.
                    Flow::Stop => {
                        hop.defer("fastforward: the program exits 99", origin);
                        return Flow::Failed;
                    }
                    Flow::Failed => return Flow::Failed,
                },
                [b'/', ..] => {
                    if let Some(Spot::Maildir(path) | Spot::File(path) | Spot::Room(path)) =
                        self.site.spots.get(&RelPath::new(target))
                    {
                        hop.act(Action::Store(path.clone()), origin);
                    } else {
                        hop.defer("Unable to open mailbox file. (#4.2.1)", origin);
                        return Flow::Failed;
                    }
                }
                _ => {
                    let to = target.strip_prefix(b"&").unwrap_or(target).into();
                    hop.act(
                        Action::Forward { to, kept: Kept::Nothing, mark: mark.clone() },
                        origin,
                    );
                }
            }
        }
        Flow::Continue
    }
}
