//! Delivery to vpopmail accounts: `vdelivermail.c` (5.4.33 and 5.6.1).

use super::local::choose;
use super::program::{Context, Flow};
use super::{Action, Hop, Resolver};
use crate::model::command::Word;
use crate::model::dot_qmail::{DotQmail, Instruction};
use crate::model::quota::Quota;
use crate::model::restrictions::Restrictions;
use crate::model::site::Spot;
use crate::model::{Account, Address, Domain, DomainName, LocalPart, Origin, RelPath, shown};
use bstr::{BStr, BString, ByteSlice as _};

const NO_MAILBOX: &str = "Sorry, no mailbox here by that name. (#5.1.1)";

/// Bytes that a name may hold (`is_username_valid` in `vpopmail.c`).
fn is_name_byte(byte: u8) -> bool {
    matches!(byte, 33 | 35 | 36 | 38 | 39 | 42 | 43 | 45..=57 | 61 | 63 | 65..=90 | 94..=126)
}

/// Before each line `vdelivermail` looks for a `Delivered-To` line with the line's own text; the
/// lines after it are not looked at any more.
fn is_looping(line: &[u8], context: &Context<'_>, hop: &Hop) -> bool {
    let address = line.strip_prefix(b"&").unwrap_or(line);
    context.own_mark().eq_ignore_ascii_case(address) || hop.came_by(address)
}

impl Resolver<'_> {
    /// `vdelivermail '' ACTION`, called with `$EXT` as the user and `$HOST` as the domain.
    pub(super) fn vdelivermail(
        &self,
        arguments: &[BString],
        words: &[Word],
        context: &Context<'_>,
        origin: &Origin,
        hop: &mut Hop,
    ) -> Flow {
        let [_, action] = arguments else {
            hop.defer("vdelivermail: invalid syntax in .qmail-default file", origin);
            return Flow::Failed;
        };
        let user = LocalPart::new(context.extension().to_ascii_lowercase());
        if user.as_bstr().is_empty() || !user.as_bstr().iter().copied().all(is_name_byte) {
            hop.reject("invalid username", origin);
            return Flow::Failed;
        }
        let context = &context.marked(Address::new(&user, context.host).to_bytes());
        hop.marks.push(context.mark.clone());
        let domain = self.domain_of(context.host);
        let found = domain.and_then(|domain| Some((domain, self.account_for(domain, &user)?)));
        if let Some((domain, (account, extension))) = found {
            let address = Address::new(&account.name, &domain.name);
            hop.step(format_args!("vdelivermail: account {address}"), Some(&account.origin));
            return self.deliver_to(account, &address, extension.as_bstr(), context, hop);
        }
        hop.step(
            format_args!("vdelivermail: no account {user}, so: {}", shown(action)),
            Some(origin),
        );
        self.catch_all(action.as_bstr(), words.get(1), context, origin, hop)
    }

    /// The real domain behind a host name; an alias made only in virtualdomains is none.
    pub(super) fn domain_of(&self, host: &DomainName) -> Option<&Domain> {
        let key = BString::from([host.as_ref(), b"-".as_slice()].concat());
        let record = self.site.assignments.as_ref()?.wild.get(&key)?;
        self.site.domain(&DomainName::new(&record.user))
    }

    /// The account by its whole name, else, with user extensions, by what stands before the first
    /// `-`; with the extension.
    fn account_for<'d>(
        &self,
        domain: &'d Domain,
        user: &LocalPart,
    ) -> Option<(&'d Account, BString)> {
        let reachable = |name: &LocalPart| domain.account(name).filter(|account| account.reachable);
        if let Some(account) = reachable(user) {
            return Some((account, BString::default()));
        }
        let (front, extension) = user.as_bstr().split_once_str("-")?;
        let account = self.user_extensions.then(|| reachable(&LocalPart::new(front))).flatten()?;
        Some((account, extension.into()))
    }

    fn deliver_to(
        &self,
        account: &Account,
        address: &Address,
        extension: &BStr,
        context: &Context<'_>,
        hop: &mut Hop,
    ) -> Flow {
        if account.restrictions.contains(Restrictions::BOUNCE_MAIL) {
            let text = format!("vdelivermail: account is locked email bounced {address}");
            hop.reject(text, &account.origin);
            return Flow::Failed;
        }
        match self.own_file(&account.home, extension) {
            Some(file) => {
                hop.step(format_args!("{} counts", file.origin.file), Some(&file.origin));
                self.run_own_file(file, account, context, hop)
            }
            None => self.store(account, &account.origin, hop),
        }
    }

    /// The account's own `.qmail` file; one of 0 bytes is as if it were not there.
    fn own_file(&self, home: &RelPath, extension: &BStr) -> Option<&DotQmail> {
        let files = self.site.homes.get(home)?;
        let by_extension = (self.user_extensions && !extension.is_empty())
            .then(|| choose(files, b"-", extension))
            .flatten()
            .map(|(file, _)| file);
        let file = by_extension.or_else(|| files.files.get(BStr::new("")))?;
        (!file.lines.is_empty()).then_some(file)
    }

    /// Lines in order, each done at once; nothing is delivered that no line asks for.
    fn run_own_file(
        &self,
        file: &DotQmail,
        account: &Account,
        context: &Context<'_>,
        hop: &mut Hop,
    ) -> Flow {
        let before = hop.actions.len();
        let mut flow = Flow::Continue;
        for (origin, line) in file.numbered() {
            match Instruction::vdelivermail(line) {
                Instruction::Blank | Instruction::Comment => {}
                _ if is_looping(line, context, hop) => {
                    hop.step(format_args!("the message has been there before"), Some(&origin));
                    hop.reject("mail is looping", &origin);
                    return Flow::Failed;
                }
                instruction => {
                    match self.run_instruction(instruction, account, context, &origin, hop) {
                        Flow::Continue => {}
                        // vdelivermail itself exits 99, so .qmail-default stops as well.
                        Flow::Stop => {
                            flow = Flow::Stop;
                            break;
                        }
                        Flow::Failed => return Flow::Failed,
                    }
                }
            }
        }
        if hop.actions.len() == before {
            hop.act(Action::Discard, &file.origin.at(1));
        }
        flow
    }

    fn run_instruction(
        &self,
        instruction: Instruction,
        account: &Account,
        context: &Context<'_>,
        origin: &Origin,
        hop: &mut Hop,
    ) -> Flow {
        match instruction {
            Instruction::Maildir(name) => {
                let path = account.home.join(name);
                if path == account.maildir() {
                    let real = self.site.real_store(&path).clone();
                    return self.store_by_path(real, origin, hop);
                }
                self.store_at(&path, origin, hop)
            }
            Instruction::Mbox(_) => {
                hop.defer("vdelivermail: mbox is not supported", origin);
                Flow::Failed
            }
            Instruction::Forward(to) => {
                hop.act(self.injected(to.as_bstr(), &context.mark), origin);
                Flow::Continue
            }
            Instruction::Program(command) => self.run(command.as_bstr(), context, origin, hop),
            Instruction::Blank
            | Instruction::Comment
            | Instruction::ListMark
            | Instruction::Ignored => Flow::Continue,
        }
    }

    /// A forward goes through `qmail-inject`, which completes the host.
    fn injected(&self, to: &BStr, mark: &BString) -> Action {
        let (local, host) = match to.rsplit_once_str("@") {
            // It reads the address as part of a header, which blanks, CR and dots may end.
            Some((local, host)) => {
                let host = host.trim_end_with(|c| c.is_ascii_whitespace() || c == '.');
                (local, Some(host.as_bstr()))
            }
            None => (to.as_bytes(), None),
        };
        let address = Address::new(local, &self.site.control.complete_host(host));
        Action::Forward { to: address.to_bytes(), keeps_local: false, mark: mark.clone() }
    }

    /// Into the account's own Maildir, which is created where it is missing, unless it is full.
    pub(super) fn store(&self, account: &Account, origin: &Origin, hop: &mut Hop) -> Flow {
        let path = account.maildir();
        let path = self.site.real_store(&path).clone();
        self.store_within(account.quota, path, &account.origin, origin, hop)
    }

    /// Whoever delivers by a path goes by what the store says of itself, not by the account.
    fn store_by_path(&self, real: RelPath, origin: &Origin, hop: &mut Hop) -> Flow {
        let limits = self.site.stores.get(&real).map(|store| store.limits).unwrap_or_default();
        let file = Origin::file(&real.join("maildirsize"));
        self.store_within(limits, real, &file, origin, hop)
    }

    fn store_within(
        &self,
        quota: Quota,
        real: RelPath,
        limit: &Origin,
        origin: &Origin,
        hop: &mut Hop,
    ) -> Flow {
        let counted = self.site.stores.get(&real).map(|store| store.counted).unwrap_or_default();
        if self.counts_usage && quota.refuses(counted, 1) {
            hop.step(format_args!("the mailbox is full"), Some(limit));
            hop.reject("user is over quota", limit);
            return Flow::Failed;
        }
        hop.act(Action::Store(real), origin);
        Flow::Continue
    }

    fn store_at(&self, path: &RelPath, origin: &Origin, hop: &mut Hop) -> Flow {
        let real = match self.site.spots.get(path) {
            Some(Spot::Maildir(real)) => Some(real.clone()),
            _ => self.site.stores.get(self.site.real_store(path)).map(|store| store.path.clone()),
        };
        if let Some(real) = real {
            self.store_by_path(real, origin, hop)
        } else {
            hop.defer("vdelivermail: can not open the maildir", origin);
            Flow::Failed
        }
    }

    /// What becomes of mail that no account takes.
    fn catch_all(
        &self,
        action: &BStr,
        word: Option<&Word>,
        context: &Context<'_>,
        origin: &Origin,
        hop: &mut Hop,
    ) -> Flow {
        match action.as_bytes() {
            b"bounce-no-mailbox" => {
                hop.reject(NO_MAILBOX, origin);
                Flow::Failed
            }
            b"delete" => {
                hop.act(Action::Discard, origin);
                Flow::Continue
            }
            [b'/', ..] => self.catch_all_folder(&RelPath::new(action), context, origin, hop),
            _ => {
                let keeps_local = word
                    .and_then(|word| word.after_variable("EXT"))
                    .is_some_and(|rest| rest.starts_with(b"@"));
                match Instruction::vdelivermail(action) {
                    Instruction::Forward(to) => {
                        let forward = match self.injected(to.as_bstr(), &context.mark) {
                            Action::Forward { to, mark, .. } => {
                                Action::Forward { to, keeps_local, mark }
                            }
                            other => other,
                        };
                        hop.act(forward, origin);
                        Flow::Continue
                    }
                    Instruction::Maildir(name) => {
                        self.store_at(&context.home().join(name), origin, hop)
                    }
                    Instruction::Mbox(_) => {
                        hop.defer("vdelivermail: mbox is not supported", origin);
                        Flow::Failed
                    }
                    Instruction::Program(command) => {
                        self.run(command.as_bstr(), context, origin, hop)
                    }
                    _ => {
                        hop.act(Action::Discard, origin);
                        Flow::Continue
                    }
                }
            }
        }
    }

    /// The folder is an account's home: its `.qmail` counts, else its `Maildir`.
    fn catch_all_folder(
        &self,
        home: &RelPath,
        context: &Context<'_>,
        origin: &Origin,
        hop: &mut Hop,
    ) -> Flow {
        let store = home.join("Maildir");
        let owner = self.owners.get(self.site.real_store(&store));
        let account =
            owner.and_then(|owner| self.site.domain(&owner.domain)?.account(&owner.local));
        if let Some(account) = account {
            return match self.own_file(home, BStr::new("")) {
                Some(file) => self.run_own_file(file, account, context, hop),
                None => self.store_by_path(self.site.real_store(&store).clone(), origin, hop),
            };
        }
        self.store_at(&store, origin, hop)
    }
}
