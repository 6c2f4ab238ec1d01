//! Texts of the old server in Sieve: strings, and what stands for other characters in them.

use crate::model::pattern::{Pattern, Piece, Set, Times};

/// Stands for the `$` of a variable of our own until all texts are written: below, no text of the
/// old server keeps a control character.
pub(super) const OWN: char = '\u{1}';

/// The commands of a script that has variables (RFC 5229): no text of the old server names one.
pub(super) fn with_variables(commands: &str) -> String {
    let commands = commands.replace("${", "${dollar}{").replace(OWN, "$");
    format!("set \"dollar\" \"$\";\n{commands}")
}

/// A string on one line; control characters, which no field of a message may hold, become blanks.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// A text of several lines: no line of it ends it.
pub(super) fn multi_line(text: &str) -> String {
    let mut lines = String::from(" text:\n");
    for line in text.lines() {
        let line: String = line.chars().filter(|c| !c.is_control() || *c == '\t').collect();
        if line.starts_with('.') {
            lines.push('.');
        }
        lines.push_str(&line);
        lines.push('\n');
    }
    lines + ".\n;\n"
}

/// A pattern that `:matches` reads, `None` where it has no words for it (RFC 5228, 2.7.1).
pub(super) fn wildcards(pattern: &Pattern) -> Option<String> {
    let mut text = String::new();
    for piece in &pattern.0 {
        match piece {
            Piece::Text(plain) => escape(plain, "*?\\", &mut text),
            Piece::One => text.push('?'),
            Piece::Any => text.push('*'),
            Piece::Of(..) => return None,
        }
    }
    Some(text)
}

/// A pattern as an extended regular expression (regex(7)).
pub(super) fn expression(pattern: &Pattern) -> String {
    let mut text = String::from("^");
    for piece in &pattern.0 {
        match piece {
            Piece::Text(plain) => escape(plain, SIGNS, &mut text),
            Piece::One => text.push('.'),
            Piece::Any => text.push_str(".*"),
            Piece::Of(set, times) => {
                bracketed(*set, &mut text);
                text.push_str(match times {
                    Times::Once => "",
                    Times::Some => "+",
                    Times::Any => "*",
                });
            }
        }
    }
    text + "$"
}

/// What means something in an expression.
const SIGNS: &str = ".[]{}()*+?^$|\\";

fn escape(plain: &str, signs: &str, text: &mut String) {
    for c in plain.chars() {
        if signs.contains(c) {
            text.push('\\');
        }
        text.push(c);
    }
}

/// A bracket expression: `]` stands for itself where it is first, `-` where it is last.
fn bracketed(set: Set, text: &mut String) {
    let (named, sign) = if set.has('\0') { (set.others(), "[^") } else { (set, "[") };
    let all: Vec<char> = named.seen().collect();
    match all.as_slice() {
        [] => text.push('.'),
        [one] if sign == "[" => escape(&one.to_string(), SIGNS, text),
        all => {
            text.push_str(sign);
            let place = |c: &char| match c {
                ']' => 0,
                '^' => 2,
                '-' => 3,
                _ => 1,
            };
            let mut all = all.to_vec();
            all.sort_by_key(place);
            text.extend(all);
            text.push(']');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{OWN, expression, multi_line, quoted, wildcards, with_variables};
    use crate::model::pattern::{Pattern, Piece, Set, Times};
    use proptest::prelude::*;

    #[test]
    fn a_control_character_before_a_dot_ends_no_text() {
        assert_eq!(multi_line("\0.\nkeep;"), " text:\n..\nkeep;\n.\n;\n");
    }

    #[test]
    fn patterns_have_words_of_their_own() {
        let set = Set::of(|c| "-]^[a".contains(c));
        let text = Piece::Text("a*b.c".into());
        let plain = Pattern(vec![Piece::Any, text.clone(), Piece::One]);
        assert_eq!(wildcards(&plain).unwrap(), "*a\\*b.c?");
        let more = Pattern(vec![
            text,
            Piece::Of(set, Times::Some),
            Piece::Of(set.others(), Times::Any),
            Piece::Of(Set::of(|c| c == '^'), Times::Any),
        ]);
        assert_eq!(wildcards(&more), None);
        assert_eq!(expression(&more), "^a\\*b\\.c[][a^-]+[^][a^-]*\\^*$");
    }

    #[test]
    fn a_text_of_the_old_server_names_no_variable() {
        let commands = format!("redirect {};\nset \"a\" \"{OWN}{{1}}\";\n", quoted("${1}\u{1}{2}"));
        assert_eq!(
            with_variables(&commands),
            "set \"dollar\" \"$\";\nredirect \"${dollar}{1} {2}\";\nset \"a\" \"${1}\";\n"
        );
    }

    proptest! {
        /// Read as RFC 5228 reads them, they hold nothing but themselves.
        #[test]
        fn no_text_leaves_its_quotes(text in "\\PC*|[\"\\\\.\r\n\t;a\u{0}\u{7f}]*") {
            let string = quoted(&text);
            let inner = string.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap();
            let mut escaped = false;
            for c in inner.chars() {
                prop_assert!(!c.is_control() && (escaped || c != '"'));
                escaped = c == '\\' && !escaped;
            }
            prop_assert!(!escaped);
            let lines = multi_line(&text);
            prop_assert_eq!(lines.matches("\n.\n").count(), 1);
            prop_assert!(lines.ends_with("\n.\n;\n"));
        }
    }
}
