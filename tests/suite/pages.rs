//! What the pages show of the program's output is what it prints on the bundled site.

use crate::support::{Laid, project, read};

/// Everything that the pages quote, a line each, blanks joined.
fn printed() -> Vec<String> {
    let undecided = Laid::new(unqmail::sample::SITE, "");
    let laid = Laid::larch();
    let mut all = String::new();
    let mut add = |ran: crate::support::Ran| all += &ran.all();
    add(undecided.plan(&[]));
    add(laid.plan(&["--all"]));
    add(undecided.explain(&["orders@larch.example"]));
    add(laid.migrate(&[]));
    add(laid.verify(&[]));
    let paths = [(laid.target.as_path(), "/srv/new"), (laid.site.as_path(), "/mnt/old")];
    for (path, shown) in paths {
        all = all.replace(path.to_str().unwrap(), shown);
    }
    all.lines().map(joined).collect()
}

/// The words of a line with one blank between two.
fn joined(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The blocks of output in a page, with the number of their first line.
fn blocks(page: &str) -> Vec<(usize, Vec<&str>)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line == "```text" {
            let block = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
            blocks.push((number + 2, block.collect()));
        }
    }
    blocks
}

/// Whether a line of a page, in which `...` stands for what was left out, is one that was printed.
fn is_printed(line: &str, printed: &[String]) -> bool {
    let parts: Vec<String> = line.split("...").map(joined).collect();
    printed.iter().any(|printed| {
        let mut rest = printed.as_str();
        parts.iter().all(|part| {
            let at = rest.find(part.as_str());
            at.inspect(|at| rest = &rest[at + part.len()..]).is_some()
        })
    })
}

#[test]
fn what_pages_show_is_what_is_printed() {
    let printed = printed();
    let mut stale = Vec::new();
    for (name, end) in [("README.md", ""), ("docs/quickstart.md", ""), ("docs/guide.md", "## 3.")] {
        let page = read(&project().join(name));
        let shown = if end.is_empty() { &*page } else { page.split(end).next().unwrap() };
        let is_run =
            |block: &[&str]| block.first().is_none_or(|line| !line.starts_with("unqmail "));
        for (first, block) in blocks(shown).into_iter().filter(|(_, block)| is_run(block)) {
            for (number, line) in (first..).zip(block) {
                if !line.is_empty() && !is_printed(line, &printed) {
                    stale.push(format!("{name}:{number}: {line}"));
                }
            }
        }
    }
    assert!(stale.is_empty(), "no line of a run:\n{}", stale.join("\n"));
}
