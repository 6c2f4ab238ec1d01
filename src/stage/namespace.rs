//! Work in another network namespace.

use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::io;
use std::os::fd::AsFd as _;
use std::path::PathBuf;

/// Does something in the network of a namespace; sockets that it opens stay there.
///
/// On a thread of its own, because a thread that has moved cannot be moved back by others.
pub(super) fn within<T: Send + 'static>(
    namespace: PathBuf,
    act: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let moved = std::thread::spawn(move || {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let namespace = rustix::fs::open(&namespace, flags, Mode::empty())?;
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
        act()
    });
    moved.join().unwrap_or_else(|_| Err(io::Error::other("the thread in the namespace failed")))
}
