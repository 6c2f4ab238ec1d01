//! Addresses: mail for each ends on the target as planned.

use super::Verified;
use crate::model::outcome::{Verdict, told};
use crate::plan::Plan;
use crate::predict::{Foreseen, NewServer};

pub(super) fn check(plan: &Plan, found: &NewServer, verified: &mut Verified) {
    let mut foreseen = Foreseen::default();
    for row in plan.addresses() {
        verified.count("addresses", 1);
        let there = found.outcomes(&row.address, &mut foreseen);
        if there != row.new {
            verified.differ("address", &row.address, told(&row.new), told(&there));
        }
        if row.verdict != Verdict::Same {
            verified.intended.push((row.address, row.findings));
        }
    }
}
