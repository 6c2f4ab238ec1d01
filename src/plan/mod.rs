//! The plan: everything that `migrate` will do, as a value. `plan` prints it, `migrate` carries it
//! out, `verify` holds the target against it.

mod addresses;
mod back;
mod cost;
mod counted;
mod explained;
mod listed;
mod part;
mod probes;
mod settings;
mod verdict;

pub use addresses::{AddressRow, Explanation};
pub use cost::{Cost, Room};
pub use counted::Counted;
pub use listed::{Compared, Kept, Listed};

use crate::database::{self, Place};
use crate::finding::code::{self, CODES};
use crate::finding::{Disposition, Finding, Findings, Severity, Waiver};
use crate::fsys;
use crate::fsys::root::Root;
use crate::model::command::program_of;
use crate::model::design::{Design, DomainPattern, HOMES, MailCopy, Mailbox, MailingList, Role};
use crate::model::outcome::{Outcome, Verdict, told};
use crate::model::password::Scheme;
use crate::model::quota::Quota;
use crate::model::restrictions::Restrictions;
use crate::model::seen::Memory;
use crate::model::sheet::Sheet;
use crate::model::site::Site;
use crate::model::store::Store;
use crate::model::{Account, Address, DomainName, Origin, RelPath};
use crate::policy::{Dovecot, New, Policy};
use crate::predict::{self, NewServer};
use crate::resolve::Resolver;
use crate::source::{self, Layout};
use crate::target::wiring::User;
use crate::target::{self, Artifact, Choices, Emitted};
use crate::translate;
use back::{Planned, Written};
use bstr::BString;
use explained::Explained;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// What was read, what shall be, and the files that make it so.
#[derive(Debug)]
pub struct Plan {
    /// The old server.
    pub site: Site,
    /// The new one.
    pub design: Design,
    /// The files of its programs, sorted by path.
    pub artifacts: Vec<Artifact>,
    /// The rows of its database, where one is chosen.
    pub tables: Vec<Sheet>,
    /// What a person should know, most serious first.
    pub findings: Findings,
    users: Vec<User>,
    steps: Vec<&'static str>,
    /// The new server as its files tell it.
    new: NewServer,
    /// Findings that explain why an address behaves differently.
    explained: Explained,
    /// The domains of the host's own users.
    locals: BTreeSet<DomainName>,
    /// Accounts that take no more mail.
    full: BTreeSet<Address>,
    /// How many addresses of the table there are of each verdict.
    verdicts: BTreeMap<Verdict, usize>,
    policy: Policy,
}

/// Why no plan can be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The site cannot be read.
    #[error(transparent)]
    Source(#[from] source::Error),
    /// The files made for the new server contradict themselves: a bug, found before it did harm.
    #[error("the planned files are wrong: {0}")]
    Files(#[from] predict::Error),
}

/// An account of the old server, for reports.
#[derive(Clone, Debug)]
pub struct AccountRow<'a> {
    /// Its address.
    pub address: &'a Address,
    /// The kind of its hash, if anybody can log in.
    pub scheme: Option<Scheme>,
    /// Its limits.
    pub quota: Quota,
    /// Its own restrictions.
    pub restrictions: Restrictions,
    /// Its mail store on the old server.
    pub store: RelPath,
    /// Messages in all its stores.
    pub messages: u64,
    /// Their size in bytes.
    pub bytes: u64,
}

/// What is counted in a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Domains with accounts.
    pub domains: usize,
    /// Domains that share the addresses of another.
    pub alias_domains: usize,
    /// Accounts of virtual domains, and Unix users who have mail.
    pub accounts: usize,
    /// Addresses in the table.
    pub addresses: usize,
    /// Mailing lists.
    pub lists: usize,
    /// Messages to carry over.
    pub messages: u64,
    /// Their size in bytes.
    pub bytes: u64,
}

impl Plan {
    /// Reads a site and plans its migration. Writes nothing.
    ///
    /// # Errors
    /// Where the folder is no root of a qmail host.
    pub fn make(root: &Root, policy: Policy, dovecot: Dovecot) -> Result<Self, Error> {
        Self::make_with(root, policy, dovecot, &Memory::default())
    }

    /// The same, where folders of mail that an earlier pass saw need not be looked at again.
    ///
    /// # Errors
    /// Where the folder is no root of a qmail host.
    pub fn make_with(
        root: &Root,
        policy: Policy,
        dovecot: Dovecot,
        memory: &Memory,
    ) -> Result<Self, Error> {
        let mut plan = Self::for_verify(root, policy, dovecot, memory)?;
        thinking(|| {
            plan.report_settings();
            plan.report_accounts();
            plan.report_addresses();
            plan.findings.sort();
        });
        Ok(plan)
    }

    /// The same without the findings that come of comparing both servers, for whoever goes through all
    /// addresses himself.
    ///
    /// # Errors
    /// Where the folder is no root of a qmail host.
    pub fn for_verify(
        root: &Root,
        policy: Policy,
        dovecot: Dovecot,
        memory: &Memory,
    ) -> Result<Self, Error> {
        let (site, findings) = source::read_site(root, &layout(&policy, None), memory)?;
        thinking(|| Self::of(site, findings, policy, dovecot))
    }

    /// What shall become of a site, without the findings that come of comparing both servers.
    fn of(
        site: Site,
        mut findings: Findings,
        policy: Policy,
        dovecot: Dovecot,
    ) -> Result<Self, Error> {
        let (mut design, more) = translate::translate(&site, &policy);
        findings.append(more);
        let New { map_type, backend, .. } = policy.new;
        let server = policy.database.server.as_ref();
        let choices = Choices { dovecot, map_type, backend, server };
        let Emitted { files: artifacts, tables, findings: more, users, steps } =
            target::emit(&design, choices);
        findings.append(more);
        findings.shrink_to_fit();
        // They are in the files now, and there may be a million.
        design.routes = Vec::new();
        let new = back::read(&design, &Planned::new(&artifacts, &tables))?;
        Ok(Self {
            explained: Explained::new(&findings),
            locals: site.control.locals().into_iter().map(|local| local.value).collect(),
            full: full(&site),
            verdicts: BTreeMap::new(),
            site,
            design,
            artifacts,
            tables,
            findings,
            users,
            steps,
            new,
            policy,
        })
    }

    /// The old server's rules.
    pub fn resolver(&self) -> Resolver<'_> {
        Resolver::new(&self.site, self.policy.old.user_extensions)
    }

    /// A target as its programs find it.
    ///
    /// # Errors
    /// Where a file is missing or holds a line that its program would refuse.
    pub fn read_target(&self, target: &Root) -> Result<NewServer, predict::Error> {
        let tables = self.read_tables(target).map_err(fsys::Error::from)?.unwrap_or_default();
        back::read(&self.design, &Written { target, tables })
    }

    /// The rows of a target's database; nothing where none is chosen or there is none.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn read_tables(&self, target: &Root) -> Result<Option<Vec<Sheet>>, database::Error> {
        if self.tables.is_empty() {
            return Ok(None);
        }
        let file = RelPath::new(target::sql::FILE);
        database::read(target, self.database(&file), &self.tables)
    }

    /// Where the database is, if one is chosen: a server, or this file.
    pub fn database<'p>(&'p self, file: &'p RelPath) -> Place<'p> {
        self.policy.database.server.as_ref().map_or(Place::File(file), Place::Server)
    }

    /// Whether sender and reader notice no difference between what a server did and what was
    /// predicted of it. A mailbox that is full today refuses, whatever its address leads to.
    pub fn is_same(&self, seen: &[Outcome], predicted: &[Outcome]) -> bool {
        verdict::compare(seen, predicted, &BTreeMap::new(), &self.full) == Verdict::Same
    }

    /// For so many seconds nothing may change on the old server before the last pass.
    pub fn quiet_seconds(&self) -> u64 {
        self.policy.old.quiet_seconds
    }

    /// What the sysadmin accepts.
    pub fn waivers(&self) -> &[Waiver] {
        &self.policy.waive
    }

    /// The error findings that nobody has accepted; with one, `migrate` refuses.
    pub fn refusing(&self) -> impl Iterator<Item = &Finding> {
        self.findings.refusing(&self.policy.waive)
    }

    /// The stores to copy.
    pub fn copies(&self) -> &[MailCopy] {
        &self.design.copies
    }

    /// The addresses whose mail can be moved: accounts and lists.
    pub fn with_mail(&self) -> Vec<&Address> {
        self.design.mailboxes.keys().chain(self.design.lists.keys()).collect()
    }

    /// The posts of each list to copy, archived ones and those that wait: the old server's file and
    /// the new one's.
    pub fn posts(&self) -> impl Iterator<Item = (&MailingList, Vec<(&RelPath, RelPath)>)> {
        self.design.lists.values().map(|list| {
            let folder = target::lists::of(list.manager).archive(list);
            let posts = list.list.archive.posts.iter();
            let posts = posts.map(move |(number, from)| (from, folder.join(number.to_string())));
            let folder = target::lists::pending(list);
            let waiting = list.list.pending.iter().map(|post| &post.file);
            let waiting = waiting.map(move |from| (from, folder.join(from.file_name())));
            (list, posts.chain(waiting).collect())
        })
    }

    /// The folders that belong to a user of the new host, and that user's name.
    pub fn owned(&self) -> Vec<(RelPath, &'static str)> {
        let homes = self.users.iter().map(|user| (RelPath::new(user.home), user.name));
        std::iter::once((RelPath::new(HOMES), "vmail")).chain(homes).collect()
    }

    /// The programs that nobody has decided about, and how many addresses lead to each: most first.
    pub fn programs(&self) -> Vec<(BString, usize)> {
        let mut counts: BTreeMap<BString, usize> = BTreeMap::new();
        let undecided = self.findings.iter().filter(|one| one.code.id == code::ALIAS_PROGRAM.id);
        for line in undecided.filter_map(Finding::excerpt) {
            let command = line.strip_prefix(b"|").unwrap_or(line);
            *counts.entry(program_of(command)).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| Reverse(*count));
        counts
    }

    /// What list managers leave to do on the new host, a line each.
    pub fn steps(&self) -> &[&'static str] {
        &self.steps
    }

    /// How many addresses of the table there are of each verdict.
    pub fn verdicts(&self) -> &BTreeMap<Verdict, usize> {
        &self.verdicts
    }

    /// The accounts of the old server: those of virtual domains, and Unix users who have mail.
    pub fn accounts(&self) -> impl Iterator<Item = AccountRow<'_>> {
        self.mailboxes().map(|mailbox| {
            let own = self
                .site
                .domain(&mailbox.address.domain)
                .and_then(|domain| domain.account(&mailbox.address.local));
            let stores = self.design.copies_into(&mailbox.address);
            let found: Vec<&Store> =
                stores.filter_map(|copy| self.site.stores.get(&copy.from)).collect();
            let unused = || own.map(Account::maildir).unwrap_or_default();
            AccountRow {
                address: &mailbox.address,
                scheme: mailbox.password.as_ref().map(|(scheme, _)| *scheme),
                quota: mailbox.quota,
                restrictions: own.map(|account| account.restrictions).unwrap_or_default(),
                store: found.first().map_or_else(unused, |store| store.path.clone()),
                messages: found.iter().map(|store| store.messages()).sum(),
                bytes: found.iter().map(|store| store.bytes()).sum(),
            }
        })
    }

    /// The mailboxes of accounts, without those that were made for something else.
    fn mailboxes(&self) -> impl Iterator<Item = &Mailbox> {
        let adopted = self.design.adopted.values();
        let made: BTreeSet<&Address> = adopted.chain(&self.design.robots).collect();
        self.design.mailboxes.values().filter(move |mailbox| !made.contains(&mailbox.address))
    }

    /// What a domain is on the old server: `mailbox` has accounts, `alias` shares another one's,
    /// `local` belongs to Unix users.
    pub fn kind_of(&self, pattern: &DomainPattern) -> &'static str {
        let DomainPattern::Domain(name) = pattern else {
            return "local";
        };
        let is_local = self.locals.contains(name);
        let is_alias = self.design.domain(name).is_some_and(|domain| domain.role != Role::Own);
        match () {
            () if is_local => "local",
            () if is_alias => "alias",
            () if self.site.domain(name).is_some() => "mailbox",
            () => "local",
        }
    }

    /// The counts that every report begins with.
    pub fn totals(&self) -> Totals {
        let stores = self.design.copies.iter().filter_map(|copy| self.site.stores.get(&copy.from));
        let (messages, bytes) = stores.fold((0, 0), |(messages, bytes), store| {
            (messages + store.messages(), bytes + store.bytes())
        });
        let kinds = |kind: &str| {
            self.design.domains.keys().filter(|pattern| self.kind_of(pattern) == kind).count()
        };
        Totals {
            domains: kinds("mailbox"),
            alias_domains: kinds("alias"),
            accounts: self.mailboxes().count(),
            addresses: self.verdicts.values().sum(),
            lists: self.design.lists.len(),
            messages,
            bytes,
        }
    }

    fn report_accounts(&mut self) {
        for address in &self.full {
            let account =
                self.site.domain(&address.domain).and_then(|domain| domain.account(&address.local));
            let Some(account) = account else { continue };
            self.findings.push(Finding::new(
                &code::ACCOUNT_FULL,
                Disposition::Migrated,
                account.origin.clone(),
                address.to_bytes(),
                "the mailbox is full",
                "the old server refuses mail for it",
            ));
        }
    }

    /// Every address must end as it did, or a finding must say why not.
    fn report_addresses(&mut self) {
        let mut verdicts: BTreeMap<Verdict, usize> = BTreeMap::new();
        let mut found = Vec::new();
        let mut lists = BTreeSet::new();
        for row in self.addresses() {
            *verdicts.entry(row.verdict).or_insert(0) += 1;
            if row.is_list_command && row.verdict != Verdict::Same {
                lists.extend(row.list.clone());
            }
            let (code, effect) = match row.verdict {
                Verdict::Lost if !row.findings.iter().any(|id| is_error(id)) => {
                    (&code::ADDRESS_LOST, "mail that arrived would no longer")
                }
                Verdict::Differs => {
                    (&code::ADDRESS_DIFFERS, "mail would go somewhere else than before")
                }
                _ => continue,
            };
            let message = format!("before: {}; after: {}", told(&row.old), told(&row.new));
            let origin = row.origin.clone().unwrap_or_else(|| Origin::file(&RelPath::default()));
            found.push(Finding::new(
                code,
                Disposition::Manual,
                origin,
                &row.address,
                message,
                effect,
            ));
        }
        for list in lists {
            let Some(found) = self.design.lists.get(&self.design.real(&list)) else {
                continue;
            };
            self.findings.push(Finding::new(
                &code::LIST_COMMANDS_CHANGED,
                Disposition::Adapted,
                found.list.posting.origin.clone(),
                list.to_bytes(),
                "the list's old commands are not all known to the new list manager",
                target::lists::of(found.manager).commands(),
            ));
        }
        for finding in found {
            self.findings.push(finding);
        }
        self.verdicts = verdicts;
    }
}

fn layout(policy: &Policy, only: Option<BTreeSet<RelPath>>) -> Layout {
    let (accounts, dumps) = (policy.old.dump.clone(), policy.lists.dump.clone());
    Layout { qmail: RelPath::new(&policy.old.qmail), only, accounts, dumps }
}

fn is_error(id: &str) -> bool {
    CODES.iter().any(|code| code.id == id && code.severity == Severity::Error)
}

/// Does what waits for no disk with a thread for each processor: with as many as reading has, they
/// only look for each other's work.
fn thinking<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    match rayon::ThreadPoolBuilder::new().num_threads(processors).build() {
        Ok(pool) => pool.install(work),
        // Without threads of its own the work is done on the shared ones.
        Err(_) => work(),
    }
}

/// Accounts whose mailbox takes no more mail today.
fn full(site: &Site) -> BTreeSet<Address> {
    let mut full = BTreeSet::new();
    // qmail-local, which delivers to accounts without a domain, asks for no limit.
    let domains = site.domains.iter().filter(|domain| site.deliverer_of(domain).is_some());
    for domain in domains {
        for account in domain.accounts.iter().filter(|account| !account.quota.is_unlimited()) {
            let store = account.maildir();
            let used = site
                .stores
                .get(site.real_store(&store))
                .map(|store| store.counted)
                .unwrap_or_default();
            if account.quota.refuses(used, 1) {
                full.insert(Address::of(&account.name, &domain.name));
            }
        }
    }
    full
}
