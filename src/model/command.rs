//! Command lines, divided into words as `/bin/sh` divides them — as far as `.qmail` files need it.
//!
//! Nothing here is ever run. What this small reader does not understand stays visible to the
//! caller as words that no rule matches.

use bstr::{BString, ByteSlice as _};

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(BString),
    Variable { name: BString, quoted: bool },
}

/// One word of a command, quotes removed and variables not yet replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word(Vec<Piece>);

/// A command with its arguments.
pub type Simple = Vec<Word>;

impl Word {
    /// The word with variables spelled `$NAME`.
    pub fn text(&self) -> BString {
        let spell = |piece: &Piece| match piece {
            Piece::Text(text) => text.to_vec(),
            Piece::Variable { name, .. } => [b"$".as_slice(), name].concat(),
        };
        self.0.iter().flat_map(spell).collect::<Vec<u8>>().into()
    }

    /// Whether the word is a variable followed by nothing but this text's own bytes, as `$EXT` in
    /// `$EXT@example.net`; returns what follows.
    pub fn after_variable(&self, name: &str) -> Option<BString> {
        match self.0.as_slice() {
            [Piece::Variable { name: found, .. }, Piece::Text(rest)] if found == name => {
                Some(rest.clone())
            }
            _ => None,
        }
    }

    /// Whether no variable stands in it.
    pub fn is_plain(&self) -> bool {
        self.0.iter().all(|piece| matches!(piece, Piece::Text(_)))
    }

    /// Whether every variable in it is one by its name alone, as `$EXT` or `${EXT}`.
    pub(super) fn has_plain_variables(&self) -> bool {
        self.0.iter().all(|piece| match piece {
            Piece::Text(_) => true,
            Piece::Variable { name, .. } => {
                !name.first().is_some_and(u8::is_ascii_digit)
                    && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
            }
        })
    }

    /// Whether a variable of this name stands in it.
    pub fn names(&self, variable: &str) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Variable { name, .. } if name == variable))
    }

    fn push_byte(&mut self, byte: u8) {
        match self.0.last_mut() {
            Some(Piece::Text(text)) => text.push(byte),
            _ => self.0.push(Piece::Text([byte].as_slice().into())),
        }
    }

    /// Makes an empty quoted word (`''`) a word.
    fn touch(&mut self) {
        if self.0.is_empty() {
            self.0.push(Piece::Text(BString::default()));
        }
    }
}

/// Replaces variables and divides unquoted values at blanks, as the shell does.
pub fn expand(words: &[Word], value: impl Fn(&[u8]) -> Option<BString>) -> Vec<BString> {
    let mut fields = Vec::new();
    for word in words {
        let mut field: Option<BString> = None;
        for piece in &word.0 {
            match piece {
                Piece::Text(text) => field.get_or_insert_default().extend_from_slice(text),
                Piece::Variable { name, quoted: true } => {
                    field
                        .get_or_insert_default()
                        .extend_from_slice(&value(name).unwrap_or_default());
                }
                Piece::Variable { name, quoted: false } => {
                    let value = value(name).unwrap_or_default();
                    let blank = |b: &u8| b.is_ascii_whitespace();
                    if value.first().is_some_and(blank) {
                        fields.extend(field.take());
                    }
                    let mut parts = value.fields_with(|c| c.is_ascii_whitespace()).peekable();
                    while let Some(part) = parts.next() {
                        field.get_or_insert_default().extend_from_slice(part);
                        if parts.peek().is_some() || value.last().is_some_and(blank) {
                            fields.extend(field.take());
                        }
                    }
                }
            }
        }
        fields.extend(field);
    }
    fields
}

/// Divides a command line into its simple commands, at `;`, `&`, `|`, newlines and the shell's
/// reserved words.
///
/// ```
/// use unqmail::model::command::simple_commands;
/// let commands = simple_commands(b"if test -f 'a b'; then run \"$EXT\"; fi");
/// let texts: Vec<Vec<String>> = commands
///     .iter()
///     .map(|words| words.iter().map(|word| word.text().to_string()).collect())
///     .collect();
/// assert_eq!(texts, [vec!["test", "-f", "a b"], vec!["run", "$EXT"]]);
/// ```
pub fn simple_commands(line: &[u8]) -> Vec<Simple> {
    const RESERVED: &[&[u8]] = &[b"if", b"then", b"else", b"elif", b"fi", b"{", b"}", b"!"];
    let mut commands = vec![Simple::new()];
    for token in tokens(line) {
        let current = commands.last_mut();
        match (token, current) {
            (Token::Word(word, plain), Some(current)) => {
                if !(plain && current.is_empty() && RESERVED.contains(&word.text().as_bytes())) {
                    current.push(word);
                }
            }
            _ => commands.push(Simple::new()),
        }
    }
    commands.retain(|command| !command.is_empty());
    commands
}

/// Programs that only run another one.
const RUNNERS: &[&[u8]] = &[b"preline", b"exec", b"env", b"nice"];

/// The program that a command line runs in the end; the whole line where that is more than one
/// command, or where the shell does more for it than start it.
///
/// ```
/// use unqmail::model::command::program_of;
/// assert_eq!(program_of(b" preline -f /usr/local/bin/crm --queue a"), "/usr/local/bin/crm");
/// assert_eq!(program_of(b"a && b"), "a && b");
/// assert_eq!(program_of(b"a $(b) > c"), "a $(b) > c");
/// ```
pub fn program_of(line: &[u8]) -> BString {
    let commands = simple_commands(line);
    // Who lets a program run has not let run what others put into its arguments.
    let is_alone = commands.len() == 1 && !line.contains_str("$(") && !line.contains_str("`");
    let is_alone = is_alone && line.find_byteset(b"<>").is_none();
    let words = commands.first().filter(|_| is_alone);
    let runs_another = |word: &BString| {
        let name = word.rsplit_str("/").next().unwrap_or_default();
        RUNNERS.contains(&name) || word.contains(&b'=') || word.starts_with(b"-")
    };
    let mut words = words.into_iter().flatten().map(Word::text);
    words.find(|word| !runs_another(word)).unwrap_or_else(|| line.trim_ascii().into())
}

/// Divides a command line behind `preline` and its options, of which the letters are returned behind
/// a `-`; `None` where it does not begin so (preline(1)).
///
/// ```
/// use unqmail::model::command::preline;
/// assert_eq!(preline(b"/bin/preline -fr x -f"), (Some("-fr".into()), "x -f".into()));
/// assert_eq!(preline(b"x preline"), (None, "x preline".into()));
/// ```
pub fn preline(line: &[u8]) -> (Option<BString>, BString) {
    let line = line.trim_ascii();
    let divided = |line: &'_ [u8]| {
        let end = line.find_byteset(b" \t").unwrap_or(line.len());
        let (word, rest) = line.split_at_checked(end).unwrap_or((line, b""));
        (BString::from(word), BString::from(rest.trim_ascii()))
    };
    let (program, mut rest) = divided(line);
    if program.rsplit_str("/").next() != Some(b"preline") {
        return (None, line.into());
    }
    let mut letters = BString::from("-");
    while rest.starts_with(b"-") {
        let (option, after) = divided(&rest);
        letters.extend_from_slice(option.get(1..).unwrap_or_default());
        rest = after;
    }
    (Some(letters), rest)
}

/// A piece of a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A word, and whether nothing in it was quoted.
    Word(Word, bool),
    /// `;`, `|`, `&&`, … as they stand.
    Operator(&'static str),
}

/// What ends a word, longest first; a line's end is like `;`.
const OPERATORS: &[(&[u8], &str)] = &[
    (b"&&", "&&"),
    (b"||", "||"),
    (b";", ";"),
    (b"\n", ";"),
    (b"&", "&"),
    (b"|", "|"),
    (b"(", "("),
    (b")", ")"),
];

/// Divides a line into words and operators.
pub(super) fn tokens(line: &[u8]) -> Vec<Token> {
    let mut lexer = Lexer::default();
    let mut bytes = line.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b' ' | b'\t' => lexer.end_word(),
            // `2>&1` is one word.
            b'&' if lexer.redirects() => lexer.word.get_or_insert_default().push_byte(byte),
            b';' | b'&' | b'|' | b'\n' | b'(' | b')' => {
                lexer.end_word();
                let doubled = [byte, bytes.peek().copied().unwrap_or_default()];
                let is = |sign: &&[u8]| *sign == doubled || *sign == [byte];
                let operator = OPERATORS.iter().find(|(sign, _)| is(sign));
                if operator.is_some_and(|(sign, _)| sign.len() == 2) {
                    bytes.next();
                }
                lexer.tokens.extend(operator.map(|(_, name)| Token::Operator(name)));
            }
            b'#' if lexer.word.is_none() => {
                bytes.by_ref().take_while(|&b| b != b'\n').for_each(drop);
                lexer.tokens.push(Token::Operator(";"));
            }
            b'\'' => {
                let word = lexer.quoted_word();
                word.touch();
                bytes.by_ref().take_while(|&b| b != b'\'').for_each(|b| word.push_byte(b));
            }
            b'"' => {
                let word = lexer.quoted_word();
                word.touch();
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'"' => break,
                        b'\\' if matches!(bytes.peek(), Some(b'"' | b'\\' | b'$' | b'`')) => {
                            bytes.next().into_iter().for_each(|b| word.push_byte(b));
                        }
                        b'$' => variable(&mut bytes, word, true),
                        _ => word.push_byte(byte),
                    }
                }
            }
            b'\\' => {
                let word = lexer.quoted_word();
                bytes.next().into_iter().for_each(|b| word.push_byte(b));
            }
            b'$' => variable(&mut bytes, lexer.word.get_or_insert_default(), false),
            _ => lexer.word.get_or_insert_default().push_byte(byte),
        }
    }
    lexer.end_word();
    lexer.tokens
}

#[derive(Default)]
struct Lexer {
    tokens: Vec<Token>,
    word: Option<Word>,
    has_quotes: bool,
}

impl Lexer {
    /// Whether the word so far ends in a redirection.
    fn redirects(&self) -> bool {
        let text = self.word.as_ref().map(Word::text).unwrap_or_default();
        !self.has_quotes && matches!(text.last(), Some(b'<' | b'>'))
    }

    fn quoted_word(&mut self) -> &mut Word {
        self.has_quotes = true;
        self.word.get_or_insert_default()
    }

    fn end_word(&mut self) {
        let plain = !std::mem::take(&mut self.has_quotes);
        self.tokens.extend(self.word.take().map(|word| Token::Word(word, plain)));
    }
}

fn variable(
    bytes: &mut std::iter::Peekable<impl Iterator<Item = u8>>,
    word: &mut Word,
    quoted: bool,
) {
    let mut name = BString::default();
    if bytes.next_if_eq(&b'{').is_some() {
        name.extend(bytes.by_ref().take_while(|&b| b != b'}'));
    } else {
        while let Some(byte) = bytes.next_if(|b| b.is_ascii_alphanumeric() || *b == b'_') {
            name.push(byte);
        }
    }
    if name.is_empty() {
        word.push_byte(b'$');
    } else {
        word.0.push(Piece::Variable { name, quoted });
    }
}

#[cfg(test)]
mod tests {
    use super::{expand, simple_commands};
    use bstr::BString;
    use proptest::prelude::*;

    fn texts(line: &str) -> Vec<Vec<String>> {
        let commands = simple_commands(line.as_bytes());
        commands.iter().map(|c| c.iter().map(|w| w.text().to_string()).collect()).collect()
    }

    #[test]
    fn quotes_are_removed_and_keep_words_together() {
        assert_eq!(texts(" /bin/vdelivermail '' bounce"), [["/bin/vdelivermail", "", "bounce"]]);
        assert_eq!(texts(r#"echo "a \"b\" $X" c\ d"#), [["echo", r#"a "b" $X"#, "c d"]]);
        assert_eq!(texts("a#b # comment"), [["a#b"]]);
    }

    #[test]
    fn commands_end_at_separators_and_reserved_words() {
        let line = "if test ! -f 'x'; then a b && c; else d; fi";
        let want: [&[&str]; 4] = [&["test", "!", "-f", "x"], &["a", "b"], &["c"], &["d"]];
        assert_eq!(texts(line), want);
        assert_eq!(
            texts("a || { echo no; exit 100 ; }"),
            [vec!["a"], vec!["echo", "no"], vec!["exit", "100"]]
        );
        assert_eq!(texts("preline procmail|cat"), [vec!["preline", "procmail"], vec!["cat"]]);
    }

    #[test]
    fn unquoted_values_are_divided_at_blanks() {
        let words = simple_commands(b"v '' $EXT@b.example \"$EXT\" ${EXT}").remove(0);
        let run = |value: &str| {
            let value = BString::from(value);
            expand(&words, |name| (name == b"EXT").then(|| value.clone()))
        };
        assert_eq!(run("joe"), ["v", "", "joe@b.example", "joe", "joe"]);
        assert_eq!(run("a b"), ["v", "", "a", "b@b.example", "a b", "a", "b"]);
        assert_eq!(run(""), ["v", "", "@b.example", ""]);
    }

    #[test]
    fn a_variable_in_front_is_recognised() {
        let words = simple_commands(b"v $EXT@b.example").remove(0);
        assert_eq!(words[1].after_variable("EXT").unwrap(), "@b.example");
        assert_eq!(words[0].after_variable("EXT"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_divided(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            for command in simple_commands(&line) {
                expand(&command, |_| Some("x y".into()));
            }
        }
    }
}
