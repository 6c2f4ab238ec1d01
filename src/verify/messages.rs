//! Messages: each is on the target under its name, with its date and the same bytes.

use super::access::Access;
use super::{Sides, Verified};
use crate::fsys::folder::Folder as Open;
use crate::fsys::root::Root;
use crate::fsys::{Error, Kind, Result, Stat, bytes};
use crate::mail::{Converted, Kept, Told, base};
use crate::model::RelPath;
use crate::model::design::MailCopy;
use crate::model::mbox;
use crate::model::message::renamed;
use crate::model::store::{Folder, Store, StoreKind};
use crate::plan::Plan;
use crate::source::mail::{Half, Messages};
use bstr::{BStr, BString, ByteSlice as _};
use rustix::io::Errno;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;

/// Tells what was kept of a message of a folder, if anything was.
type Keeper<'k> = dyn Fn(&BStr) -> Option<Kept> + 'k;

/// What a check of messages is made with.
pub(super) struct Check<'a> {
    pub(super) sides: Sides<'a>,
    pub(super) access: &'a Access<'a>,
    pub(super) verified: &'a mut Verified,
}

/// Checks the archived posts of lists.
pub(super) fn check_posts(plan: &Plan, sides: Sides<'_>, verified: &mut Verified) {
    for (from, to) in plan.posts().flat_map(|(_, posts)| posts) {
        verified.count("posts", 1);
        let open = |root: &Root, path: &RelPath| {
            root.folder(&path.parent()).and_then(|folder| folder.open(path.file_name()))
        };
        let same = open(sides.site, from).and_then(|(old, _)| {
            let (new, _) = open(sides.target, &to)?;
            bytes::same_bytes(&old, &new).map_err(|e| Error::new("read", &to, e))
        });
        match same {
            Ok(true) => {}
            Ok(false) => verified.differ("post", to.as_bstr(), "the archived post", "other bytes"),
            Err(error) => {
                verified.differ("post", to.as_bstr(), "the archived post", error.to_string());
            }
        }
    }
}

impl Check<'_> {
    /// Checks the messages of a mailbox, folder by folder: each is opened once, and on the target
    /// its owner and mode are looked at too. Tells which folders have nothing in them that was not
    /// looked at.
    pub(super) fn mailbox(
        &mut self,
        home: &RelPath,
        stores: &[(&MailCopy, &Store)],
    ) -> BTreeSet<RelPath> {
        let maildir = home.join("Maildir");
        let mut done = BTreeSet::new();
        let mut folders: BTreeMap<&BString, Vec<(&Store, &Folder)>> = BTreeMap::new();
        for (copy, store) in stores {
            for folder in &store.folders {
                folders.entry(copy.folder(&folder.name)).or_default().push((store, folder));
            }
        }
        if !stores.is_empty() {
            self.verified.count("messages", 0);
            self.verified.count_bytes(0);
        }
        let told = if self.sides.recorded && !folders.is_empty() {
            Told::read(self.sides.target, home)
        } else {
            Ok(Told::default())
        };
        let told = told.unwrap_or_else(|error| {
            self.differ(&maildir, "readable on both sides", error.to_string());
            Told::default()
        });
        for (name, parts) in folders {
            let path = if name.is_empty() { maildir.clone() } else { maildir.join(name) };
            let kept = |unique: &BStr| told.get(name.as_bstr(), unique);
            if let Err(error) = self.folder(&path, &parts, &kept, &mut done) {
                self.differ(&path, "readable on both sides", error.to_string());
            }
        }
        done
    }

    fn folder(
        &mut self,
        path: &RelPath,
        sources: &[(&Store, &Folder)],
        kept: &Keeper<'_>,
        done: &mut BTreeSet<RelPath>,
    ) -> Result<()> {
        let target = self.sides.target;
        if target.stat(path)?.is_none() {
            self.differ(path, "a folder", "missing");
            return Ok(());
        }
        let mut there = There::list(target, path)?;
        self.second_witness(&there);
        for (store, folder) in sources {
            match store.kind {
                StoreKind::Maildir => self.maildir(store, folder, kept, &mut there)?,
                StoreKind::Mbox => self.mbox(store, &mut there)?,
            }
        }
        for named in there.names.iter().filter(|named| !named.is_looked_at) {
            let Some(open) = there.open(named.half) else { continue };
            let Some(stat) = open.stat(&named.name)? else { continue };
            let at = || open.path.join(&named.name);
            self.access.look(&stat, at, self.verified);
            if stat.kind == Kind::Folder {
                self.access.look_beneath(at(), done, self.verified);
            }
        }
        done.extend(there.halves.into_iter().flatten().map(|open| open.path));
        Ok(())
    }

    fn maildir(
        &mut self,
        store: &Store,
        folder: &Folder,
        kept: &Keeper<'_>,
        there: &mut There,
    ) -> Result<()> {
        for half in Half::BOTH {
            let site = self.sides.site;
            let path = folder.path.join(half.name());
            let source = match Messages::open(site, &store.path, &path) {
                Ok(Some(source)) => source,
                Ok(None) => continue,
                Err(error) if error.is_missing() => continue,
                Err(error) => return Err(error),
            };
            let names = source.names()?;
            for names in names.chunks(bytes::AHEAD) {
                let pairs = names.iter().map(|old| {
                    let name = without_keywords(old);
                    let at = there.find(half, &name);
                    (old, name, at.map(|at| (at, there.pair(at, &source, old, kept))))
                });
                for (old, name, pair) in pairs.collect::<Vec<_>>() {
                    let wanted = || there.path.join(half.name()).join(renamed(old, b""));
                    let Some((at, pair)) = pair else {
                        // What is not its reader's is not copied.
                        if source.read(old)?.is_some() {
                            self.differ(&wanted(), "there", "missing");
                            self.verified.count("messages", 1);
                        }
                        continue;
                    };
                    self.verified.count("messages", 1);
                    match pair
                        .and_then(|pair| self.message(pair, (&*there, at), (half, &name), &wanted))
                    {
                        Ok(()) => there.looked_at(at),
                        Err(error) => {
                            self.differ(&wanted(), "readable on both sides", error.to_string());
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Name, bytes, size and date of one message on both sides; bytes and date on the new one alone,
    /// where those of the old one are known.
    fn message(
        &mut self,
        pair: Pair,
        (there, at): (&There, usize),
        (half, name): (Half, &BString),
        wanted: &dyn Fn() -> RelPath,
    ) -> Result<()> {
        let Some((new, open)) = there.get(at) else { return Ok(()) };
        if new.half != half || without_keywords(&new.name) != *name {
            let path = open.path.join(&new.name);
            self.differ(&wanted(), "its name and flags", format!("there as {path}"));
        }
        let (copy, stat) = pair.copy;
        if !new.is_looked_at {
            self.access.look(&stat, || open.path.join(&new.name), self.verified);
        }
        self.verified.count_bytes(stat.size);
        self.sides.progress.done(1, stat.size);
        let unreadable = |e| Error::new("read", &open.path.join(&new.name), e);
        let (is_dated, date) = match pair.old {
            Against::Kept(kept) => {
                let (_, digest) = bytes::digest(&copy).map_err(unreadable)?;
                if digest.as_bytes().first_chunk() != Some(&kept.digest) {
                    self.differ(&wanted(), "the bytes that were copied", "other bytes");
                }
                (kept.date == stat.mtime.0, kept.date)
            }
            Against::Nothing => {
                self.differ(&wanted(), "no message", "there");
                return Ok(());
            }
            Against::File(file, old) => {
                if old.size != stat.size {
                    let bytes = |size| format!("{size} bytes");
                    self.differ(&wanted(), bytes(old.size), bytes(stat.size));
                } else if !bytes::same_bytes(&file, &copy).map_err(unreadable)? {
                    self.differ(&wanted(), "the same bytes", "other bytes");
                }
                (old.mtime == stat.mtime, old.mtime.0)
            }
        };
        if !is_dated {
            self.differ(&wanted(), format!("date {date}"), format!("date {}", stat.mtime.0));
        }
        Ok(())
    }

    /// The messages of an mbox, divided once more, against the files they became.
    fn mbox(&mut self, store: &Store, there: &mut There) -> Result<()> {
        let (file, _) =
            self.sides.site.folder(&store.path.parent())?.open(store.path.file_name())?;
        let mut names = Converted::default();
        for message in mbox::Messages::new(BufReader::new(file)) {
            let message = message.map_err(|e| Error::new("read", &store.path, e))?;
            let (name, date) = names.name(&message);
            self.verified.count("messages", 1);
            let path = there.path.join("cur").join(&name);
            let (wanted, name) = (|| path.clone(), without_keywords(&name));
            let Some(at) = there.find(Half::Cur, &name) else {
                self.differ(&path, "there", "missing");
                continue;
            };
            let Some((new, open)) = there.get(at) else { continue };
            let digest = blake3::hash(&message.bytes).as_bytes().first_chunk().copied();
            let old = Against::Kept(Kept { digest: digest.unwrap_or_default(), date });
            let pair = Pair { copy: open.open(&new.name)?, old };
            self.message(pair, (&*there, at), (Half::Cur, &name), &wanted)?;
            there.looked_at(at);
        }
        Ok(())
    }

    /// Another program's reader must find as many messages as this one: the `maildir` crate, which
    /// takes a folder that cannot be read for an empty one, so it is asked only after that is known.
    fn second_witness(&mut self, there: &There) {
        use std::os::unix::ffi::OsStrExt as _;
        let path = self.sides.target.path().join(std::ffi::OsStr::from_bytes(there.path.as_ref()));
        let theirs = maildir::Maildir::from(path);
        let counted = [theirs.count_new(), theirs.count_cur()];
        for half in Half::BOTH {
            let (ours, counted) = (there.count(half), *half.of(&counted));
            if ours != counted {
                let path = there.path.join(half.name());
                let theirs = format!("{counted} for another reader");
                self.differ(&path, format!("{ours} messages"), theirs);
            }
        }
    }

    fn differ(&mut self, path: &RelPath, old: impl Into<String>, new: impl Into<String>) {
        self.verified.differ("message", path.as_bstr(), old, new);
    }
}

/// A message of the target, open, and what it is held against.
struct Pair {
    copy: (File, Stat),
    old: Against,
}

/// What a copy is held against.
enum Against {
    /// What is known of the bytes and date that it was made from.
    Kept(Kept),
    /// The message of the old server.
    File(File, Stat),
    /// The old server has nothing that may be read.
    Nothing,
}

/// A name in a folder of the target.
struct Named {
    name: BString,
    half: Half,
    is_looked_at: bool,
}

/// All names in a folder of the target.
struct There {
    path: RelPath,
    /// Those that are there.
    halves: [Option<Open>; 2],
    /// Sorted by the part of the name that stays.
    names: Vec<Named>,
}

impl There {
    fn list(target: &Root, path: &RelPath) -> Result<Self> {
        let open = |half: Half| match target.folder(&path.join(half.name())) {
            Ok(open) => Ok(Some(open)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        };
        let halves = [open(Half::New)?, open(Half::Cur)?];
        let mut names = Vec::new();
        for half in Half::BOTH {
            let Some(open) = half.of(&halves) else { continue };
            open.each(|name, _| {
                names.push(Named { name: name.into(), half, is_looked_at: false });
                Ok(())
            })?;
        }
        names.sort_unstable_by(|a, b| {
            (base(&a.name), a.half, &a.name).cmp(&(base(&b.name), b.half, &b.name))
        });
        Ok(Self { path: path.clone(), halves, names })
    }

    /// How many messages a half holds.
    fn count(&self, half: Half) -> usize {
        let is_message = |named: &&Named| named.half == half && !named.name.starts_with(b".");
        self.names.iter().filter(is_message).count()
    }

    /// Where the message is that has this very name, else one whose name differs in flags or half
    /// only. Letters of keywords are no part of the comparison: what clients know is looked at
    /// elsewhere.
    fn find(&self, half: Half, name: &[u8]) -> Option<usize> {
        let unique = base(name);
        let first = self.names.partition_point(|named| base(&named.name) < unique);
        let same = self.names.get(first..)?;
        let same = same.iter().take_while(|named| base(&named.name) == unique);
        let is_it = |named: &Named| named.half == half && without_keywords(&named.name) == name;
        let exact = same.clone().position(is_it);
        exact.or_else(|| same.clone().next().map(|_| 0)).map(|at| first + at)
    }

    /// Opens a message and what it is held against, and has their bytes fetched.
    fn pair(
        &self,
        at: usize,
        source: &Messages<'_>,
        old: &BString,
        kept: &Keeper<'_>,
    ) -> Result<Pair> {
        let gone = || Error::new("find a message of", &self.path, Errno::NOENT);
        let (new, open) = self.get(at).ok_or_else(gone)?;
        let copy = open.open(&new.name)?;
        bytes::fetch(&copy.0, copy.1.size);
        let is_alone = self.is_alone(at);
        let old = match kept(base(&new.name)).filter(|_| is_alone) {
            Some(kept) => Against::Kept(kept),
            None => match source.read(old)? {
                Some((file, stat)) => {
                    bytes::fetch(&file, stat.size);
                    Against::File(file, stat)
                }
                None => Against::Nothing,
            },
        };
        Ok(Pair { copy, old })
    }

    /// Whether no other message has the same unique name, by which it is known what was kept of one.
    fn is_alone(&self, at: usize) -> bool {
        let unique = |at: usize| self.names.get(at).map(|named| base(&named.name));
        let before = at.checked_sub(1).and_then(unique);
        before != unique(at) && unique(at + 1) != unique(at)
    }

    fn open(&self, half: Half) -> Option<&Open> {
        half.of(&self.halves).as_ref()
    }

    fn get(&self, at: usize) -> Option<(&Named, &Open)> {
        let named = self.names.get(at)?;
        Some((named, self.open(named.half)?))
    }

    fn looked_at(&mut self, at: usize) {
        if let Some(named) = self.names.get_mut(at) {
            named.is_looked_at = true;
        }
    }
}

/// A name without letters of keywords.
fn without_keywords(name: &[u8]) -> BString {
    let name = renamed(name, b"");
    // A message that had no flags gets a place for them with its first keyword.
    name.strip_suffix(b":2,").map_or(name.clone(), BString::from)
}
