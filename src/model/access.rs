//! Who may read, write or pass a file: owner, group and permission bits.

/// Permission bits of one class, as in `chmod`.
pub const READ: u32 = 4;
/// To change a file, or what a folder holds.
pub const WRITE: u32 = 2;
/// To pass a folder.
pub const PASS: u32 = 1;

/// The owner, group and permission bits of a file or folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// A permission that a delivery cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// What stands in the way.
    pub guard: Guard,
    /// The bits that are asked of it.
    pub bits: u32,
}

/// What keeps some deliveries out of a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Barrier {
    /// What a delivery needs that not everybody has.
    pub needs: Vec<Need>,
}

impl Barrier {
    /// Whether it stops a delivery by this user and group.
    pub fn stops(&self, uid: u32, gid: u32) -> bool {
        self.needs.iter().any(|need| !need.is_met(uid, gid))
    }
}

impl Guard {
    /// Whether a process of this user and group, and of no other group, has these bits
    /// (`path_resolution(7)`); qmail-lspawn gives a delivery no more groups (`prot_gid`).
    pub fn grants(&self, uid: u32, gid: u32, bits: u32) -> bool {
        let shift = match () {
            () if uid == self.uid => 6,
            () if gid == self.gid => 3,
            () => 0,
        };
        uid == 0 || (self.mode >> shift) & bits == bits
    }

    /// Whether everybody has these bits.
    pub fn grants_all(&self, bits: u32) -> bool {
        [6, 3, 0].iter().all(|shift| (self.mode >> shift) & bits == bits)
    }
}

impl Need {
    /// Whether a process of this user and group gets what is needed.
    pub fn is_met(&self, uid: u32, gid: u32) -> bool {
        self.guard.grants(uid, gid, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::{Guard, READ, WRITE};

    #[test]
    fn the_first_class_that_fits_decides() {
        let guard = Guard { mode: 0o047, uid: 1, gid: 2 };
        assert!(!guard.grants(1, 2, READ), "the owner's own bits count for the owner");
        assert!(guard.grants(3, 2, READ) && !guard.grants(3, 2, WRITE));
        assert!(guard.grants(3, 3, WRITE) && guard.grants(0, 0, WRITE));
        assert!(!guard.grants_all(READ));
    }
}
