//! Questions about a message: tests of Sieve (RFC 5228, 5; draft-murchison-sieve-regex).

use super::Needs;
use super::text::{expression, quoted, wildcards};
use crate::model::filter::Test;
use crate::model::pattern::{Pattern, Piece};

/// The largest size that every version of Pigeonhole counts to.
const LARGEST: u64 = u32::MAX as u64;

pub(super) fn test(asked: &Test, needs: &mut Needs) -> String {
    match asked {
        Test::Always => "true".to_owned(),
        Test::Field { names, patterns, exact_case } => {
            field(&listed(names), patterns, *exact_case, needs)
        }
        Test::Recipient(address) => {
            format!("address :is [\"to\", \"cc\", \"resent-to\"] {}", quoted(address))
        }
        Test::Larger(bytes) => format!("size :over {}", bytes.min(&LARGEST)),
        Test::Smaller(bytes) => format!("size :under {}", bytes.min(&LARGEST)),
        Test::All(tests) => joined("allof", "true", tests, needs),
        Test::Any(tests) => joined("anyof", "false", tests, needs),
        Test::Not(inner) => format!("not {}", test(inner, needs)),
    }
}

fn joined(word: &str, none: &str, tests: &[Test], needs: &mut Needs) -> String {
    let tests: Vec<String> = tests.iter().map(|one| test(one, needs)).collect();
    match tests.as_slice() {
        [] => none.to_owned(),
        [one] => one.clone(),
        all => format!("{word} ({})", all.join(", ")),
    }
}

fn listed(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// The simplest word for a pattern, and the text behind it.
fn spelled(pattern: &Pattern) -> (&'static str, String) {
    match pattern.0.as_slice() {
        [] => (":is", String::new()),
        [Piece::Text(text)] => (":is", text.clone()),
        [Piece::Any, Piece::Text(text), Piece::Any] => (":contains", text.clone()),
        _ => match wildcards(pattern) {
            Some(text) => (":matches", text),
            None => (":regex", expression(pattern)),
        },
    }
}

fn field(names: &str, patterns: &[Pattern], exact_case: bool, needs: &mut Needs) -> String {
    let spelled: Vec<(&str, String)> = patterns.iter().map(spelled).collect();
    let case = if exact_case { ":comparator \"i;octet\" " } else { "" };
    let tests = [":is", ":contains", ":matches", ":regex"].iter().filter_map(|word| {
        let own = spelled.iter().filter(|(own, _)| own == word);
        let texts: Vec<String> = own.map(|(_, text)| text.clone()).collect();
        if texts.is_empty() {
            return None;
        }
        needs.extend((*word == ":regex").then_some("regex"));
        Some(format!("header {case}{word} {names} {}", listed(&texts)))
    });
    let tests: Vec<String> = tests.collect();
    match tests.as_slice() {
        [] => "false".to_owned(),
        [one] => one.clone(),
        all => format!("anyof ({})", all.join(", ")),
    }
}
