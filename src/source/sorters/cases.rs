//! What the tests of both languages share.

use super::{Runner, Sorted, Strange};

/// Each text is refused in this line and for this reason.
pub(in crate::source) fn are_refused(
    read: fn(&[u8], &Runner) -> Result<Sorted, Strange>,
    runner: &Runner,
    cases: &[(&str, u32, &str)],
) {
    for (text, line, why) in cases {
        let strange = read(text.as_bytes(), runner).expect_err(text);
        assert!(strange.why.contains(why), "{text}: {}", strange.why);
        assert_eq!(strange.line, *line, "{text}");
    }
}
