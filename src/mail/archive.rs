//! Posts of lists, archived ones and those that wait, one file each; and what earlier passes brought of
//! each list, `var/lib/unqmail/posts/DOMAIN/LIST`.
//!
//! ```text
//! unqmail.posts/1
//! 1259000000.0 61 (TAB) var/spool/mlmmj/a.example/club/archive/1 (TAB) home/…/club/archive/0/01
//! ```
//!
//! A line has the date and the size that the copy got, where it is, and what it was made of. A file
//! with another date or size is not ours any more.

use super::{Job, Pass};
use crate::fsys::root::ANY_SIZE;
use crate::fsys::tree::{Access, Tree};
use crate::fsys::{Error, Kind, Result, Stat};
use crate::model::RelPath;
use bstr::ByteSlice as _;
use std::collections::{BTreeMap, BTreeSet};

/// Where the records of all lists lie.
pub const POSTS: &str = "var/lib/unqmail/posts";

/// The folder of posts that wait: a copy goes at any pass once somebody has decided.
const PENDING: &[u8] = b"pending";

const HEAD: &[u8] = b"unqmail.posts/1\n";
const OURS: Access = Access { mode: 0o600, owner: None };

/// What became of the posts of a list.
#[derive(Debug, Default)]
pub struct Posts {
    /// Copied.
    pub copied: u64,
    /// Removed, because the old server has them no more.
    pub removed: usize,
    /// Files that somebody else has put where a post belongs; they stay.
    pub foreign: Vec<RelPath>,
    /// What could not be done; the next pass tries again.
    pub failures: Vec<Error>,
}

/// Date and size of a file.
type Stamp = ((i64, u32), u64);

/// A copy that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Brought {
    stamp: Stamp,
    from: RelPath,
}

/// The copies of one list by their place.
type Record = BTreeMap<RelPath, Brought>;

/// What became of one post.
enum Became {
    There(Stamp),
    Copied(Stamp),
    Foreign,
}

/// Brings the posts of one list up to date: files of the old server and of the new one. `list` is its
/// `DOMAIN/LIST`; a list that the old server has no more has no posts. `owner` tells who owns a copy.
pub fn copy_posts(
    job: &Job<'_>,
    list: &RelPath,
    posts: &[(&RelPath, RelPath)],
    owner: impl Fn(&RelPath) -> (u32, u32),
) -> Posts {
    let mut done = Posts::default();
    let path = RelPath::new(POSTS).join(list.as_bstr());
    let old = match read(job.tree, &path) {
        Ok(old) => old,
        Err(error) => {
            done.failures.push(error);
            return done;
        }
    };
    let mut new = Record::new();
    for (from, to) in posts {
        if job.progress.stopped() {
            return done;
        }
        let known = old.get(to);
        let stamp = match bring(job, from, to, known, owner(to)) {
            Ok(Became::There(stamp)) => stamp,
            Ok(Became::Copied(stamp)) => {
                done.copied += 1;
                stamp
            }
            Ok(Became::Foreign) => {
                done.foreign.push(to.clone());
                continue;
            }
            Err(error) => {
                done.failures.push(error);
                new.extend(known.map(|known| (to.clone(), known.clone())));
                continue;
            }
        };
        new.insert(to.clone(), Brought { stamp, from: (*from).clone() });
    }
    let wanted: BTreeSet<&RelPath> = posts.iter().map(|(_, to)| to).collect();
    for (to, brought) in old.iter().filter(|(to, _)| !wanted.contains(to)) {
        match leave(job, to, brought) {
            Ok(Some(removed)) => done.removed += usize::from(removed),
            Ok(None) => drop(new.insert(to.clone(), brought.clone())),
            Err(error) => {
                done.failures.push(error);
                new.insert(to.clone(), brought.clone());
            }
        }
    }
    if new != old {
        done.failures.extend(write(job.tree, &path, &new).err());
    }
    done
}

/// Copies a post, if it is not there already.
fn bring(
    job: &Job<'_>,
    from: &RelPath,
    to: &RelPath,
    known: Option<&Brought>,
    ids: (u32, u32),
) -> Result<Became> {
    let (mut file, stat) = job.root.folder(&from.parent())?.open(from.file_name())?;
    let stamp = (stat.mtime, stat.size);
    if let Some(there) = job.tree.root().stat_link(to)? {
        if has(there, stamp) {
            return Ok(Became::There(stamp));
        }
        if !known.is_some_and(|known| has(there, known.stamp)) {
            return Ok(Became::Foreign);
        }
    }
    let folder = Access { mode: 0o700, owner: Some(ids) };
    let folder = job.tree.make_folder(&to.parent(), folder)?;
    let access = Access { mode: 0o600, owner: Some(ids) };
    job.tree
        .copy_in(&mut file, &folder, &folder, to.file_name(), access, stat.mtime)
        .map_err(|e| Error::new("copy to", to, e))?;
    Ok(Became::Copied(stamp))
}

/// Removes a copy whose post is gone, where the pass may and nobody has changed it; tells whether it
/// did. `None` where it has to be remembered further.
fn leave(job: &Job<'_>, to: &RelPath, brought: &Brought) -> Result<Option<bool>> {
    let may_go = job.pass == Pass::Final || to.parent().file_name() == PENDING;
    // What cannot be read now is not gone.
    if !may_go || job.root.stat_link(&brought.from)?.is_some() {
        return Ok(None);
    }
    let is_ours = job.tree.root().stat_link(to)?.is_some_and(|there| has(there, brought.stamp));
    if is_ours {
        job.tree.remove(to)?;
    }
    Ok(Some(is_ours))
}

fn has(there: Stat, stamp: Stamp) -> bool {
    there.kind == Kind::File && (there.mtime, there.size) == stamp
}

/// Reads a record; a line that is none is left out, so that its file counts as somebody else's.
fn read(tree: &Tree, path: &RelPath) -> Result<Record> {
    let text = tree.root().read_if_there(path, ANY_SIZE)?.unwrap_or_default();
    Ok(text.lines().filter_map(parsed).collect())
}

fn parsed(line: &[u8]) -> Option<(RelPath, Brought)> {
    let mut fields = line.split_str("\t");
    let (when, size) = fields.next()?.to_str().ok()?.split_once(' ')?;
    let (seconds, nanoseconds) = when.split_once('.')?;
    let (to, from) = (RelPath::new(fields.next()?), RelPath::new(fields.next()?));
    let stamp = ((seconds.parse().ok()?, nanoseconds.parse().ok()?), size.parse().ok()?);
    fields.next().is_none().then_some((to, Brought { stamp, from }))
}

/// Writes a record; that of a list without posts goes.
fn write(tree: &Tree, path: &RelPath, record: &Record) -> Result<()> {
    if record.is_empty() {
        tree.remove(path)?;
        tree.remove_empty(&path.parent())?;
        return Ok(());
    }
    let mut text = HEAD.to_vec();
    for (to, Brought { stamp: ((seconds, nanoseconds), size), from }) in record {
        // A name that would divide the line is not remembered, and its copy never removed.
        if [to, from]
            .iter()
            .any(|path| path.as_bstr().contains_str("\n") || path.as_bstr().contains_str("\t"))
        {
            continue;
        }
        text.extend_from_slice(format!("{seconds}.{nanoseconds} {size}").as_bytes());
        for path in [to, from] {
            text.push(b'\t');
            text.extend_from_slice(path.as_bstr());
        }
        text.push(b'\n');
    }
    let prepared = tree.prepare(path, &text, OURS)?;
    tree.place(prepared)
}

#[cfg(test)]
mod tests {
    use super::parsed;

    #[test]
    fn a_line_that_is_cut_short_is_none() {
        let line = b"-1.5 61\tvar/a/1\thome/a\xff/0/01";
        let (to, brought) = parsed(line).unwrap();
        assert_eq!((to.to_string().as_str(), brought.stamp), ("var/a/1", ((-1, 5), 61)));
        assert_eq!(brought.from.as_ref(), b"home/a\xff/0/01");
        for bad in ["", "unqmail.posts/1", "1.0 61\tvar/a/1", "1.0 x\ta\tb", "1.0 6\ta\tb\tc"] {
            assert!(parsed(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
