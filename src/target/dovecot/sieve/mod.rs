//! Sieve scripts (RFC 5228) of mailboxes: one for each filter, and the link that makes it the active
//! one, so that its owner can change it over `ManageSieve`.
//!
//! Texts of the old server stand in them only between quotes, and after `text:` only in lines that
//! are not the lone dot that ends it.

mod questions;
mod spam;
mod text;
mod vacation;

use crate::model::design::{Design, mailbox_home};
use crate::model::filter::{Answer, Filter, Rule};
use crate::model::folder::meant;
use crate::target::{Artifact, Audience, Content};
use bstr::BString;
use questions::test;
pub(super) use spam::spam;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use text::{quoted, with_variables};
use vacation::{is_in_days, vacation};

/// The script's place in the mailbox's home, to which the link `.dovecot.sieve` beside it leads.
const SCRIPT: &str = "sieve/unqmail.sieve";

/// Extensions that a script has to name.
type Needs = BTreeSet<&'static str>;

/// The scripts with their links.
pub(super) fn artifacts(design: &Design) -> impl Iterator<Item = Artifact> {
    design.filters.iter().flat_map(|(address, filter)| {
        let home = mailbox_home(address);
        let script = Artifact {
            path: home.join(SCRIPT),
            content: Content::file(render(filter)),
            audience: Audience::Mail,
        };
        let link = Artifact {
            path: home.join(".dovecot.sieve"),
            content: Content::Link(SCRIPT.into()),
            audience: Audience::Mail,
        };
        [script, link]
    })
}

/// Whether some answer is given more often than once in whole days.
pub(super) fn counts_seconds(design: &Design) -> bool {
    let mut answers = design.filters.values().flat_map(Filter::answers);
    answers.any(|answer: &Answer| !is_in_days(answer))
}

/// The largest number of addresses that a script sends mail on to.
pub(super) fn most_sends(design: &Design) -> usize {
    design.filters.values().map(Filter::sends).max().unwrap_or_default()
}

fn render(filter: &Filter) -> String {
    let mut needs = Needs::new();
    let mut rules = String::new();
    commands(&filter.rules, 0, &mut rules, &mut needs);
    if needs.contains("variables") {
        rules = with_variables(&rules);
    }
    let mut text = format!("# Written by unqmail from {}\n", filter.origin);
    if !needs.is_empty() {
        let needs: Vec<String> = needs.into_iter().map(quoted).collect();
        let _ = writeln!(text, "require [{}];", needs.join(", "));
    }
    text + &rules
}

fn commands(rules: &[Rule], depth: usize, text: &mut String, needs: &mut Needs) {
    let indent = "  ".repeat(depth);
    for rule in rules {
        text.push_str(&indent);
        match rule {
            Rule::If { test: asked, then, otherwise } => {
                let _ = writeln!(text, "if {} {{", test(asked, needs));
                commands(then, depth + 1, text, needs);
                let mut rest = otherwise.as_slice();
                // Blocks within each other are counted, alternatives are not.
                while let [Rule::If { test: asked, then, otherwise }] = rest {
                    let _ = writeln!(text, "{indent}}} elsif {} {{", test(asked, needs));
                    commands(then, depth + 1, text, needs);
                    rest = otherwise;
                }
                if !rest.is_empty() {
                    let _ = writeln!(text, "{indent}}} else {{");
                    commands(rest, depth + 1, text, needs);
                }
                let _ = writeln!(text, "{indent}}}");
            }
            rule => text.push_str(&command(rule, &indent, needs)),
        }
    }
}

/// A command without a block (RFC 5228, RFC 3894, RFC 5429).
fn command(rule: &Rule, indent: &str, needs: &mut Needs) -> String {
    let mut copied = |copy: bool| {
        needs.extend(copy.then_some("copy"));
        if copy { " :copy" } else { "" }
    };
    match rule {
        Rule::Answer(answer) => vacation(answer, indent, needs),
        Rule::Discard => "discard;\n".to_owned(),
        Rule::Store { into, .. } if into.is_empty() => "keep;\n".to_owned(),
        Rule::Store { into, copy } => {
            let copied = copied(*copy);
            needs.insert("fileinto");
            format!("fileinto{copied} {};\n", quoted(&mailbox_name(into)))
        }
        Rule::Send { to, copy } => {
            format!("redirect{} {};\n", copied(*copy), quoted(&to.to_string()))
        }
        Rule::Refuse(text) => {
            needs.insert("reject");
            format!("reject {};\n", quoted(text))
        }
        Rule::Stop | Rule::If { .. } => "stop;\n".to_owned(),
    }
}

/// A folder as clients name it, in UTF-8.
fn mailbox_name(folder: &BString) -> String {
    format!("INBOX{}", meant(folder))
}

#[cfg(test)]
mod tests {
    use super::render;
    use crate::model::filter::{Answer, Filter, Rule, Test};
    use crate::model::pattern::Pattern;
    use crate::model::responder::{Reply, Subject};
    use crate::model::{Address, Origin, RelPath};

    fn answer(reply: Reply, seconds: u64) -> Filter {
        let addresses = ["eve@a.example", "info@b.example"];
        let addresses = addresses.map(|to| Address::parse(to.as_bytes()).unwrap()).to_vec();
        let rules = vec![Rule::Answer(Answer { reply, seconds, addresses }), Rule::Discard];
        Filter { rules, origin: Origin::file(&RelPath::new("d/.qmail")).at(2) }
    }

    #[test]
    fn an_answer_is_one_command() {
        let reply = Reply {
            from: Some("Eve <eve@a.example>".into()),
            subject: Some(Subject::Own("Away \"now\"".into())),
            text: "Back soon.\n.\n..x".into(),
            is_html: false,
        };
        let script = render(&answer(reply, 172_800));
        let want = "# Written by unqmail from d/.qmail:2\nrequire [\"vacation\"];\n\
            vacation :days 2 :subject \"Away \\\"now\\\"\" :from \"Eve <eve@a.example>\" \
            :addresses [\"eve@a.example\", \"info@b.example\"] text:\n\
            Back soon.\n..\n...x\n.\n;\ndiscard;\n";
        assert_eq!(script, want);
        let script = render(&answer(Reply::default(), 10_000));
        assert!(script.contains("vacation :seconds 10000 :from \"eve@a.example\""), "{script}");
        assert!(script.contains("require [\"vacation-seconds\"];"), "{script}");
    }

    #[test]
    fn the_subject_of_a_message_stands_behind_what_the_answer_puts_before_it() {
        let subject = Some(Subject::Behind("Re: ".into()));
        let reply = Reply { subject, text: "${1}".into(), ..Reply::default() };
        let script = render(&answer(reply, 0));
        let want = "require [\"vacation-seconds\", \"variables\"];\n\
            set \"dollar\" \"$\";\nset \"subject\" \"\";\n\
            if anyof (header :matches \"subject\" \"Re: *\", header :matches \"subject\" \"*\") {\n  \
            set \"subject\" \"${1}\";\n}\n\
            vacation :seconds 1 :subject \"Re: ${subject}\" ";
        assert!(script.contains(want) && script.contains("\n${dollar}{1}\n.\n"), "{script}");
    }

    #[test]
    fn rules_are_commands_in_blocks() {
        let header = |pattern: Pattern, exact_case| Test::Field {
            names: vec!["x-spam-flag".into()],
            patterns: vec![pattern],
            exact_case,
        };
        let store = |into: &str, copy| Rule::Store { into: into.into(), copy };
        let to = Address::parse(b"bob@b.example").unwrap();
        let yes = header(Pattern::text("YES"), true);
        let rules = vec![
            Rule::If {
                test: Test::All(vec![yes, Test::Not(Box::new(Test::Larger(9)))]),
                then: vec![store(".Sp&AOQ-m.x", false), Rule::Stop],
                otherwise: vec![Rule::Send { to, copy: true }],
            },
            Rule::If {
                test: header(Pattern::containing("a*"), false),
                then: vec![Rule::Refuse("No \"more\"".into())],
                otherwise: Vec::new(),
            },
            store("", false),
        ];
        let script = render(&Filter { rules, origin: Origin::file(&RelPath::new("f")) });
        let want = "# Written by unqmail from f\n\
            require [\"copy\", \"fileinto\", \"reject\"];\n\
            if allof (header :comparator \"i;octet\" :is [\"x-spam-flag\"] [\"YES\"], \
            not size :over 9) {\n  fileinto \"INBOX.Späm.x\";\n  stop;\n} else {\n  \
            redirect :copy \"bob@b.example\";\n}\n\
            if header :contains [\"x-spam-flag\"] [\"a*\"] {\n  reject \"No \\\"more\\\"\";\n}\nkeep;\n";
        assert_eq!(script, want);
    }
}
