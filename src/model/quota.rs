//! Mailbox quotas.

/// The size of a header and little more.
const SMALLEST_MESSAGE: u64 = 500;

/// Limits of a mailbox; 0 stands for no limit of that kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Bytes that the mailbox may hold.
    pub bytes: u64,
    /// Messages that the mailbox may hold.
    pub messages: u64,
}

impl Quota {
    /// Whether nothing is limited.
    pub fn is_unlimited(self) -> bool {
        self == Self::default()
    }

    /// Parses a quota as vpopmail does (`vpopmail.c` and `maildirquota.c`, 5.4.33).
    ///
    /// Elements are divided by commas, and the last one of a kind wins. An element that ends in a
    /// capital `C` counts messages; anything else is a size in bytes with an optional `S`, then an
    /// optional `B`, then `K` or `M`. There is no `G`: `1G` is one byte. A string that begins with
    /// `NO` is no quota. More than Dovecot can count, 2^63 - 1 bytes and 2^32 - 1 messages, counts as
    /// that.
    ///
    /// ```
    /// use unqmail::model::quota::Quota;
    /// assert_eq!(Quota::parse(b"10MB,1000C"), Quota { bytes: 10 << 20, messages: 1000 });
    /// assert!(Quota::parse(b"NOQUOTA").is_unlimited());
    /// ```
    pub fn parse(text: &[u8]) -> Self {
        let mut quota = Self::default();
        if text.starts_with(b"NO") {
            return quota;
        }
        for element in text.split(|&b| b == b',').filter(|element| !element.is_empty()) {
            if let Some(count) = element.strip_suffix(b"C") {
                quota.messages = leading_number(count).min(u64::from(u32::MAX));
            } else {
                quota.bytes = size(element).min(i64::MAX.unsigned_abs());
            }
        }
        quota
    }

    /// Whether a message of `size` bytes would pass one of the limits on top of what is used. No
    /// message is smaller than its header.
    pub fn refuses(self, used: Usage, size: u64) -> bool {
        let size = size.max(SMALLEST_MESSAGE);
        (self.bytes > 0 && used.bytes.saturating_add(size) > self.bytes)
            || (self.messages > 0 && used.messages.saturating_add(1) > self.messages)
    }
}

/// What a mailbox holds, as far as quotas count it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes.
    pub bytes: u64,
    /// Messages.
    pub messages: u64,
}

impl Usage {
    /// Adds a message of so many bytes.
    pub fn add(&mut self, bytes: u64) {
        self.messages += 1;
        self.bytes += bytes;
    }
}

fn size(element: &[u8]) -> u64 {
    let number = leading_number(element);
    let mut rest = element;
    for optional in [[b'S', b's'], [b'B', b'b']] {
        if let [head @ .., last] = rest
            && optional.contains(last)
        {
            rest = head;
        }
    }
    let unit = match rest.last() {
        Some(b'K' | b'k') => 1 << 10,
        Some(b'M' | b'm') => 1 << 20,
        _ => 1,
    };
    number.saturating_mul(unit)
}

/// The number at the front of `text`, 0 where there is none, the largest on overflow.
pub fn leading_number(text: &[u8]) -> u64 {
    text.iter().take_while(|b| b.is_ascii_digit()).fold(0_u64, |number, digit| {
        number.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
    })
}

/// What `atoi` makes of a field: blanks in front and one sign are skipped, and what has no digit
/// there is 0.
pub fn atoi(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        _ => (false, text),
    };
    let number = i64::try_from(leading_number(digits)).unwrap_or(i64::MAX);
    if negative { -number } else { number }
}

#[cfg(test)]
mod tests {
    use super::{Quota, Usage, atoi};

    #[test]
    fn sizes_are_read_as_vpopmail_reads_them() {
        let parse = |text: &str| {
            let quota = Quota::parse(text.as_bytes());
            (quota.bytes, quota.messages)
        };
        assert_eq!(parse("52428800S,1000C"), (52_428_800, 1000));
        assert_eq!(parse("5000K"), (5_120_000, 0));
        assert_eq!(parse("10MB"), (10 << 20, 0));
        assert_eq!(parse("2ms"), (2 << 20, 0));
        assert_eq!(parse("1000C"), (0, 1000));
        assert_eq!(parse("1000c"), (1000, 0));
        assert_eq!(parse("1G"), (1, 0));
        assert_eq!(parse("1S,2S"), (2, 0));
        assert_eq!(parse("NS,NC"), (0, 0));
        assert_eq!(parse(""), (0, 0));
        assert_eq!(parse("99999999999999999999M"), (i64::MAX.unsigned_abs(), 0));
        assert_eq!(parse("99999999999C"), (0, u64::from(u32::MAX)));
    }

    #[test]
    fn numbers_are_read_as_c_reads_them() {
        let seen = [" 16", "16x", "-1", "+2", "", "x", "- 1"].map(|text| atoi(text.as_bytes()));
        assert_eq!(seen, [16, 16, -1, 2, 0, 0, 0]);
    }

    #[test]
    fn a_full_mailbox_refuses_the_next_message() {
        let quota = Quota { bytes: 1000, messages: 2 };
        assert!(!quota.refuses(Usage { bytes: 400, messages: 1 }, 600));
        assert!(quota.refuses(Usage { bytes: 501, messages: 1 }, 1));
        assert!(quota.refuses(Usage { bytes: 0, messages: 2 }, 1));
    }
}
