//! What is said of one address from the files that it needs is what the whole plan says.

use crate::support::{Laid, atelier, read};
use rayon::prelude::*;
use std::path::Path;
use unqmail::fsys::root::Root;
use unqmail::plan::Plan;
use unqmail::policy::{Dovecot, Policy};

/// Asks about one address in `step`.
fn addresses_are_told_the_same(site: &Path, config: &Path, step: usize) {
    let root = Root::open(site).unwrap();
    let policy = Policy::parse(&read(config)).unwrap();
    let whole = Plan::make(&root, policy.clone(), Dovecot::V23).unwrap();
    let rows: Vec<_> = whole.addresses().map(|row| row.address).step_by(step).collect();
    assert!(rows.len() > 50);
    rows.par_iter().for_each(|address| {
        let asked = std::slice::from_ref(address);
        let part = Plan::for_addresses(&root, policy.clone(), Dovecot::V23, asked).unwrap();
        let told = |plan: &Plan| plan.explain(&plan.resolver(), address.as_ref());
        assert_eq!(told(&part), told(&whole), "{address}");
    });
}

#[test]
fn of_the_bundled_site() {
    let laid = Laid::larch();
    addresses_are_told_the_same(&laid.site, &laid.config, 1);
}

#[test]
fn of_the_real_site() {
    let Some(atelier) = atelier() else { return };
    // Each costs a plan of its own; 1 asks about every address, and takes minutes.
    addresses_are_told_the_same(&atelier.site, &atelier.config, 16);
}

#[test]
fn only_the_domains_that_mail_goes_through_are_read() {
    let laid = Laid::larch();
    let root = Root::open(&laid.site).unwrap();
    let policy = Policy::parse(&read(&laid.config)).unwrap();
    let asked = ["postmaster@alder.example".into()];
    let part = Plan::for_addresses(&root, policy, Dovecot::V23, &asked).unwrap();
    let read = part.site.domains.iter().filter(|domain| !domain.accounts.is_empty());
    let read: Vec<_> = read.map(|domain| domain.name.to_string()).collect();
    assert_eq!(read, ["alder.example"]);
}
