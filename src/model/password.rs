//! Passwords as the old server stores them. No value of this module ever prints a secret.

use bstr::{BStr, ByteSlice as _};
use std::fmt;
use std::sync::Arc;

/// The kind of a crypt(3) hash, told by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// 13 characters, the first 8 of the password count.
    Des,
    /// `$1$`, vpopmail's default.
    Md5,
    /// `$5$`.
    Sha256,
    /// `$6$`.
    Sha512,
    /// `$2a$`, `$2b$`, `$2x$`, `$2y$`.
    Blowfish,
    /// Another `$…$` form, or `_…` of 20 characters (extended DES): the new host's crypt(3) may or may not know it.
    Other,
}

impl Scheme {
    /// The name that Dovecot and most programs know the scheme by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Des => "DES-CRYPT",
            Self::Md5 => "MD5-CRYPT",
            Self::Sha256 => "SHA256-CRYPT",
            Self::Sha512 => "SHA512-CRYPT",
            Self::Blowfish => "BLF-CRYPT",
            Self::Other => "CRYPT",
        }
    }

    /// Whether the scheme is so old that servers refuse it unless told otherwise.
    pub fn is_weak(self) -> bool {
        matches!(self, Self::Des | Self::Md5)
    }
}

/// Bytes that must never reach a screen, a report or a log: `Debug` prints a placeholder.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<[u8]>);

impl Secret {
    /// Wraps the bytes.
    pub fn new<B: AsRef<[u8]>>(bytes: B) -> Self {
        Self(bytes.as_ref().into())
    }

    /// The bytes themselves, for the one file that has to hold them.
    pub fn reveal(&self) -> &BStr {
        self.0.as_bstr()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// What the password field of an account or Unix user says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// Empty: nobody can log in.
    Empty,
    /// `*`, `!…` and the like: locked.
    Locked,
    /// A crypt(3) hash.
    Hash {
        /// Told by the hash's own first bytes.
        scheme: Scheme,
        /// The hash, byte for byte.
        hash: Secret,
    },
    /// Bytes that no crypt(3) hash contains.
    Unreadable,
}

impl Password {
    /// Reads the field of a vpasswd or shadow line (crypt(3) forms; crypt(5)).
    ///
    /// vpopmail 5.6 strips a leading `{SCHEME}` tag before it calls crypt(3), so does this.
    ///
    /// ```
    /// use unqmail::model::password::{Password, Scheme};
    /// assert!(matches!(Password::read(b"$1$ab$cd"), Password::Hash { scheme: Scheme::Md5, .. }));
    /// assert_eq!(Password::read(b""), Password::Empty);
    /// ```
    pub fn read(field: &[u8]) -> Self {
        let hash = match field.strip_prefix(b"{").and_then(|rest| rest.split_once_str("}")) {
            Some((_, hash)) => hash,
            None => field,
        };
        if hash.is_empty() {
            return Self::Empty;
        }
        if matches!(hash.first(), Some(b'*' | b'!')) || hash == b"x" {
            return Self::Locked;
        }
        let crypt_byte = |b: &u8| b.is_ascii_alphanumeric() || b"./$=,-+_".contains(b);
        if !hash.iter().all(crypt_byte) {
            return Self::Unreadable;
        }
        let scheme = match hash {
            _ if hash.starts_with(b"$1$") => Scheme::Md5,
            _ if hash.starts_with(b"$5$") => Scheme::Sha256,
            _ if hash.starts_with(b"$6$") => Scheme::Sha512,
            [b'$', b'2', b'a' | b'b' | b'x' | b'y', b'$', ..] => Scheme::Blowfish,
            [b'$', ..] => Scheme::Other,
            _ if hash.len() == 13 => Scheme::Des,
            [b'_', ..] if hash.len() == 20 => Scheme::Other,
            _ => return Self::Unreadable,
        };
        Self::Hash { scheme, hash: Secret::new(hash) }
    }

    /// The hash's scheme, if there is a hash.
    pub fn scheme(&self) -> Option<Scheme> {
        match self {
            Self::Hash { scheme, .. } => Some(*scheme),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Password, Scheme, Secret};

    #[test]
    fn schemes_are_told_by_their_first_bytes() {
        let scheme = |field: &str| Password::read(field.as_bytes()).scheme();
        assert_eq!(scheme("abkvR9uVPyTik"), Some(Scheme::Des));
        assert_eq!(scheme("$5$s$h"), Some(Scheme::Sha256));
        assert_eq!(scheme("$2y$05$x"), Some(Scheme::Blowfish));
        assert_eq!(scheme("$y$j9T$x$y"), Some(Scheme::Other));
        assert_eq!(scheme("_J9..rasmBYk8r9AiWNc"), Some(Scheme::Other));
        assert_eq!(scheme("{SHA512-CRYPT}$6$s$h"), Some(Scheme::Sha512));
    }

    #[test]
    fn what_is_no_hash_is_never_taken_for_one() {
        assert_eq!(Password::read(b"!"), Password::Locked);
        assert_eq!(Password::read(b"*LK*"), Password::Locked);
        assert_eq!(Password::read(b"short"), Password::Unreadable);
        assert_eq!(Password::read(b"$1$a b$c"), Password::Unreadable);
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "[secret]");
        assert!(!format!("{:?}", Password::read(b"$1$ab$cd")).contains("ab$cd"));
    }
}
