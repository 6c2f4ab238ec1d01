//! Reads a table of regular expressions (`regexp_table(5)`).

use super::Error;
use super::table::logical_lines;
use crate::model::RelPath;
use bstr::{BStr, BString, ByteSlice as _};
use regex::bytes::{Captures, Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::ast::{self, AssertionKind, Ast};
use regex_syntax::hir::Look;
use regex_syntax::hir::literal::Extractor;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A table of regular expressions.
#[derive(Debug)]
pub(super) struct Patterns {
    pub(super) path: RelPath,
    parts: Parts,
}

/// Parts of a table in order. There may be thousands, and most are for one domain or one list: those
/// that cannot match are not looked at.
#[derive(Debug, Default)]
struct Parts {
    all: Vec<Part>,
    /// Blocks that are only for addresses of one domain, by the domain.
    by_domain: BTreeMap<BString, Vec<usize>>,
    /// Rules by what each match begins with, in lower case, and how long that may be.
    by_front: BTreeMap<BString, Vec<usize>>,
    lengths: BTreeSet<usize>,
    /// All other parts.
    others: Vec<usize>,
}

impl Parts {
    fn push(&mut self, part: Part) {
        let at = self.all.len();
        match &part {
            Part::If { condition: Condition::Domain(domain), .. } => {
                self.by_domain.entry(domain.clone()).or_default().push(at);
            }
            Part::Rule { pattern, .. } if !pattern.negated && !pattern.front.is_empty() => {
                let front = pattern.front.to_ascii_lowercase();
                self.lengths.insert(front.len());
                self.by_front.entry(front.into()).or_default().push(at);
            }
            _ => self.others.push(at),
        }
        self.all.push(part);
    }

    /// The first rule that matches, its references filled in, and its pattern.
    fn get(&self, key: &[u8]) -> Option<(BString, &BStr)> {
        let lower = key.to_ascii_lowercase();
        let domain = lower.rsplit_once_str("@").map(|(_, domain)| domain.as_bstr());
        let own = domain.and_then(|domain| self.by_domain.get(domain));
        let fronts = self.lengths.iter().map_while(|length| lower.get(..*length));
        let fronted = fronts.filter_map(|front| self.by_front.get(front.as_bstr()));
        let mut parts: Vec<usize> =
            own.into_iter().chain(fronted).flatten().chain(&self.others).copied().collect();
        parts.sort_unstable();
        parts.into_iter().find_map(|at| matched(self.all.get(at)?, key))
    }
}

#[derive(Debug)]
enum Part {
    Rule { pattern: Pattern, row: BString, value: BString },
    If { condition: Condition, parts: Parts },
}

/// What a block is for.
#[derive(Debug)]
enum Condition {
    /// Addresses of one domain; there may be a thousand such blocks, found by the domain.
    Domain(BString),
    /// Addresses that match, or do not match.
    Matches(Pattern),
}

/// A pattern that is read.
#[derive(Debug)]
struct Pattern {
    /// What each match begins with, in any case; empty where nothing is known of it.
    front: BString,
    /// The rest of it looks at what is behind the front.
    is_divided: bool,
    regex: Arc<Regex>,
    negated: bool,
}

impl Pattern {
    fn captures<'k>(&self, key: &'k [u8]) -> Option<Captures<'k>> {
        if !starts_with(key, &self.front) {
            return None;
        }
        if !self.is_divided {
            return self.regex.captures(key);
        }
        let end = self.front.len();
        // Of several matches the first counts: where this one does not begin there, none does.
        let begins = |groups: &Captures<'_>| groups.get(0).is_some_and(|it| it.start() == end);
        self.regex.captures_at(key, end).filter(begins)
    }

    fn holds(&self, key: &[u8]) -> bool {
        self.captures(key).is_some() != self.negated
    }
}

/// Regular expressions by their source. The patterns of a thousand lists differ in the lists' names,
/// in front, and to build an expression takes longer than all else that is done with it.
#[derive(Default)]
struct Built(BTreeMap<(String, bool), Arc<Regex>>);

impl Built {
    fn get(&mut self, source: &str, case_blind: bool) -> Result<Arc<Regex>, String> {
        let key = (source.to_owned(), case_blind);
        if let Some(known) = self.0.get(&key) {
            return Ok(Arc::clone(known));
        }
        let regex = RegexBuilder::new(source)
            .unicode(false)
            .case_insensitive(case_blind)
            .size_limit(1 << 22)
            // There may be thousands, and each would keep a table of its own.
            .dfa_size_limit(0)
            .build();
        let last =
            |error: regex::Error| error.to_string().lines().last().unwrap_or_default().to_owned();
        let regex = Arc::new(regex.map_err(last)?);
        self.0.insert(key, Arc::clone(&regex));
        Ok(regex)
    }
}

impl Patterns {
    /// Reads rules `/pattern/ value`, `!/pattern/ value` and blocks `if … endif`.
    pub(super) fn parse(path: &RelPath, text: &[u8]) -> Result<Self, Error> {
        let malformed = |line: u32, what: &str| Error::Malformed {
            path: path.clone(),
            line,
            what: what.to_owned(),
        };
        // Open blocks, the outermost first: condition, none for the table itself, and what is in
        // them so far.
        let mut open: Vec<(Option<Condition>, Parts)> = vec![(None, Parts::default())];
        let mut built = Built::default();
        for (line, _, text) in logical_lines(text) {
            let trimmed = text.trim_ascii().as_bstr();
            if trimmed.eq_ignore_ascii_case(b"endif") {
                let (Some((Some(condition), parts)), Some(outer)) = (open.pop(), open.last_mut())
                else {
                    return Err(malformed(line, "endif without if"));
                };
                outer.1.push(Part::If { condition, parts });
                continue;
            }
            if let Some(rest) = trimmed.strip_prefix(b"if ") {
                let condition = condition(rest.trim_ascii().as_bstr(), &mut built);
                let condition = condition.map_err(|what| malformed(line, &what))?;
                open.push((Some(condition), Parts::default()));
                continue;
            }
            let (pattern, row, value) =
                pattern(trimmed, &mut built).map_err(|what| malformed(line, &what))?;
            if value.is_empty() {
                return Err(malformed(line, "a pattern without a value"));
            }
            if let Some(inner) = open.last_mut() {
                inner.1.push(Part::Rule { pattern, row, value });
            }
        }
        let (Some((None, parts)), true) = (open.pop(), open.is_empty()) else {
            return Err(malformed(0, "an if without endif"));
        };
        Ok(Self { path: path.clone(), parts })
    }

    /// The first rule that matches, its references filled in, and its pattern.
    pub(super) fn get(&self, key: &[u8]) -> Option<(BString, &BStr)> {
        self.parts.get(key)
    }

    /// Every value as it stands, in the table's order.
    pub(super) fn values(&self) -> Vec<&BStr> {
        let mut values = Vec::new();
        let mut pending: Vec<&Part> = self.parts.all.iter().rev().collect();
        while let Some(part) = pending.pop() {
            match part {
                Part::Rule { value, .. } => values.push(value.as_bstr()),
                Part::If { parts, .. } => pending.extend(parts.all.iter().rev()),
            }
        }
        values
    }
}

/// What stands behind the last `@`, in lower case.
fn domain(key: &[u8]) -> Option<Vec<u8>> {
    key.rsplit_once_str("@").map(|(_, domain)| domain.to_ascii_lowercase())
}

fn matched<'p>(part: &'p Part, key: &[u8]) -> Option<(BString, &'p BStr)> {
    match part {
        Part::If { condition, parts } => {
            let holds = match condition {
                Condition::Domain(name) => domain(key).is_some_and(|domain| domain == **name),
                Condition::Matches(pattern) => pattern.holds(key),
            };
            holds.then(|| parts.get(key)).flatten()
        }
        Part::Rule { pattern, row, value } if pattern.negated => {
            pattern.holds(key).then(|| (value.clone(), row.as_bstr()))
        }
        Part::Rule { pattern, row, value } => {
            let groups = pattern.captures(key)?;
            let group = |number: usize| groups.get(number).map(|group| group.as_bytes().as_bstr());
            Some((substituted(value.as_bstr(), group), row.as_bstr()))
        }
    }
}

fn starts_with(key: &[u8], front: &[u8]) -> bool {
    key.get(..front.len()).is_some_and(|start| start.eq_ignore_ascii_case(front))
}

/// Divides a pattern behind the plain bytes that it begins with: `^a-b\+` and `[^@]*@`.
fn divided(source: &str) -> Option<(BString, &str)> {
    let Ok(Ast::Concat(ref parts)) = ast::parse::Parser::new().parse(source) else { return None };
    let (first, rest) = parts.asts.split_first()?;
    let Ast::Assertion(start) = first else { return None };
    if start.kind != AssertionKind::StartLine {
        return None;
    }
    let mut front = BString::default();
    let mut end = start.span.end.offset;
    for part in rest {
        let Ast::Literal(literal) = part else { break };
        if !literal.c.is_ascii() {
            break;
        }
        front.push(u8::try_from(literal.c).ok()?);
        end = literal.span.end.offset;
    }
    Some((front, source.get(end..)?)).filter(|(front, _)| !front.is_empty())
}

/// What each match of a pattern begins with, letters in any case: `a-b` of `^(a-b\+[^@]*)@`.
fn literal_front(source: &str) -> BString {
    let parsed = ParserBuilder::new().utf8(false).unicode(false).build().parse(source).ok();
    let anchored = parsed.filter(|hir| hir.properties().look_set_prefix().contains(Look::Start));
    let fronts = anchored.map(|hir| Extractor::new().extract(&hir));
    fronts.and_then(|fronts| Some(fronts.longest_common_prefix()?.into())).unwrap_or_default()
}

/// Fills in `$1`, `${1}`, `$(1)`; `$$` is a dollar.
fn substituted<'k>(value: &BStr, group: impl Fn(usize) -> Option<&'k BStr>) -> BString {
    let mut result = BString::default();
    let mut bytes = value.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'$' {
            result.push(byte);
            continue;
        }
        if bytes.next_if_eq(&b'$').is_some() {
            result.push(b'$');
            continue;
        }
        let closing = match bytes.peek() {
            Some(b'{') => Some(b'}'),
            Some(b'(') => Some(b')'),
            _ => None,
        };
        if closing.is_some() {
            bytes.next();
        }
        let mut number = 0_usize;
        while let Some(digit) = bytes.next_if(u8::is_ascii_digit) {
            number = number.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
        }
        if let Some(closing) = closing {
            bytes.next_if_eq(&closing);
        }
        result.extend_from_slice(group(number).unwrap_or_default());
    }
    result
}

/// Reads what stands behind `if`.
fn condition(text: &BStr, built: &mut Built) -> Result<Condition, String> {
    let literal = text.strip_prefix(b"/").and_then(|rest| rest.strip_suffix(b"/"));
    if let Some(domain) = literal.and_then(|literal| literal_domain(literal.as_bstr())) {
        return Ok(Condition::Domain(domain));
    }
    let (pattern, ..) = pattern(text, built)?;
    Ok(Condition::Matches(pattern))
}

/// Divides `[!]/pattern/flags value`; matching ignores case unless a flag says otherwise. Tells the
/// pattern's source too.
fn pattern(text: &BStr, built: &mut Built) -> Result<(Pattern, BString, BString), String> {
    let (text, negated) = match text.strip_prefix(b"!") {
        Some(rest) => (rest.trim_ascii_start().as_bstr(), true),
        None => (text, false),
    };
    let (delimiter, rest) = text.split_first().ok_or("no pattern")?;
    if delimiter.is_ascii_alphanumeric() {
        return Err("a pattern begins with a slash".into());
    }
    let mut end = None;
    let mut bytes = rest.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            byte if byte == delimiter => {
                end = Some(at);
                break;
            }
            _ => {}
        }
    }
    let end = end.ok_or("the pattern does not end")?;
    let source = rest.get(..end).unwrap_or_default();
    let after = rest.get(end + 1..).unwrap_or_default();
    let flags = after.find_byteset(b" \t").unwrap_or(after.len());
    let (flags, value) = after.split_at_checked(flags).unwrap_or_default();
    if !flags.iter().all(|flag| b"imx".contains(flag)) {
        return Err("unknown flags".into());
    }
    let utf8 = source.to_str().map_err(|_| "bytes that are not UTF-8")?;
    // Each `i` turns it the other way.
    let case_blind = flags.iter().fold(true, |blind, flag| blind != (*flag == b'i'));
    // A front is compared without regard to case.
    let halves = if case_blind { divided(utf8) } else { None };
    let (front, rest) = match &halves {
        Some((front, rest)) => (front.clone(), *rest),
        None => (literal_front(utf8), utf8),
    };
    let regex = built.get(rest, case_blind)?;
    let pattern = Pattern { front, is_divided: halves.is_some(), regex, negated };
    Ok((pattern, source.into(), value.trim_ascii().into()))
}

/// `a.example` of `@a\.example$`: a condition that names one domain and nothing else.
fn literal_domain(condition: &BStr) -> Option<BString> {
    let escaped = condition.strip_prefix(b"@")?.strip_suffix(b"$")?;
    let mut domain = BString::default();
    let mut bytes = escaped.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => domain.push(bytes.next().filter(|b| !b.is_ascii_alphanumeric())?),
            b if b.is_ascii_alphanumeric() || b == b'-' || b == b'_' => {
                domain.push(b.to_ascii_lowercase());
            }
            _ => return None,
        }
    }
    Some(domain)
}

#[cfg(test)]
mod tests {
    use super::Patterns;
    use crate::model::RelPath;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Patterns, super::Error> {
        Patterns::parse(&RelPath::new("p"), text.as_bytes())
    }

    #[test]
    fn the_first_rule_in_an_open_block_counts() {
        let text = "if /@x\\.example$/\nif !/^no@/\n/^a-(b|c)@x\\.example$/ $1@y, q$$@z\nendif\nendif\n/^([^@]+)@/ rest+$1\n";
        let table = parse(text).unwrap();
        let get = |key: &str| {
            table.get(key.as_bytes()).map(|(value, row)| (value.to_string(), row.to_string()))
        };
        assert_eq!(
            get("A-b@X.example"),
            Some(("b@y, q$@z".into(), "^a-(b|c)@x\\.example$".into()))
        );
        assert_eq!(get("no@x.example"), Some(("rest+no".into(), "^([^@]+)@".into())));
        assert_eq!(get("a-b@xx.example"), Some(("rest+a-b".into(), "^([^@]+)@".into())));
    }

    #[test]
    fn letters_count_as_they_stand_where_a_flag_says_so() {
        let table = parse("/^Club-help@x$/i right\n/^club-(help)@x$/ any $1\n").unwrap();
        let get = |key: &str| table.get(key.as_bytes()).map(|(value, _)| value.to_string());
        assert_eq!(get("Club-help@x").as_deref(), Some("right"));
        assert_eq!(get("club-HELP@x").as_deref(), Some("any HELP"));
        assert_eq!(get("xclub-help@x"), None);
    }

    #[test]
    fn broken_tables_are_refused() {
        for bad in ["/a", "/(/ x", "endif", "if /a/", "/a/", "a b"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_front_of_a_pattern_is_what_every_match_begins_with() {
        let front = |source: &str| super::literal_front(source).to_string();
        assert_eq!(front(r"^list\.a-help@x\.example$"), "list.a-help@x.example");
        assert_eq!(front(r#"^(club\+[^@"]*@x\.example)$"#), "club+");
        assert_eq!(front("^a-((b|c)-d|e)@x$"), "a-");
        assert_eq!(front("^ab?c"), "a");
        assert_eq!(front("^ab+c"), "ab");
        assert_eq!(front(r#"^"?a-[^@]*@x$"#), "");
        for none in ["a", "^a|b", "^(a|b)c", "^(a)?b", "^(a[)|]b|c)d", "^[ab]c", "^.a"] {
            assert_eq!(front(none), "", "{none}");
        }
    }

    proptest! {
        #[test]
        fn a_front_keeps_no_match_away(
            source in "\\^?\\(?[ab.*?+|(){1}\\[\\]^\\\\]{0,10}",
            key in "[ab.()|+]{0,6}",
        ) {
            let text = format!("/{source}/ found\n");
            let regex = regex::bytes::RegexBuilder::new(&source)
                .unicode(false)
                .case_insensitive(true)
                .build();
            if let (Ok(table), Ok(regex)) = (parse(&text), regex) {
                prop_assert_eq!(table.get(key.as_bytes()).is_some(), regex.is_match(key.as_bytes()));
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(Patterns::parse(&RelPath::new("p"), &text));
        }
    }
}
