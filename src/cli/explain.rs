//! `unqmail explain`.

use super::args::{ExplainArgs, Format};
use super::term::{self, Reader};
use super::{Exit, open_site};
use crate::finding::code;
use crate::fsys::root::Root;
use crate::plan::Plan;
use crate::report;
use anyhow::Context as _;
use bstr::{BString, ByteSlice as _};
use std::ffi::OsString;
use std::io::{BufRead as _, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

pub(super) fn run(args: &ExplainArgs) -> anyhow::Result<Exit> {
    match args.what.as_slice() {
        [code] => explain_code(code),
        [site, addresses @ ..] => term::print(None, args.format.reader(), Exit::Done, |out| {
            explain_addresses(Path::new(site), addresses, args, out)
        }),
        [] => Ok(Exit::WrongUse),
    }
}

fn explain_code(id: &OsString) -> anyhow::Result<Exit> {
    let id = id.to_string_lossy();
    if let Some(code) = code::CODES.iter().find(|code| code.id == id) {
        return term::print(None, Reader::Person, Exit::Done, |out| {
            Ok(out.write_all(code.page.as_bytes())?)
        });
    }
    term::say(&format!(
        "unqmail: there is no finding with the code {id:?}; for an address, name SITE first"
    ));
    Ok(Exit::WrongUse)
}

fn explain_addresses(
    site: &Path,
    addresses: &[OsString],
    args: &ExplainArgs,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let (root, policy, dovecot) = open_site(
        Root::open(site).context("opening the old server's root")?,
        None,
        args.config.as_deref(),
    )?;
    let named: Vec<BString> = addresses.iter().map(|address| address.as_bytes().into()).collect();
    let plan = if named.iter().any(|address| address == "-") {
        Plan::make(&root, policy, dovecot)
    } else {
        Plan::for_addresses(&root, policy, dovecot, &named)
    };
    let plan = plan.context("reading the old server")?;
    let resolver = plan.resolver();
    let mut one = |address: BString| -> anyhow::Result<()> {
        let explanation = plan.explain(&resolver, address.as_bstr());
        match args.format {
            Format::Text => report::text::explanation(&explanation, out)?,
            Format::Json => report::json::explanation(&explanation, out)?,
        }
        Ok(())
    };
    for address in addresses {
        if address != "-" {
            one(address.as_bytes().into())?;
            continue;
        }
        for line in std::io::stdin().lock().split(b'\n') {
            let line = line?;
            if !line.is_empty() {
                one(line.into())?;
            }
        }
    }
    Ok(())
}
