//! Posts of lists, list by list and several at a time.

use super::mailboxes::subject;
use super::{Applied, Only};
use crate::finding::{Disposition, Finding, code};
use crate::mail::{self, Job, Posts};
use crate::model::{Origin, RelPath};
use crate::plan::Plan;
use rayon::prelude::*;
use std::collections::BTreeSet;

/// Brings the posts of all lists up to date; also of those that the old server has no more.
pub(super) fn copy(plan: &Plan, job: &Job<'_>, only: &Only, applied: &mut Applied) {
    let homes = plan.owned();
    // Posts outside the folders of a program, which its loader reads, are root's.
    let owner = |to: &RelPath| {
        let is_managed = homes.iter().any(|(home, _)| to.starts_with(home));
        if is_managed { plan.design.ids.lists } else { (0, 0) }
    };
    let lists: Vec<_> = plan.posts().map(|(list, posts)| (list, list.place(), posts)).collect();
    let known: BTreeSet<&RelPath> = lists.iter().map(|(_, place, _)| place).collect();
    let gone = mail::recorded(job.tree, mail::POSTS, &RelPath::default(), &known);
    let gone = gone.unwrap_or_else(|error| {
        applied.failures.push(error);
        BTreeSet::new()
    });
    let bring =
        |place: &RelPath, posts: &[(&RelPath, RelPath)]| mail::copy_posts(job, place, posts, owner);
    let there = lists.par_iter().filter(|(list, ..)| only.covers(&list.list.address));
    let mut done: Vec<Posts> = there.map(|(_, place, posts)| bring(place, posts)).collect();
    let gone = gone.iter().filter(|place| only.covers_text(&subject(place)));
    done.extend(gone.map(|place| bring(place, &[])));
    for posts in done {
        applied.posts += posts.copied;
        applied.removed += posts.removed;
        applied.failures.extend(posts.failures);
        applied.findings.extend(posts.foreign.iter().map(in_the_way));
    }
}

fn in_the_way(path: &RelPath) -> Finding {
    Finding::new(
        &code::FILE_FOREIGN,
        Disposition::Manual,
        Origin::file(path),
        path.as_bstr(),
        "a file that unqmail did not write, or that was changed since, is where a post belongs",
        "it stays as it is; the post of the old server is not brought",
    )
}
