//! Two small scripts: one compiles the tables, one makes the settings on a host that has its own.

use super::main_cf::Group;
use super::master_cf::Service;
use super::sql;
use super::tables::Tables;
use crate::model::RelPath;
use crate::policy::MapType;
use crate::target::{Artifact, Audience, Choices, Content};
use std::fmt::Write as _;

/// `build-tables`: compiles every table, and stops at the first word of complaint, because
/// postmap(1) leaves bad lines out and still succeeds.
pub(super) fn build_tables(choices: Choices<'_>, tables: &Tables, files_spam: bool) -> Artifact {
    let kind = choices.map_type.name();
    let mut text = String::from(
        "#!/bin/sh\n# Compiles Postfix's tables and gives the files with hashes to the programs that read them.\n# Written by unqmail. Run it as root, again after each change of a table.\nset -eu\ncd \"$(dirname \"$0\")\"\n",
    );
    if choices.map_type != MapType::Texthash {
        let mut names = tables.compiled();
        names.retain(|name| !sql::replaces(choices, name));
        let _ = writeln!(text, "for table in {}; do", names.join(" "));
        let _ = writeln!(
            text,
            "    said=$(postmap \"{kind}:$table\" 2>&1) || {{ echo \"$said\" >&2; exit 1; }}"
        );
        text.push_str("    if [ -n \"$said\" ]; then\n        echo \"$said\" >&2\n        exit 1\n    fi\ndone\n");
    }
    text.push_str(
        "if getent group dovecot >/dev/null; then\n    for file in ../../dovecot/unqmail/*; do\n        chgrp dovecot \"$file\"\n        chmod 0640 \"$file\"\n    done\nfi\n",
    );
    if files_spam {
        text.push_str(
            "if command -v sievec >/dev/null; then\n    sievec ../../dovecot/unqmail-spam.sieve\nfi\n",
        );
    }
    text.push_str(&sql::rights(choices));
    script("build-tables", text)
}

/// A host that has settings of its own has a name of its own.
const HOST_S_OWN: &[&str] = &["compatibility_level", "myhostname"];

/// `postconf.sh`: the same settings as commands.
pub(super) fn postconf(groups: &[Group], services: &[Service]) -> Artifact {
    let mut text = String::from(
        "#!/bin/sh\n# Makes unqmail's settings on a host whose main.cf and master.cf exist already.\n# Written by unqmail. Read it before you run it.\nset -eu\n",
    );
    for (name, value) in groups.iter().flat_map(|group| &group.settings) {
        let is_the_host_s =
            HOST_S_OWN.contains(&name.as_str()) || value.contains("ssl-cert-snakeoil");
        if is_the_host_s {
            let _ = writeln!(text, "# {name}: left as the host has it");
            continue;
        }
        let _ = writeln!(text, "postconf -e {}", quoted(&format!("{name} = {value}")));
    }
    for service in services {
        let words = std::iter::once(&service.line).chain(&service.options).map(String::as_str);
        let line: Vec<&str> = words.collect();
        let _ = writeln!(
            text,
            "postconf -M {}",
            quoted(&format!("{}={}", service.key, line.join(" ")))
        );
    }
    script("postconf.sh", text)
}

/// A word for the shell, whatever it holds.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn script(name: &str, text: String) -> Artifact {
    let path = RelPath::new(format!("etc/postfix/unqmail/{name}"));
    Artifact { path, content: Content::file(text), audience: Audience::Command }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_quote_cannot_end_a_word() {
        assert_eq!(quoted("it's $x"), r"'it'\''s $x'");
    }
}
