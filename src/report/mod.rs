//! Reports: what a plan or a check has to say, for a person or a program. One format a file.

pub mod csv;
pub mod json;
pub mod text;

use std::time::Duration;

/// A number with a comma after each group of three digits: `5,156`.
pub fn grouped(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().unwrap_or(u64::MAX).to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A size for a person: `8.3 MB`, in powers of ten.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    let (mut tenths, mut unit) = (bytes / 100, 0);
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1000;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if tenths >= 1000 {
        format!("{} {name}", tenths / 10)
    } else {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    }
}

/// A time for a person: `0.3 s`, `12 s`, `3 min 12 s`, `2 h 5 min`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{seconds}.{} s", time.subsec_millis() / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// `1 account`, `2 accounts`.
pub fn counted(number: impl TryInto<u64>, one: &str, many: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::{duration, grouped, size};
    use std::time::Duration;

    #[test]
    fn times_have_two_parts_at_most() {
        let told = |seconds| duration(Duration::from_millis(seconds));
        assert_eq!(
            [told(345), told(12_900), told(192_000), told(7_500_000)],
            ["0.3 s", "12 s", "3 min 12 s", "2 h 5 min"]
        );
    }

    #[test]
    fn numbers_are_grouped_by_three() {
        assert_eq!(
            [grouped(0_u64), grouped(999_u64), grouped(1000_u64), grouped(1_234_567_u64)],
            ["0", "999", "1,000", "1,234,567"]
        );
    }

    #[test]
    fn sizes_have_two_or_three_digits() {
        assert_eq!(
            [size(999), size(8_281_609), size(3_140_000_000), size(123_400)],
            ["999 bytes", "8.2 MB", "3.1 GB", "123 kB"]
        );
    }
}
