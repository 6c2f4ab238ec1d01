//! Readers: the bytes of the old server become the facts of a [`Site`].
//!
//! Each reader is a folder; none imports another, and none knows a target. They run in the order of
//! [`SOURCES`], because each builds on the facts that the ones before it found. A bad line, file or
//! folder is a finding and the reading goes on.

mod access;
pub mod cdb;
pub mod courier;
pub mod dot_qmail;
pub mod ezmlm;
mod home;
pub mod lines;
pub mod mail;
pub mod maildrop;
mod owned;
pub mod procmail;
pub mod qmail;
mod reply;
mod sorters;
mod sql;
pub mod vpopmail;

use crate::finding::{Disposition, Finding, Findings, code};
use crate::fsys::{self, root::Root};
use crate::model::seen::Memory;
use crate::model::site::Site;
use crate::model::{Origin, RelPath};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

/// Files larger than this are no configuration of a mail server: 64 MiB.
const LARGEST_FILE: u64 = 64 << 20;

/// Where the parts of the old server lie, as far as they can be moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// qmail's home, usually `var/qmail`.
    pub qmail: RelPath,
    /// The homes of virtual domains that are read; all where it is `None`. Of the others it is only
    /// seen that they are there.
    pub only: Option<BTreeSet<RelPath>>,
    /// A file of this host that tells what vpopmail has in a database.
    pub accounts: Option<PathBuf>,
    /// Files of this host that tell who is in a list whose members are in a database, by its address.
    pub dumps: BTreeMap<String, PathBuf>,
}

impl Layout {
    /// Whether a virtual domain's home is to be read.
    pub fn covers(&self, home: &RelPath) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(home))
    }
}

impl Default for Layout {
    fn default() -> Self {
        let qmail = RelPath::new("var/qmail");
        Self { qmail, only: None, accounts: None, dumps: BTreeMap::new() }
    }
}

/// What a reader works with: the old server's disk, and what is known so far.
#[derive(Debug)]
pub struct Reading<'a> {
    /// The old server's disk.
    pub root: &'a Root,
    /// Where its parts lie.
    pub layout: &'a Layout,
    /// What an earlier pass saw of its mail.
    pub memory: &'a Memory,
    /// The facts found so far.
    pub site: Site,
    /// What a person should know of them.
    pub findings: Findings,
}

/// A kind of program whose files are read.
pub trait Source: Sync {
    /// A short name, for registries and messages.
    fn id(&self) -> &'static str;
    /// Adds what it finds to the site. Fails only where nothing useful can be read at all.
    fn read(&self, reading: &mut Reading<'_>) -> Result<(), Error>;
}

/// Every reader, in the order in which they build on each other.
pub const SOURCES: &[&dyn Source] = &[
    &qmail::Qmail,
    &vpopmail::Vpopmail,
    &ezmlm::Ezmlm,
    &mail::Mail,
    &courier::Courier,
    &dot_qmail::DotQmail,
    &maildrop::Maildrop,
    &procmail::Procmail,
];

/// Why a site cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no qmail.
    #[error("{0} holds no qmail: there is no {1}; is it the root of the old server's file system?")]
    NoQmail(String, String),
    /// A folder that everything depends on cannot be read.
    #[error(transparent)]
    Files(#[from] fsys::Error),
}

/// Reads a whole site.
///
/// # Errors
/// Where the folder is no root of a qmail host, or its central folders cannot be listed.
pub fn read_site(root: &Root, layout: &Layout, memory: &Memory) -> Result<(Site, Findings), Error> {
    let (site, findings) = (Site::default(), Findings::default());
    let mut reading = Reading { root, layout, memory, site, findings };
    for source in SOURCES {
        source.read(&mut reading)?;
    }
    Ok((reading.site, reading.findings))
}

/// Reads a file of the site; a missing one is `None`, an unreadable one a finding and `None`.
fn read_file(root: &Root, path: &RelPath, findings: &mut Findings) -> Option<Vec<u8>> {
    match root.read_if_there(path, LARGEST_FILE) {
        Ok(bytes) => bytes,
        Err(error) => {
            findings.push(unreadable(path, &error));
            None
        }
    }
}

/// The error finding for a file that is there and cannot be read.
fn unreadable(path: &RelPath, error: &dyn fmt::Display) -> Finding {
    Finding::new(
        &code::FILE_UNREADABLE,
        Disposition::Manual,
        Origin::file(path),
        path.as_bstr(),
        error.to_string(),
        "nothing of what it says is carried over",
    )
}

/// The error finding for a folder that is there and cannot be listed.
fn unlistable(path: &RelPath, error: &fsys::Error) -> Finding {
    Finding::new(
        &code::FOLDER_UNLISTABLE,
        Disposition::Manual,
        Origin::file(path),
        path.as_bstr(),
        error.to_string(),
        "what it holds is not known, so nothing of it is carried over",
    )
}
