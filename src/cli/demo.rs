//! `unqmail demo`.

use super::args::{DemoArgs, MigrateArgs, PlanArgs, PlanFormat, VerifyArgs};
use super::{Exit, migrate, plan, term, verify};
use crate::fsys::{self, tree::Tree};
use crate::model::RelPath;
use crate::sample;
use anyhow::Context as _;
use std::path::Path;

/// Stands in every folder that this verb made, which tells it that it may clear the folder.
const MARK: &str = "unqmail-demo";

pub(super) fn run(args: &DemoArgs) -> anyhow::Result<Exit> {
    let folder = &args.folder;
    let (site, target) = (folder.join("old-server"), folder.join("new-server"));
    let config = folder.join("unqmail.toml");
    lay_out(folder, &site, &target)?;
    let heading = |text: &str| term::say(&format!("\n== {text}"));

    heading(&format!("unqmail plan {} --config {}", site.display(), config.display()));
    let planned = plan::run(&PlanArgs {
        site: site.clone(),
        config: Some(config.clone()),
        format: PlanFormat::Text,
        out: None,
        all: false,
    })?;
    if planned != Exit::Done {
        return Ok(planned);
    }
    heading(&format!(
        "unqmail migrate {} {} --config {}",
        site.display(),
        target.display(),
        config.display()
    ));
    let migrated = migrate::run(&MigrateArgs {
        site: site.clone(),
        target: target.clone(),
        config: Some(config.clone()),
        last: false,
        late: false,
        thorough: false,
        only: Vec::new(),
        link: false,
        jobs: None,
    })?;
    if migrated != Exit::Done {
        return Ok(migrated);
    }
    heading(&format!(
        "unqmail verify {} {} --config {}",
        site.display(),
        target.display(),
        config.display()
    ));
    let verified = verify::run(&VerifyArgs {
        recorded: false,
        site: site.clone(),
        target: target.clone(),
        config: Some(config.clone()),
        format: super::args::Format::Text,
        out: None,
    })?;
    term::say(&format!(
        "\nThe old server is in {}, the new one in {}, the settings are {}.\n\
         Next: copy your own server's disk, or mount it, and run `unqmail plan` on it.",
        site.display(),
        target.display(),
        config.display(),
    ));
    Ok(verified)
}

/// Writes the old server and the settings into a folder of their own.
fn lay_out(folder: &Path, site: &Path, target: &Path) -> anyhow::Result<()> {
    let tree = Tree::create(folder).context("making the folder of the demonstration")?;
    let mark = RelPath::new(MARK);
    let entries = tree.root().list(&RelPath::default())?;
    if !entries.is_empty() {
        let is_ours = tree.root().stat_link(&mark)?.is_some();
        anyhow::ensure!(
            is_ours,
            "{} holds other things; name a folder that is empty or not there yet",
            folder.display()
        );
        fsys::remove_folder(site);
        fsys::remove_folder(target);
    }
    let plain = fsys::tree::Access { mode: 0o644, owner: None };
    tree.place(tree.prepare(&mark, b"Cleared by the next `unqmail demo`.\n", plain)?)?;
    let settings = RelPath::new("unqmail.toml");
    tree.place(tree.prepare(&settings, sample::SETTINGS.as_bytes(), plain)?)?;
    let site = Tree::create(site)?;
    sample::lay_out(sample::SITE, &site).context("laying the old server out")?;
    if !site.may_chown() {
        term::say("Owners are left out: only root can set them.");
    }
    Ok(())
}
