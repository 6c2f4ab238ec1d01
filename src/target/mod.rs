//! Emitters: a [`Design`] becomes the files of the new server. Pure; each is a folder, none knows
//! a source, and none imports another.

mod database;
pub mod dovecot;
pub mod host;
pub mod lists;
pub mod postfix;
pub mod sql;
pub mod wiring;

use crate::finding::Findings;
use crate::model::RelPath;
use crate::model::connection::Connection;
use crate::model::design::Design;
use crate::model::sheet::Sheet;
use crate::policy::{Backend, Dovecot, MapType};
use rayon::prelude::*;
use std::borrow::Cow;
use std::sync::Arc;
use wiring::{User, Wiring};

/// A file, folder or link of the new server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Where it goes, relative to the new server's root.
    pub path: RelPath,
    /// What it is.
    pub content: Content,
    /// Who may read it.
    pub audience: Audience,
}

/// What is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A file with all its bytes, which whoever reads them back need not copy.
    File(Arc<Vec<u8>>),
    /// A folder that some program expects, perhaps empty.
    Folder,
    /// A symbolic link to a path of the new host.
    Link(Cow<'static, str>),
}

/// Who a file is for: its owner and mode follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// root:root 0644.
    Everybody,
    /// root:root 0755.
    Command,
    /// root:root 0600: it tells who is in a list.
    Root,
    /// root and this group, 0640: it holds hashes.
    Group(&'static str),
    /// Root and the group with this number, 0640: a command line may hold a password.
    Users(u32),
    /// The list manager's user, 0600; folders 0700.
    Lists,
    /// The user that owns all mail, 0600; folders 0700.
    Mail,
}

impl Audience {
    /// The permission bits of a file.
    pub fn mode(self) -> u32 {
        match self {
            Self::Everybody => 0o644,
            Self::Command => 0o755,
            Self::Group(_) | Self::Users(_) => 0o640,
            Self::Lists | Self::Mail | Self::Root => 0o600,
        }
    }
}

/// What can be chosen about the files, and not about the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choices<'p> {
    /// Dovecot's configuration language.
    pub dovecot: Dovecot,
    /// The kind of Postfix's lookup tables.
    pub map_type: MapType,
    /// Where accounts and aliases are kept.
    pub backend: Backend,
    /// The server, where they are kept on one.
    pub server: Option<&'p Connection>,
}

/// A program of the new server whose files are written.
pub trait Target: Sync {
    /// A short name, for registries and messages.
    fn id(&self) -> &'static str;
    /// Adds the program's files.
    fn emit(
        &self,
        design: &Design,
        choices: Choices<'_>,
        wiring: &Wiring,
        files: &mut Vec<Artifact>,
        findings: &mut Findings,
    );
}

/// Every emitter.
pub const TARGETS: &[&dyn Target] =
    &[&postfix::Postfix, &dovecot::Dovecot, &lists::Lists, &host::Host];

/// All that is written.
#[derive(Debug, Default)]
pub struct Emitted {
    /// Files, sorted by path.
    pub files: Vec<Artifact>,
    /// The rows of the database, where one is chosen, in the order of their writing.
    pub tables: Vec<Sheet>,
    /// What a person should know of it.
    pub findings: Findings,
    /// The users that own lists.
    pub users: Vec<User>,
    /// What is left to do on the new host, a line each.
    pub steps: Vec<&'static str>,
}

/// Emits everything.
pub fn emit(design: &Design, choices: Choices<'_>) -> Emitted {
    let wiring = lists::wiring(design);
    let emit = |target: &&dyn Target| {
        let (mut files, mut findings) = (Vec::new(), Findings::default());
        target.emit(design, choices, &wiring, &mut files, &mut findings);
        (files, findings)
    };
    let emitted: Vec<_> = TARGETS.par_iter().with_max_len(1).map(emit).collect();
    let (mut files, mut findings) = (Vec::new(), Findings::default());
    for (more, found) in emitted {
        files.extend(more);
        findings.append(found);
    }
    let tables = database::divide(design, choices, &mut files, &mut findings);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let Wiring { users, steps, .. } = wiring;
    Emitted { files, tables, findings, users, steps }
}

impl Content {
    /// A file with these bytes.
    pub fn file(bytes: impl Into<Vec<u8>>) -> Self {
        Self::File(Arc::new(bytes.into()))
    }
}

impl Artifact {
    /// A text that everybody may read.
    pub fn text(path: &str, text: impl Into<Vec<u8>>) -> Self {
        let content = Content::file(text);
        Self { path: RelPath::new(path), content, audience: Audience::Everybody }
    }

    /// The bytes of a file; nothing for a folder or link.
    pub fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::File(bytes) => bytes,
            Content::Folder | Content::Link(_) => &[],
        }
    }

    /// The same, to keep.
    pub fn shared(&self) -> Arc<Vec<u8>> {
        match &self.content {
            Content::File(bytes) => Arc::clone(bytes),
            Content::Folder | Content::Link(_) => Arc::default(),
        }
    }
}
