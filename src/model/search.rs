//! A search in the head of a message by a regular expression, as grep(1), procmailrc(5) and
//! maildropfilter(7) write it: which fields are looked at, and what they must be like.

use super::filter::Test;
use super::pattern::{Pattern, Piece, Set, Times};
use regex_syntax::hir::{Class, Dot, Hir, HirKind, Look};
use std::collections::{BTreeMap, BTreeSet};

/// Whose regular expression it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `grep`: `\(`, `\|`, `\+` and `\?` stand for what others write without the backslash.
    Basic,
    /// `grep -E`, `procmail`.
    Extended,
    /// `maildrop`: the like of Perl's.
    Perl,
}

/// Longer ones are nobody's.
const LONGEST: usize = 1000;
/// Ways to read one, and characters of each.
const MOST_WAYS: usize = 256;
const DEEPEST: u32 = 20;
/// How often one part of it may stand there.
const MOST_TIMES: u32 = 64;

/// One character of one way to read an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Atom {
    Start,
    End,
    Of(Set, Times),
    Any,
}

/// What an expression asks of the fields of a message. `None` where it looks at more than single
/// fields, or where no pattern says the same.
///
/// ```
/// use unqmail::model::search::{Dialect, fields};
/// assert!(fields(b"^Subject:.*URGENT", Dialect::Basic, true).is_some());
/// assert!(fields(b"URGENT", Dialect::Basic, true).is_none());
/// ```
pub fn fields(expression: &[u8], dialect: Dialect, exact_case: bool) -> Option<Test> {
    let text = plain(expression, dialect)?;
    let mut parser = regex_syntax::ParserBuilder::new();
    let parser = parser.nest_limit(DEEPEST).utf8(false).multi_line(true);
    let ways = ways(&parser.build().parse(&text).ok()?)?;
    // Names that share patterns stand in one test.
    let mut by_name: BTreeMap<String, BTreeSet<Pattern>> = BTreeMap::new();
    for way in ways {
        let (name, rest) = named(&way)?;
        by_name.entry(name).or_default().insert(value(rest, exact_case)?);
    }
    let mut by_patterns: BTreeMap<BTreeSet<Pattern>, Vec<String>> = BTreeMap::new();
    for (name, patterns) in by_name {
        by_patterns.entry(patterns).or_default().push(name);
    }
    let mut tests = by_patterns.into_iter().map(|(patterns, names)| {
        let patterns = patterns.into_iter().collect();
        Test::Field { names, patterns, exact_case }
    });
    let first = tests.next()?;
    let rest: Vec<Test> = tests.collect();
    Some(if rest.is_empty() { first } else { Test::Any([vec![first], rest].concat()) })
}

/// The expression in the one spelling that is read below; `None` for what that one has in another
/// meaning.
fn plain(expression: &[u8], dialect: Dialect) -> Option<String> {
    if expression.is_empty() || expression.len() > LONGEST {
        return None;
    }
    let text = std::str::from_utf8(expression).ok()?;
    let (mut read, mut chars, mut in_set) = (String::new(), text.chars().peekable(), false);
    let mut repeats = false;
    while let Some(c) = chars.next() {
        let repeated = std::mem::take(&mut repeats);
        match c {
            c if c.is_control() && c != '\t' => return None,
            '[' if !in_set => {
                in_set = true;
                read.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    read.push('^');
                }
                // There it stands for itself.
                if chars.next_if_eq(&']').is_some() {
                    read.push_str("\\]");
                }
            }
            // Sets within sets, and what two of these signs stand for, are somebody else's.
            '[' | '\\' | '&' | '~' if in_set && (dialect != Dialect::Perl || c != '\\') => {
                if c == '[' || c == '\\' {
                    return None;
                }
                read.extend(['\\', c]);
            }
            ']' if in_set => {
                in_set = false;
                read.push(']');
            }
            '-' if in_set && chars.peek() == Some(&'-') => return None,
            '\\' => {
                let next = chars.next()?;
                let is_sign = matches!(next, '(' | ')' | '|' | '+' | '?');
                match next {
                    's' | 'd' if dialect == Dialect::Perl => {
                        let inner = if next == 's' { "\t " } else { "0-9" };
                        let (open, close) = if in_set { ("", "") } else { ("[", "]") };
                        read.extend([open, inner, close]);
                    }
                    '+' | '?' if dialect == Dialect::Basic && repeated => return None,
                    _ if dialect == Dialect::Basic && is_sign => {
                        repeats = matches!(next, '+' | '?');
                        read.push(next);
                    }
                    ' ' => read.push(' '),
                    // Edges of words, places, and numbers of groups.
                    next if !next.is_ascii_punctuation() || "<>`'".contains(next) => return None,
                    '/' if dialect == Dialect::Extended => return None,
                    '{' | '}' if dialect == Dialect::Basic => return None,
                    next => read.extend(['\\', next]),
                }
            }
            '(' | ')' | '|' | '+' | '?' if dialect == Dialect::Basic && !in_set => {
                read.extend(['\\', c]);
            }
            '{' | '}' if dialect == Dialect::Basic && !in_set => read.extend(['\\', c]),
            '{' if !in_set && dialect == Dialect::Perl => {
                let count: String = std::iter::from_fn(|| chars.next_if(|c| *c != '}')).collect();
                let is_count = |c: char| c.is_ascii_digit() || c == ',';
                let has_place = !repeated && !read.is_empty() && !read.ends_with('(');
                if !has_place || count.starts_with(',') || !count.chars().all(is_count) {
                    return None;
                }
                chars.next()?;
                repeats = true;
                read.extend(["{", &count, "}"]);
            }
            '{' | '}' if !in_set => return None,
            // What only tries less, or stands for something of Perl's.
            '*' | '+' | '?' if !in_set => {
                if repeated || read.is_empty() || read.ends_with('(') && !read.ends_with("\\(") {
                    return None;
                }
                repeats = true;
                read.push(c);
            }
            c => read.push(c),
        }
    }
    (!in_set).then_some(read)
}

/// Every way in which an expression can be read, without alternatives.
fn ways(hir: &Hir) -> Option<Vec<Vec<Atom>>> {
    let found = match hir.kind() {
        HirKind::Empty => vec![Vec::new()],
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok()?;
            let one = |c: char| {
                let is_known = c == '\t' || (' '..='~').contains(&c);
                is_known.then(|| Atom::Of(Set::of(|own| own == blank(c)), Times::Once))
            };
            vec![text.chars().map(one).collect::<Option<Vec<Atom>>>()?]
        }
        HirKind::Class(class) => vec![vec![Atom::Of(set(hir, class)?, Times::Once)]],
        HirKind::Look(Look::Start | Look::StartLF) => vec![vec![Atom::Start]],
        HirKind::Look(Look::End | Look::EndLF) => vec![vec![Atom::End]],
        HirKind::Look(_) => return None,
        HirKind::Repetition(repeated) => {
            if repeated.min.max(repeated.max.unwrap_or_default()) > MOST_TIMES {
                return None;
            }
            let inner = ways(&repeated.sub)?;
            let single = || match inner.as_slice() {
                [one] => match one.as_slice() {
                    [Atom::Of(set, Times::Once)] => Some(*set),
                    _ => None,
                },
                _ => None,
            };
            let mut all = vec![Vec::new()];
            for _ in 0..repeated.min.saturating_sub(u32::from(repeated.max.is_none())) {
                all = joined(&all, &inner)?;
            }
            match repeated.max {
                None => joined(&all, &[many(single()?, repeated.min > 0)])?,
                Some(most) => {
                    let mut longest = all.clone();
                    for _ in repeated.min..most {
                        longest = joined(&longest, &inner)?;
                        all.extend(longest.iter().cloned());
                    }
                    all
                }
            }
        }
        HirKind::Capture(group) => ways(&group.sub)?,
        HirKind::Concat(parts) => {
            let mut all: Vec<Vec<Atom>> = vec![Vec::new()];
            for part in parts {
                all = joined(&all, &ways(part)?)?;
            }
            all
        }
        HirKind::Alternation(parts) => {
            let all: Option<Vec<_>> = parts.iter().map(ways).collect();
            all?.concat()
        }
    };
    let is_short = found.len() <= MOST_WAYS && found.iter().all(|way| way.len() <= LONGEST);
    is_short.then_some(found)
}

/// Each of the first behind which each of the others stands.
fn joined(fronts: &[Vec<Atom>], ends: &[Vec<Atom>]) -> Option<Vec<Vec<Atom>>> {
    let is_short = fronts.len().saturating_mul(ends.len()) <= MOST_WAYS
        && fronts.iter().all(|front| front.len() <= LONGEST);
    let each = |front: &Vec<Atom>| {
        let front = front.clone();
        ends.iter().map(move |end| [front.as_slice(), end.as_slice()].concat())
    };
    is_short.then(|| fronts.iter().flat_map(each).collect())
}

/// A tab in a field is a blank like any other.
fn blank(c: char) -> char {
    if c == '\t' { ' ' } else { c }
}

fn set(hir: &Hir, class: &Class) -> Option<Set> {
    if *hir == Hir::dot(Dot::AnyCharExceptLF) {
        return Some(Set::of(|_| true));
    }
    let Class::Unicode(class) = class else { return None };
    let has = |c: char| class.iter().any(|range| (range.start()..=range.end()).contains(&c));
    Some(Set::of(|c| match c {
        // Whether others than those of ASCII are meant; a line's end never is.
        '\0' => has('é'),
        ' ' => has(' ') || has('\t'),
        c => has(c),
    }))
}

fn many(set: Set, at_least_one: bool) -> Vec<Atom> {
    match (set == Set::of(|_| true), at_least_one) {
        (true, true) => vec![Atom::Of(set, Times::Once), Atom::Any],
        (true, false) => vec![Atom::Any],
        (false, _) => vec![Atom::Of(set, if at_least_one { Times::Some } else { Times::Any })],
    }
}

/// The name of the field, in lower case, that a search is tied to, and what follows its colon.
fn named(way: &[Atom]) -> Option<(String, &[Atom])> {
    let (Atom::Start, rest) = way.split_first()? else { return None };
    let letter = |atom: &Atom| match atom {
        Atom::Of(set, Times::Once) => set.letter(),
        _ => None,
    };
    let length = rest.iter().take_while(|atom| letter(atom).is_some_and(|c| c != ':')).count();
    let (name, rest) = rest.split_at_checked(length)?;
    let (colon, rest) = rest.split_first()?;
    let name: String = name.iter().filter_map(letter).collect();
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_graphic());
    (is_name && letter(colon) == Some(':')).then(|| (name.to_ascii_lowercase(), rest))
}

/// What the value of a field must be like, of which the blanks at both ends do not count: programs
/// write one behind the colon.
fn value(atoms: &[Atom], exact_case: bool) -> Option<Pattern> {
    let space = Set::of(|c| c == ' ');
    let is_blank = |atom: &&Atom| matches!(atom, Atom::Of(set, _) if *set == space);
    let blanks = atoms.iter().take_while(is_blank).count();
    let mut rest = atoms.get(blanks..)?;
    let is_open = matches!(rest.first(), Some(Atom::Any) | None) || *rest == [Atom::End];
    let everything = Set::of(|_| true);
    match rest {
        // `.+` and the like take the blank behind the colon.
        [Atom::Of(set, Times::Once), more @ ..]
            if blanks == 0 && *set == everything && more.first() == Some(&Atom::Any) =>
        {
            rest = more;
        }
        _ if blanks == 0 && !is_open => return None,
        _ => {}
    }
    let mut pattern = Pattern::default();
    let is_tied = rest.last() == Some(&Atom::End);
    let ended = rest.len() - usize::from(is_tied);
    for atom in rest.get(..ended)? {
        pattern.push(match atom {
            Atom::Any => Piece::Any,
            Atom::Of(set, Times::Once) if *set == everything => Piece::One,
            Atom::Of(set, Times::Once) => match set.letter() {
                Some(c) if !exact_case || set.seen().count() == 1 => Piece::Text(c.into()),
                _ => Piece::Of(*set, Times::Once),
            },
            Atom::Of(set, times) => Piece::Of(*set, *times),
            Atom::Start | Atom::End => return None,
        });
    }
    if !is_tied {
        pattern.push(Piece::Any);
    }
    Some(pattern)
}

#[cfg(test)]
mod tests {
    use super::{Dialect, fields};
    use crate::model::filter::Test;
    use proptest::prelude::*;

    fn read(expression: &str, dialect: Dialect) -> Option<(Vec<String>, Vec<String>)> {
        match fields(expression.as_bytes(), dialect, false)? {
            Test::Field { names, patterns, .. } => {
                let patterns = patterns.iter().map(|pattern| format!("{:?}", pattern.0));
                Some((names, patterns.collect()))
            }
            other => Some((vec![format!("{other:?}")], Vec::new())),
        }
    }

    #[test]
    fn fields_and_their_patterns_are_told_from_each_other() {
        use Dialect::{Basic, Extended, Perl};
        let cases: &[(&str, Dialect, &[&str], &[&str])] = &[
            ("^Subject:.*urgent", Basic, &["subject"], &["[Any, Text(\"urgent\"), Any]"]),
            ("^X-Spam-Flag: YES", Perl, &["x-spam-flag"], &["[Text(\"YES\"), Any]"]),
            ("^X-Spam-Flag: *YES$", Extended, &["x-spam-flag"], &["[Text(\"YES\")]"]),
            ("^(To|Cc):.*list@x", Extended, &["cc", "to"], &["[Any, Text(\"list@x\"), Any]"]),
            (
                "^From: .*\\(ax\\|b\\)c",
                Basic,
                &["from"],
                &["[Any, Text(\"axc\"), Any]", "[Any, Text(\"bc\"), Any]"],
            ),
            ("^[Ff]rom:.*x\\.y", Basic, &["from"], &["[Any, Text(\"x.y\"), Any]"]),
            ("^List-Id:", Extended, &["list-id"], &["[Any]"]),
            ("^X-Spam-Level: \\*\\*\\*", Extended, &["x-spam-level"], &["[Text(\"***\"), Any]"]),
            ("^Subject:\\s*\\[a\\]", Perl, &["subject"], &["[Text(\"[a]\"), Any]"]),
            ("^Subject: *$", Extended, &["subject"], &["[]"]),
            (
                "^Subject:.+x?y",
                Extended,
                &["subject"],
                &["[Any, Text(\"xy\"), Any]", "[Any, Text(\"y\"), Any]"],
            ),
        ];
        for (expression, dialect, names, patterns) in cases {
            let (own_names, own_patterns) = read(expression, *dialect).expect(expression);
            assert_eq!(own_names, *names, "{expression}");
            assert_eq!(own_patterns, *patterns, "{expression}");
        }
        assert!(read("^Subject:.*[0-9]+", Extended).unwrap().1[0].contains("Some"));
        let counted = read("^Subject: x{2,3}y{2,}$", Perl).unwrap().1;
        assert_eq!(counted.len(), 2, "{counted:?}");
        assert!(counted[0].starts_with("[Text(\"xxxy\"), Of("), "{counted:?}");
    }

    #[test]
    fn what_looks_elsewhere_or_says_more_is_none() {
        use Dialect::{Basic, Extended, Perl};
        for (expression, dialect) in [
            ("", Basic),
            ("urgent", Basic),
            ("^", Extended),
            ("^Subject", Extended),
            ("^Subject:x", Extended),
            ("^Sub.*ject: x", Extended),
            ("^Subject:.*\\<x", Extended),
            ("^Subject:.*x{2}", Extended),
            ("^Subject: (?i)x", Perl),
            ("^Subject: x*?", Perl),
            ("^Subject: x{2}{3}", Perl),
            ("^Subject: x{,3}", Perl),
            ("^Subject: (ab|cd){9}", Perl),
            ("^Subject: x{999999999}", Perl),
            ("^Subject: (ab)*", Perl),
            ("^Subject: x\\/y", Extended),
            ("^Subject: \\w", Perl),
            ("^Subject: [[:alpha:]]", Extended),
            ("^Subject: [a&&b--c]", Extended),
            ("^Subject: \\1", Perl),
            ("^a: x^b: y", Extended),
            ("^(a|b|c|d)(a|b|c|d)(a|b|c|d)(a|b|c|d): x", Extended),
            ("^Subject: [", Extended),
            ("^Subject: a\nb", Extended),
        ] {
            assert_eq!(read(expression, dialect), None, "{expression}");
        }
    }

    proptest! {
        #[test]
        fn any_expression_is_read(expression in "[\\^a-c:. *+?()|\\[\\]\\\\{}$<-]{0,40}|\\PC{0,40}") {
            for dialect in [Dialect::Basic, Dialect::Extended, Dialect::Perl] {
                drop(fields(expression.as_bytes(), dialect, false));
            }
        }
    }
}
