//! The script that goes before those of users, where the old server looked for spam.

use super::text::quoted;
use crate::model::RelPath;
use crate::model::design::{Design, MarkedSpam, Recipients};
use crate::target::{Artifact, Audience, Content};

/// `build-tables` compiles it, because nobody but root may write beside it.
pub(in crate::target::dovecot) fn spam(design: &Design) -> Option<Artifact> {
    let spam = design.spam.as_ref()?;
    Some(Artifact {
        path: RelPath::new("etc/dovecot/unqmail-spam.sieve"),
        content: Content::file(render(spam)),
        audience: Audience::Everybody,
    })
}

/// Postfix hands mail over under the mailbox's own address, which is what `envelope` sees.
fn render(spam: &MarkedSpam) -> String {
    let marked = "header :contains \"X-Spam-Flag\" \"YES\"".to_owned();
    let left_alone = tests(&spam.left_alone).into_iter().map(|test| format!("not {test}"));
    let asked: Vec<String> = std::iter::once(marked).chain(left_alone).collect();
    let asked = joined("allof", &asked);
    let thrown_away = tests(&spam.thrown_away);
    let uses_envelope = !thrown_away.is_empty() || asked.contains("envelope");
    let envelope = if uses_envelope { "\"envelope\", " } else { "" };
    let thrown_away = match thrown_away.as_slice() {
        [] => String::new(),
        tests => format!("if {} {{\n    discard;\n  }} els", joined("anyof", tests)),
    };
    format!(
        "# Written by unqmail. Goes before the scripts of users: mail that a filter has marked as spam is filed,
# and no script of its receiver sees it.
require [{envelope}\"fileinto\", \"mailbox\"];
if {asked} {{
  {thrown_away}if mailboxexists \"INBOX.Spam\" {{
    fileinto \"INBOX.Spam\";
  }} else {{
    fileinto \"INBOX.Junk\";
  }}
  stop;
}}
"
    )
}

/// A test for the addresses and one for the domains, as far as there are some.
fn tests(recipients: &Recipients) -> Vec<String> {
    let addresses = recipients.addresses.iter().map(ToString::to_string).collect();
    let domains = recipients.domains.iter().map(ToString::to_string).collect();
    let test = |part: &str, names: Vec<String>| {
        let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
        (!names.is_empty()).then(|| format!("envelope {part}:is \"to\" [{}]", names.join(", ")))
    };
    [test("", addresses), test(":domain ", domains)].into_iter().flatten().collect()
}

fn joined(word: &str, tests: &[String]) -> String {
    match tests {
        [one] => one.clone(),
        all => format!("{word} ({})", all.join(", ")),
    }
}
