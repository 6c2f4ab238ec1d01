//! The bytes of open files: their digest, whether they are the same, and copying them.

use rustix::fs::Advice;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;

/// Reads a file to its end, and tells its size in bytes and its digest.
pub fn digest(file: &File) -> io::Result<(u64, blake3::Hash)> {
    pour(file, None)
}

/// Has the first bytes of a file fetched, so that they are there when it is read: a disk gives sooner
/// what it is asked for at once.
pub fn fetch(file: &File, size: u64) {
    let length = NonZeroU64::new(size.min(FETCHED));
    // What cannot be fetched is told when it is read.
    let _ = rustix::fs::fadvise(file, 0, length, Advice::WillNeed).is_ok();
}

/// So many files of a folder are fetched before the first of them is read.
pub const AHEAD: usize = 16;

/// So many bytes are fetched before they are read: 256 KiB.
const FETCHED: u64 = 256 << 10;

/// Whether two files hold the same bytes; both are read to their ends, or to where they differ.
pub fn same_bytes(a: &File, b: &File) -> io::Result<bool> {
    thread_local! {
        static BUFFERS: RefCell<[Vec<u8>; 2]> = RefCell::new([(); 2].map(|()| vec![0; 64 << 10]));
    }
    BUFFERS.with_borrow_mut(|[a_has, b_has]| {
        loop {
            let a_read = rustix::io::read(a, a_has.as_mut_slice())?;
            let b_read = rustix::io::read(b, b_has.as_mut_slice())?;
            if a_has.get(..a_read) != b_has.get(..b_read) {
                return Ok(false);
            }
            // A regular file gives less than was asked for at its end only.
            if a_read < a_has.len() {
                return Ok(true);
            }
        }
    })
}

/// What a file holds of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// All its bytes and no others.
    All,
    /// Some of them: it was cut short, or a loss of power left zero bytes in their place.
    Part,
    /// Something else.
    Other,
}

impl Holds {
    /// Tells it of bytes in memory.
    pub fn of(copy: &[u8], whole: &[u8]) -> Self {
        let is_from = |(copy, whole): (&u8, &u8)| copy == whole || *copy == 0;
        match copy.len().cmp(&whole.len()) {
            Ordering::Equal if copy == whole => Self::All,
            Ordering::Equal | Ordering::Less if copy.iter().zip(whole).all(is_from) => Self::Part,
            _ => Self::Other,
        }
    }
}

/// Tells what a copy holds of the whole; both are read to their ends, or to where they differ.
pub fn holds(copy: &File, whole: &File) -> io::Result<Holds> {
    let (mut copied, mut wanted) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let mut all = Holds::All;
    loop {
        let copied = read_some(copy, &mut copied)?;
        let wanted = read_some(whole, &mut wanted)?;
        match Holds::of(copied, wanted) {
            Holds::All => {}
            Holds::Part => all = Holds::Part,
            Holds::Other => return Ok(Holds::Other),
        }
        // A regular file gives less than was asked for at its end only.
        if copied.len() < 64 << 10 {
            return Ok(all);
        }
    }
}

fn read_some<'b>(file: &File, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
    let read = rustix::io::read(file, &mut *buffer)?;
    Ok(buffer.get(..read).unwrap_or_default())
}

/// Copies all bytes, if to anywhere, and tells how many and their digest. Each thread has one buffer:
/// most messages fit into it, so that two calls do for one. Of the kernel's own ways to copy none is
/// faster, and none shows the bytes.
pub(super) fn pour(from: &File, to: Option<&OwnedFd>) -> io::Result<(u64, blake3::Hash)> {
    thread_local! {
        static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; 64 << 10]);
    }
    BUFFER.with_borrow_mut(|buffer| {
        let mut hasher = blake3::Hasher::new();
        let mut size = 0;
        loop {
            let read = rustix::io::read(from, buffer.as_mut_slice())?;
            let mut bytes = buffer.get(..read).unwrap_or_default();
            hasher.update(bytes);
            size += u64::try_from(read).unwrap_or(u64::MAX);
            while let Some(to) = to.filter(|_| !bytes.is_empty()) {
                let written = rustix::io::write(to, bytes)?;
                bytes = bytes.get(written..).unwrap_or_default();
            }
            // A regular file gives less than was asked for at its end only.
            if read < buffer.len() {
                return Ok((size, hasher.finalize()));
            }
        }
    })
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay out folders")]
mod tests {
    use super::*;

    #[test]
    fn files_are_the_same_only_to_their_ends() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            std::fs::write(dir.path().join(name), bytes).unwrap();
            File::open(dir.path().join(name)).unwrap()
        };
        let whole = vec![b'x'; 256 << 10];
        let mut other = whole.clone();
        other[200 << 10] = b'y';
        for (bytes, is_same) in [
            (&whole[..], true),
            (&other, false),
            (&whole[1..], false),
            (&whole[..128 << 10], false),
        ] {
            for (a, b) in [(&whole[..], bytes), (bytes, &whole)] {
                assert_eq!(same_bytes(&file("a", a), &file("b", b)).unwrap(), is_same);
            }
        }
        assert!(same_bytes(&file("a", b""), &file("b", b"")).unwrap());
    }

    #[test]
    fn a_copy_that_was_cut_short_is_told_from_another_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            std::fs::write(dir.path().join(name), bytes).unwrap();
            File::open(dir.path().join(name)).unwrap()
        };
        let whole = vec![b'x'; 64 << 10 | 5];
        let mut torn = whole.clone();
        torn[9..70].fill(0);
        let other = [&whole[..], b"y"].concat();
        for (bytes, told) in [
            (&whole[..], Holds::All),
            (&whole[..9], Holds::Part),
            (&whole[..64 << 10], Holds::Part),
            (&torn, Holds::Part),
            (b"", Holds::Part),
            (&other, Holds::Other),
            (b"xy", Holds::Other),
        ] {
            let found = holds(&file("copy", bytes), &file("whole", &whole)).unwrap();
            assert_eq!((found, Holds::of(bytes, &whole)), (told, told));
        }
    }
}
