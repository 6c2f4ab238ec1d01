//! The texts of `text/`: which of them are the list's own, and what stands in them (`copy.c`).
//!
//! Versions before 5 put a copy of every text into each list; later ones only where somebody changed it.
//! A text is stock where each of its lines is one that some version of ezmlm comes with, whatever the
//! order: the templates leave lines out. Of those lines there are digests only, made by
//! `tests/ezmlm-stock`.

use super::settings::Settings;
use crate::finding::Findings;
use crate::fsys::{Kind, root::Root};
use crate::model::list::{Occasion, Piece, Text};
use crate::model::{Origin, RelPath, Sourced};
use crate::source::{read_file, unlistable};
use bstr::{BString, ByteSlice as _};

/// FNV-1a digests of the lines of stock texts, 4 bytes each, little endian, sorted.
const STOCK: &[u8] = include_bytes!("../../../fixtures/ezmlm/stock.bin");

/// Texts that a new list can have, by their file's name.
const OCCASIONS: &[(&str, Occasion)] = &[
    ("faq", Occasion::Faq),
    ("help", Occasion::Help),
    ("info", Occasion::Info),
    ("mod-request", Occasion::AskAboutPost),
    ("mod-sub-confirm", Occasion::AskModeratorToJoin),
    ("sub-confirm", Occasion::AskToJoin),
    ("sub-nop", Occasion::IsMember),
    ("sub-ok", Occasion::Joined),
    ("top", Occasion::Any),
    ("unsub-confirm", Occasion::AskToLeave),
    ("unsub-nop", Occasion::IsNoMember),
    ("unsub-ok", Occasion::Left),
];

/// A text is no longer than this, and a list has no more files of them.
const LARGEST: usize = 256 << 10;
const MOST: usize = 200;

/// What is told of a text that has no place on a new list.
const HOMELESS: &str = "is a text of the list's own";

/// The texts that are the list's own, and what is told of the others that are.
pub(super) fn read(
    root: &Root,
    folder: &RelPath,
    settings: &Settings<'_>,
    findings: &mut Findings,
) -> (Vec<Text>, Vec<Sourced<&'static str>>) {
    let (mut texts, mut homeless) = (Vec::new(), Vec::new());
    let folder = folder.join("text");
    let entries = match root.list(&folder) {
        Ok(entries) => entries,
        Err(error) => {
            findings.extend((!error.is_missing()).then(|| unlistable(&folder, &error)));
            return (texts, homeless);
        }
    };
    let files = entries.iter().filter(|it| it.kind == Kind::File && it.name != "trailer");
    for entry in files.take(MOST) {
        let path = folder.join(&entry.name);
        let Some(bytes) = read_file(root, &path, findings) else { continue };
        if bytes.len() <= LARGEST && is_stock(&bytes, settings) {
            continue;
        }
        let occasion = OCCASIONS.iter().find(|(name, _)| entry.name == *name);
        match occasion.filter(|_| bytes.len() <= LARGEST) {
            Some((_, occasion)) => texts.push(Text {
                occasion: *occasion,
                origin: Origin::file(&path).at(1),
                lines: for_moderators(*occasion, lines(&bytes, settings)),
            }),
            None => homeless.push(Sourced::new(HOMELESS, Origin::file(&path).at(1))),
        }
    }
    texts.sort_by_key(|text| text.occasion);
    (texts, homeless)
}

/// Whether each line is one that some version has.
fn is_stock(text: &[u8], settings: &Settings<'_>) -> bool {
    let (local, host) = settings.address();
    text.lines().map(<[u8]>::trim_ascii_end).all(|line| {
        let is_silent = line.is_empty() || line.starts_with(b"#") || is_section(line).is_some();
        is_silent || spellings(line, local, host).iter().any(|line| is_known(line))
    })
}

/// A line as the templates have it: bytes 1 and 2 for the list's name and host. A name that is a word
/// of the language too may stand there by chance, so that each of the first few is tried both ways.
fn spellings(line: &[u8], local: &[u8], host: &[u8]) -> Vec<Vec<u8>> {
    const TRIED: usize = 4;
    let mut line = line.to_vec();
    for (tag, byte) in
        [("<#L#>", b"\x01"), ("<#l#>", b"\x01"), ("<#H#>", b"\x02"), ("<#h#>", b"\x02")]
    {
        line = line.replace(tag, byte);
    }
    let (line, _) = replaced(&line, host, b'\x02', u32::MAX);
    let count = replaced(&line, local, b'\x01', 0).1.min(TRIED);
    let choices = (0..1_u32 << count).rev();
    choices.map(|choice| replaced(&line, local, b'\x01', choice | !0 << count).0).collect()
}

/// Replaces a word where the bit of its turn is set; tells how often it stands there.
fn replaced(line: &[u8], word: &[u8], byte: u8, choice: u32) -> (Vec<u8>, usize) {
    let (mut out, mut rest, mut turn) = (Vec::new(), line, 0);
    let is_inside = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    while let Some(at) = rest.find(word).filter(|_| !word.is_empty()) {
        let (front, behind) = rest.split_at(at);
        let (found, behind) = behind.split_at(word.len());
        out.extend_from_slice(front);
        let before = front.last().or(out.last().filter(|_| front.is_empty()));
        if is_inside(before) || is_inside(behind.first()) {
            out.extend_from_slice(found);
        } else {
            let is_chosen = choice >> turn.min(31) & 1 == 1;
            out.extend_from_slice(if is_chosen { std::slice::from_ref(&byte) } else { found });
            turn += 1;
        }
        rest = behind;
    }
    out.extend_from_slice(rest);
    (out, turn)
}

fn is_known(line: &[u8]) -> bool {
    let digest = line.iter().fold(0x811c_9dc5_u32, |digest, byte| {
        (digest ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    let (known, _) = STOCK.as_chunks::<4>();
    known.binary_search_by_key(&digest, |bytes| u32::from_le_bytes(*bytes)).is_ok()
}

/// The flags of a line `<=FLAGS=>`, which begins a section.
fn is_section(line: &[u8]) -> Option<&[u8]> {
    line.strip_prefix(b"<=")?.strip_suffix(b"=>")
}

/// The lines that are sent: no comments, and of sections those whose flags are all as they say.
fn lines(text: &[u8], settings: &Settings<'_>) -> Vec<Vec<Piece>> {
    let mut lines = Vec::new();
    let mut is_sent = true;
    for line in text.lines() {
        match line {
            [b'#', ..] => {}
            [b'!', b'A', ..] if is_sent => {
                lines.push(vec![Piece::Words("   ".into()), Piece::Person]);
            }
            [b'!', b'R', ..] if is_sent => lines.push(vec![Piece::Words("   ".into()), Piece::Yes]),
            line => match is_section(line) {
                Some(flags) => is_sent = flags.iter().all(|flag| settings.matches(*flag)),
                None if is_sent => lines.push(pieces(line, settings)),
                None => {}
            },
        }
    }
    lines
}

/// In the text about a post one tag is the address that lets it out and the other that which refuses
/// it (`ezmlm-store.c`).
fn for_moderators(occasion: Occasion, mut lines: Vec<Vec<Piece>>) -> Vec<Vec<Piece>> {
    if occasion == Occasion::AskAboutPost {
        for piece in lines.iter_mut().flatten() {
            *piece = match std::mem::replace(piece, Piece::Unknown) {
                Piece::Person => Piece::Yes,
                Piece::Yes => Piece::No,
                other => other,
            };
        }
    }
    lines
}

/// The words of a line, and what stood for others: `<#A#>` and the like.
fn pieces(line: &[u8], settings: &Settings<'_>) -> Vec<Piece> {
    let (local, host) = settings.address();
    let (mut pieces, mut words, mut rest) = (Vec::new(), BString::default(), line);
    while let Some((&byte, behind)) = rest.split_first() {
        let [b'<', b'#', tag, b'#', b'>', after @ ..] = rest else {
            words.push(byte);
            rest = behind;
            continue;
        };
        rest = after;
        let piece = match tag {
            b'l' | b'L' => {
                words.extend_from_slice(local);
                continue;
            }
            b'h' | b'H' => {
                words.extend_from_slice(host);
                continue;
            }
            b'A' => Piece::Person,
            b'R' => Piece::Yes,
            _ => Piece::Unknown,
        };
        pieces.push(Piece::Words(std::mem::take(&mut words)));
        pieces.push(piece);
    }
    pieces.push(Piece::Words(words));
    pieces.retain(|piece| *piece != Piece::Words(BString::default()));
    pieces
}

#[cfg(test)]
mod tests {
    use super::{is_known, replaced, spellings};

    #[test]
    fn stock_lines_are_known_under_any_list_s_name() {
        let is_stock = |line: &str, local: &str| {
            let spelled = spellings(line.as_bytes(), local.as_bytes(), b"b.example");
            spelled.iter().any(|line| is_known(line))
        };
        assert!(is_stock("to the <#l#> mailing list.", "club"));
        assert!(is_stock("to the club mailing list.", "club"));
        // The name is a word of the language too.
        assert!(is_stock("to the list mailing list.", "list"));
        assert!(is_stock("   <<#L#>-help@<#h#>>", "club"));
        assert!(is_stock("   <club-help@b.example>", "club"));
        assert!(!is_stock("to the clubs mailing list.", "club"));
        assert!(!is_stock("Welcome to our club, and bring cake.", "club"));
    }

    #[test]
    fn words_are_replaced_as_a_whole_only() {
        let (text, count) = replaced(b"club, clubs -club@x club", b"club", b'\x01', 0b101);
        assert_eq!((text.as_slice(), count), (b"\x01, clubs -club@x \x01".as_slice(), 3));
        assert_eq!(replaced(b"x", b"", b'\x01', u32::MAX).0, b"x");
    }
}
