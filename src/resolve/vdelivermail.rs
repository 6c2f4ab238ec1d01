//! Delivery to vpopmail accounts: `vdelivermail.c` (5.4.33 and 5.6.1).

use super::local::{choose, choose_row};
use super::program::{Context, Flow};
use super::{Action, Hop, Kept, Resolver};
use crate::model::command::Word;
use crate::model::dot_qmail::{DotQmail, Instruction};
use crate::model::quota::Quota;
use crate::model::restrictions::Restrictions;
use crate::model::site::Spot;
use crate::model::{Account, Address, Domain, DomainName, LocalPart, Origin, RelPath, shown};
use bstr::{BStr, BString, ByteSlice};

const NO_MAILBOX: &str = "Sorry, no mailbox here by that name. (#5.1.1)";

/// Bytes that a name may hold (`is_username_valid` in `vpopmail.c`).
fn is_name_byte(byte: u8) -> bool {
    matches!(byte, 33 | 35 | 36 | 38 | 39 | 42 | 43 | 45..=57 | 61 | 63 | 65..=90 | 94..=126)
}

/// Bytes that a domain may hold (`is_domain_valid` in `vpopmail.c`).
fn is_domain_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')
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
        // `@domain` is a user without a name, whom it takes for any other that it does not know.
        let user = LocalPart::new(context.extension().to_ascii_lowercase());
        if !user.as_bstr().iter().copied().all(is_name_byte) {
            hop.reject("invalid username", origin);
            return Flow::Failed;
        }
        if !context.host.as_bstr().iter().copied().all(is_domain_byte) {
            hop.reject("invalid domain name", origin);
            return Flow::Failed;
        }
        let context = &context.marked(Address::new(&user, context.host).to_bytes());
        hop.marks.push(context.mark.clone());
        // Only the domain's own user, or root, is told of accounts (`vauth_getpw` in `vcdb.c`).
        let domain = self.domain_of(context.host).filter(|domain| {
            let deliverer = self.site.deliverer_of(domain);
            context.who.uid == 0 || deliverer.is_some_and(|(uid, _)| uid == context.who.uid)
        });
        let row = domain.and_then(|domain| Some((domain, self.row_for(domain, &user)?)));
        if let Some((domain, row)) = row {
            hop.step(format_args!("vdelivermail: an alias in the database"), Some(&row.origin));
            return self.run_own_file(row, &domain.home, context, hop);
        }
        let extension = self.own_extension(&user);
        let found = domain.and_then(|domain| Some((domain, self.account_for(domain, &user)?)));
        if let Some((domain, account)) = found {
            let address = Address::of(&account.name, &domain.name);
            hop.step(format_args!("vdelivermail: account {address}"), Some(&account.origin));
            return self.deliver_to(account, &address, extension, context, hop);
        }
        hop.step(
            format_args!("vdelivermail: no account {user}, so: {}", shown(action)),
            Some(origin),
        );
        match action.as_slice() {
            [b'/', ..] => {
                let home = RelPath::new(action);
                self.catch_all_folder(&home, extension, context, origin, hop)
            }
            _ => self.catch_all(action.as_bstr(), words.get(1), context, origin, hop),
        }
    }

    /// The real domain behind a host name; an alias made only in virtualdomains is none.
    pub(super) fn domain_of(&self, host: &DomainName) -> Option<&Domain> {
        let key = BString::from([host.as_ref(), b"-".as_slice()].concat());
        let record = self.assignments()?.wild.get(&key)?;
        let named = self.site.domain(&DomainName::new(&record.user));
        named.or_else(|| self.alias_domains.get(host).copied())
    }

    /// The account by its whole name, else, with user extensions, by what stands before the first
    /// `-`.
    fn account_for<'d>(&self, domain: &'d Domain, user: &LocalPart) -> Option<&'d Account> {
        if domain.is_damaged && !self.mends {
            return None;
        }
        let reachable = |name: &LocalPart| domain.account(name).filter(|account| account.reachable);
        reachable(user).or_else(|| {
            let (front, _) = user.as_bstr().split_once_str("-")?;
            self.user_extensions.then(|| reachable(&LocalPart::new(front))).flatten()
        })
    }

    /// The alias that the database has for a name, which comes before an account (`process_valias`).
    fn row_for<'d>(&'d self, domain: &Domain, user: &LocalPart) -> Option<&'d DotQmail> {
        let home = self.site.homes.get(&domain.home)?;
        choose_row(home, user.as_ref()).or_else(|| {
            let (front, _) = user.as_bstr().split_once_str("-")?;
            self.user_extensions.then(|| choose_row(home, front)).flatten()
        })
    }

    /// What stands behind the first `-`, with user extensions: it chooses the account's `.qmail`
    /// file even where it is a part of the account's own name (`TheExt`).
    fn own_extension<'u>(&self, user: &'u LocalPart) -> &'u BStr {
        let behind = user.as_bstr().split_once_str("-").map(|(_, behind)| behind.as_bstr());
        behind.filter(|_| self.user_extensions).unwrap_or_default()
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
        match self.own_file(&account.home, extension, context) {
            Some(file) => {
                hop.step(format_args!("{} counts", file.origin.file), Some(&file.origin));
                self.run_own_file(file, &account.home, context, hop)
            }
            None => self.store(account, &account.origin, hop),
        }
    }

    /// The `.qmail` file of a home; one of 0 bytes, or that cannot be read, is as if it were not
    /// there.
    fn own_file(
        &self,
        home: &RelPath,
        extension: &BStr,
        context: &Context<'_>,
    ) -> Option<&DotQmail> {
        let (uid, gid) = (context.who.uid, context.who.gid);
        let opens = |file: &&DotQmail| self.site.may_use(&file.origin.file, uid, gid);
        let files = self.site.homes.get(home)?;
        let by_extension = if extension.is_empty() { None } else { choose(files, b"-", extension) };
        let by_extension = by_extension.map(|(file, _)| file).filter(opens);
        let file = by_extension.or_else(|| files.files.get(BStr::new("")).filter(opens))?;
        (!file.lines.is_empty()).then_some(file)
    }

    /// Lines in order, each done at once; nothing is delivered that no line asks for.
    fn run_own_file(
        &self,
        file: &DotQmail,
        home: &RelPath,
        context: &Context<'_>,
        hop: &mut Hop,
    ) -> Flow {
        let before = hop.actions.len();
        let mut flow = Flow::Continue;
        let pieces = file
            .numbered()
            .flat_map(|(origin, line)| pieces(line).map(move |piece| (origin.clone(), piece)));
        for (origin, line) in pieces {
            match Instruction::vdelivermail(line) {
                Instruction::Blank | Instruction::Comment => {}
                _ if is_looping(line, context, hop) => {
                    hop.step(format_args!("the message has been there before"), Some(&origin));
                    hop.reject("mail is looping", &origin);
                    return Flow::Failed;
                }
                instruction => {
                    match self.run_instruction(instruction, home, context, &origin, hop) {
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
            hop.act(Action::Discard, &file.line(1));
        }
        flow
    }

    fn run_instruction(
        &self,
        instruction: Instruction,
        home: &RelPath,
        context: &Context<'_>,
        origin: &Origin,
        hop: &mut Hop,
    ) -> Flow {
        match instruction {
            Instruction::Maildir(name) => self.store_at(&home.join(name), context, origin, hop),
            Instruction::Mbox(_) => {
                hop.defer("vdelivermail: mbox is not supported", origin);
                Flow::Failed
            }
            Instruction::Forward(to) => {
                hop.act(self.injected(to.as_bstr(), &context.mark), origin);
                Flow::Continue
            }
            Instruction::Program(command) => {
                self.run(command.as_bstr(), &context.within(home), origin, hop)
            }
            Instruction::Blank
            | Instruction::Comment
            | Instruction::ListMark
            | Instruction::Ignored => Flow::Continue,
        }
    }

    /// A forward goes through `qmail-inject`, which completes the host.
    fn injected(&self, to: &BStr, mark: &BString) -> Action {
        let (local, host) = match to.rsplit_once_str("@") {
            // It reads the host as part of a header, which blanks, CR and dots may end.
            Some((local, host)) => {
                let host = host.trim_end_with(|c| c.is_ascii_whitespace() || c == '.');
                (local, (!host.is_empty()).then_some(host.as_bstr()))
            }
            None => (to.as_bytes(), None),
        };
        let address = Address::new(local, &self.site.control.complete_host(host));
        Action::Forward { to: address.to_bytes(), kept: Kept::Nothing, mark: mark.clone() }
    }

    /// Into the account's own Maildir, which is created where it is missing, unless it is full.
    pub(super) fn store(&self, account: &Account, origin: &Origin, hop: &mut Hop) -> Flow {
        if self.site.closed_homes.contains(&account.home) {
            hop.defer("vdelivermail: can not open new email file in the maildir", origin);
            return Flow::Failed;
        }
        let path = self.site.real_store(&account.maildir()).clone();
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

    /// Into a Maildir that a line names: an account's own, or any other that is there.
    fn store_at(
        &self,
        path: &RelPath,
        context: &Context<'_>,
        origin: &Origin,
        hop: &mut Hop,
    ) -> Flow {
        let real = match self.site.spots.get(path) {
            Some(Spot::Maildir(real)) => Some(real.clone()),
            Some(Spot::Unusable) => None,
            // The home of an account was made before its lines are read.
            _ => {
                let real = self.site.real_store(path);
                self.owners.get(real).map(|_| real.clone())
            }
        };
        let may_use = self.site.may_use(path, context.who.uid, context.who.gid);
        if let Some(real) = real.filter(|_| may_use) {
            return self.store_by_path(real, origin, hop);
        }
        hop.defer("vdelivermail: can not open new email file in the maildir", origin);
        Flow::Failed
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
            _ => {
                let is_kept = word
                    .and_then(|word| word.after_variable("EXT"))
                    .is_some_and(|rest| rest.starts_with(b"@"));
                let kept = if is_kept { Kept::Local } else { Kept::Nothing };
                match Instruction::vdelivermail(action) {
                    Instruction::Forward(to) => {
                        let forward = match self.injected(to.as_bstr(), &context.mark) {
                            Action::Forward { to, mark, .. } => Action::Forward { to, kept, mark },
                            other => other,
                        };
                        hop.act(forward, origin);
                        Flow::Continue
                    }
                    Instruction::Maildir(name) => {
                        self.store_at(&context.home().join(name), context, origin, hop)
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

    /// The folder is treated as an account's home: its `.qmail` counts, else its `Maildir`.
    fn catch_all_folder(
        &self,
        home: &RelPath,
        extension: &BStr,
        context: &Context<'_>,
        origin: &Origin,
        hop: &mut Hop,
    ) -> Flow {
        match self.own_file(home, extension, context) {
            Some(file) => {
                hop.step(format_args!("{} counts", file.origin.file), Some(&file.origin));
                self.run_own_file(file, home, context, hop)
            }
            None => self.store_at(&home.join("Maildir"), context, origin, hop),
        }
    }
}

/// The pieces in which a line is read: 499 bytes at a time (`qmail_line`), up to a NUL.
fn pieces(line: &BStr) -> impl Iterator<Item = &BStr> {
    let whole = line.is_empty().then_some(line);
    let parts = line.chunks(499).map(|part| part.split_str("\0").next().unwrap_or_default());
    whole.into_iter().chain(parts.map(ByteSlice::as_bstr))
}
