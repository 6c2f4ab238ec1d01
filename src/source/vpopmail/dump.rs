//! Accounts, aliases and limits that vpopmail keeps in a database, from a dump of it (`vmysql.h`,
//! `vpgsql.h`).
//!
//! Accounts are in the table `vpopmail`, or in one for each domain, named after it with `_` for `.` and
//! `-`, those without a domain in `users`; aliases are in `valias`, limits in `limits`. Other tables
//! (`relay`, `lastauth`, `dir_control`, `ip_alias_map`, `vlog`) tell nothing that outlasts the old server.

use super::{limits, vpasswd};
use crate::finding::{Disposition, Finding, Findings, code};
use crate::fsys;
use crate::model::dot_qmail::DotQmail;
use crate::model::{Account, Address, Domain, DomainName, Limits, Origin, RelPath};
use crate::source::sql::{self, Row, Tables};
use crate::source::{Reading, unreadable};
use bstr::{BStr, BString, ByteSlice as _};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt as _;

/// Limits by the names of their columns, which the file calls otherwise (`vlimits.c`).
const RENAMED: &[(&str, &str)] = &[
    ("defaultmaxmsgcount", "default_maxmsgcount"),
    ("defaultquota", "default_quota"),
    ("disable_passwordchanging", "disable_password_changing"),
    ("disable_relay", "disable_external_relay"),
    ("diskquota", "quota"),
];

/// What a dump tells.
pub(super) struct Dump {
    file: Origin,
    /// The tables of accounts, in lower case.
    tables: BTreeSet<BString>,
    /// Those of them that are there.
    there: BTreeSet<BString>,
    /// Whether any table of vpopmail's is there.
    has_any: bool,
    /// By domain, or by table where each domain has one.
    accounts: BTreeMap<BString, Vec<(BString, vpasswd::Fields<BString>)>>,
    /// The lines of each alias, by domain and name.
    aliases: BTreeMap<DomainName, BTreeMap<BString, (Origin, Vec<BString>)>>,
    limits: BTreeMap<DomainName, Limits>,
}

/// Reads the dump that the settings name, if they name one.
pub(super) fn read(reading: &mut Reading<'_>) -> Option<Dump> {
    let path = reading.layout.accounts.as_ref()?;
    let file = Origin::file(&RelPath::new(path.as_os_str().as_bytes()));
    let names = reading.site.assignments.iter().flat_map(|all| all.wild.keys());
    let domains = names.filter_map(|name| name.strip_suffix(b"-"));
    let fixed = ["users", "vpopmail"].map(BString::from);
    let mut dump = Dump {
        file,
        tables: domains.map(table_of).chain(fixed).collect(),
        there: BTreeSet::new(),
        has_any: false,
        accounts: BTreeMap::new(),
        aliases: BTreeMap::new(),
        limits: BTreeMap::new(),
    };
    match fsys::read_bytes(path) {
        Ok(text) if !sql::read(&text, &mut dump) => reading.findings.push(sql::cut(&dump.file)),
        Ok(_) if !dump.has_any => {
            let reason = "it has none of vpopmail's tables as SQL text";
            reading.findings.push(unreadable(&dump.file.file, &reason));
        }
        Ok(_) => {}
        Err(error) => {
            reading.findings.push(unreadable(&dump.file.file, &error));
            return None;
        }
    }
    Some(dump)
}

/// A table's name for a domain (`vauth_munch_domain` in `vmysql.c`).
fn table_of(domain: &[u8]) -> BString {
    let letter = |byte: &u8| if b".-".contains(byte) { b'_' } else { byte.to_ascii_lowercase() };
    domain.iter().map(letter).collect::<Vec<_>>().into()
}

impl Dump {
    /// The accounts of a domain, or with an empty name those without one, sorted; `None` where the
    /// dump does not have their table.
    pub(super) fn accounts(
        &self,
        name: &[u8],
        folder: &RelPath,
        domain: &DomainName,
        findings: &mut Findings,
    ) -> Option<Vec<Account>> {
        let table = if name.is_empty() { "users".into() } else { table_of(name) };
        if !self.there.contains(&table) && !self.there.contains(BStr::new("vpopmail")) {
            return None;
        }
        let rows = self.accounts.get(name.as_bstr()).or_else(|| self.accounts.get(&table));
        let (nameless, rows): (Vec<_>, Vec<_>) =
            rows.into_iter().flatten().partition(|(name, _)| name.is_empty());
        for (_, fields) in nameless {
            findings.push(vpasswd::malformed(fields.origin.clone(), "the row has no name"));
        }
        let rows: BTreeMap<&BString, &vpasswd::Fields<BString>> =
            rows.into_iter().rev().map(|(name, fields)| (name, fields)).collect();
        let account = |(name, fields)| vpasswd::account(name, fields, folder, domain, findings);
        Some(rows.into_iter().map(account).collect())
    }

    /// Whether the old server asks a database for accounts.
    pub(super) fn has_accounts(&self) -> bool {
        !self.there.is_empty()
    }

    /// The limits of a domain.
    pub(super) fn limits(&self, domain: &DomainName) -> Option<Limits> {
        self.limits.get(domain).cloned()
    }

    /// Tells of rows for domains that the old server does not know.
    pub(super) fn report_strangers(&self, reading: &mut Reading<'_>) {
        let domains = reading.site.domains.iter().map(|domain| domain.name.as_bstr());
        let mut known: BTreeSet<BString> =
            domains.flat_map(|name| [BString::from(name), table_of(name)]).collect();
        // Of accounts without a domain.
        known.extend(["".into(), "users".into()]);
        let accounts = self.accounts.iter().filter_map(|(name, rows)| {
            Some((name.as_bstr(), rows.first().map(|(_, fields)| &fields.origin)?))
        });
        let aliases = self.aliases.iter().filter_map(|(name, rows)| {
            Some((name.as_bstr(), rows.values().next().map(|(origin, _)| origin)?))
        });
        let strangers: BTreeMap<&BStr, &Origin> =
            aliases.chain(accounts).filter(|(name, _)| !known.contains(*name)).collect();
        for (name, origin) in strangers {
            reading.findings.push(Finding::new(
                &code::DOMAIN_UNASSIGNED,
                Disposition::Manual,
                origin.clone(),
                [b"@", name.as_bytes()].concat(),
                "the dump has rows of a domain that users/cdb does not lead to",
                "nobody gets mail there or logs in; neither accounts nor mail are carried over",
            ));
        }
    }

    /// Adds the aliases of domains to what their homes have. `.qmail` files come before them.
    pub(super) fn add_aliases(&self, reading: &mut Reading<'_>) {
        for Domain { name, home, .. } in &reading.site.domains {
            let rows = self.aliases.get(name).into_iter().flatten();
            let Some(home) = reading.site.homes.get_mut(home) else { continue };
            let rows = rows.map(|(alias, (origin, lines))| {
                let key = [b"-", alias.replace(".", ":").as_slice()].concat().into();
                let (origin, lines) = (origin.clone(), lines.clone());
                (key, DotQmail { origin, links_to: None, mode: 0, is_row: true, lines })
            });
            for (key, row) in home.files.add_rows(rows) {
                let alias = key.strip_prefix(b"-").unwrap_or(&key).replace(":", ".");
                reading.findings.push(Finding::new(
                    &code::ALIAS_UNREACHABLE,
                    Disposition::Dropped,
                    row.origin,
                    Address::new(alias, name).to_bytes(),
                    "a .qmail file comes before the alias in the database",
                    "no mail reaches it on the old server, and none will on the new one",
                ));
            }
        }
    }
}

impl Tables for Dump {
    fn wants(&mut self, table: &BStr) -> bool {
        let table = BString::from(table.to_ascii_lowercase());
        let is_of_accounts = self.tables.contains(&table);
        let is_wanted = is_of_accounts || table == "valias" || table == "limits";
        if is_of_accounts {
            self.there.insert(table);
        }
        self.has_any |= is_wanted;
        is_wanted
    }

    fn take(&mut self, table: &BStr, row: &Row<'_>) {
        let table = table.to_ascii_lowercase();
        let origin = self.file.at(row.line);
        match table.as_slice() {
            b"valias" => {
                let alias = row.field("alias", 0).to_ascii_lowercase().into();
                let domain = DomainName::new(row.field("domain", 1));
                let aliases = self.aliases.entry(domain).or_default();
                let (_, lines) = aliases.entry(alias).or_insert((origin, Vec::new()));
                lines.push(row.field("valias_line", 2).into());
            }
            b"limits" => {
                let domain = DomainName::new(row.field("domain", 0));
                self.limits.insert(domain, limits_of(row, origin));
            }
            // Other programs have a table of users too.
            _ if row.lacks("pw_name") => {}
            _ => {
                let has_domain = table == b"vpopmail" || row.has("pw_domain");
                let domain = row.field("pw_domain", 1).to_ascii_lowercase();
                let key = if has_domain { domain } else { table };
                let field = |column, place| {
                    BString::from(row.field(column, place + usize::from(has_domain)))
                };
                let fields = vpasswd::Fields {
                    password: field("pw_passwd", 1),
                    uid: field("pw_uid", 2),
                    gid: field("pw_gid", 3),
                    home: field("pw_dir", 5),
                    quota: field("pw_shell", 6),
                    has_clear: !field("pw_clear_passwd", 7).is_empty(),
                    origin,
                };
                let name = row.field("pw_name", 0).into();
                self.accounts.entry(key.into()).or_default().push((name, fields));
            }
        }
    }
}

/// Limits as the file has them: there a flag counts by being there, here by being neither 0 nor NULL.
fn limits_of(row: &Row<'_>, origin: Origin) -> Limits {
    let is_unset = |(name, value): &(&BString, &BString)| {
        (name.starts_with(b"disable_") || name.starts_with(b"delete_"))
            && (value.is_empty() || **value == "0")
    };
    let lines = row.named().filter(|field| !is_unset(field)).flat_map(|(name, value)| {
        let renamed =
            RENAMED.iter().find(|(column, _)| name.eq_ignore_ascii_case(column.as_bytes()));
        let name = renamed.map_or(name.as_slice(), |(_, name)| name.as_bytes());
        [name, b": ", value.as_slice(), b"\n"].concat()
    });
    limits::parse(&lines.collect::<Vec<u8>>(), origin)
}
