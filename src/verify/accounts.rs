//! Accounts: each has its original hash, quota and home on the target.

use super::Verified;
use crate::model::Address;
use crate::model::design::Mailbox;
use crate::model::password::Password;
use crate::model::quota::Quota;
use crate::plan::Plan;
use crate::predict::NewServer;
use bstr::BString;
use std::collections::BTreeSet;

pub(super) fn check(plan: &Plan, found: &NewServer, verified: &mut Verified) {
    let mut expected: BTreeSet<BString> = BTreeSet::new();
    for mailbox in plan.design.mailboxes.values().filter(|mailbox| mailbox.is_reachable) {
        let inner = mailbox.is_direct.then(|| mailbox.inner_address().to_bytes());
        let names = std::iter::once(mailbox.address.to_bytes())
            .chain(mailbox.logins.iter().cloned())
            .chain(inner);
        for name in names {
            verified.count("accounts", 1);
            let name = BString::from(name.to_ascii_lowercase());
            check_one(plan, mailbox, &name, found, verified);
            expected.insert(name);
        }
    }
    for name in found.users().names().filter(|name| !expected.contains(*name)) {
        verified.differ("account", name, "missing", "there");
    }
}

fn check_one(
    plan: &Plan,
    mailbox: &Mailbox,
    name: &BString,
    found: &NewServer,
    verified: &mut Verified,
) {
    let Some(user) = found.users().get(name) else {
        verified.differ("account", name, "there", "missing");
        return;
    };
    let (password, quota) = original(plan, &mailbox.address);
    let is_same = match password {
        Some(Password::Hash { scheme, hash }) => {
            user.scheme.as_deref() == Some(scheme.name()) && user.hash.reveal() == hash.reveal()
        }
        _ => user.scheme.is_none(),
    };
    if !is_same {
        verified.differ("hash", name, "the original one", "another one");
    }
    if user.quota != quota {
        let tell = |quota: Quota| format!("{} bytes, {} messages", quota.bytes, quota.messages);
        verified.differ("quota", name, tell(quota), tell(user.quota));
    }
    let home = mailbox.home();
    if user.home != home {
        verified.differ("home", name, home.to_string(), user.home.to_string());
    }
    if user.ids != plan.design.ids.mail {
        verified.differ(
            "ids",
            name,
            format!("{:?}", plan.design.ids.mail),
            format!("{:?}", user.ids),
        );
    }
}

/// What the old server itself says of an account or user.
fn original<'p>(plan: &'p Plan, address: &Address) -> (Option<&'p Password>, Quota) {
    let account =
        plan.site.domain(&address.domain).and_then(|domain| domain.account(&address.local));
    if let Some(account) = account {
        return (Some(&account.password), account.quota);
    }
    // A mailbox that was made for a file or a robot belongs to nobody, whatever its name.
    let is_made = plan.design.robots.contains(address)
        || plan.design.adopted.values().any(|adopted| adopted == address);
    let is_unix = plan.site.unix_domain().is_some_and(|domain| domain == address.domain);
    let user =
        (is_unix && !is_made).then(|| plan.site.unix_user(address.local.as_bstr())).flatten();
    (user.map(|user| &user.password), Quota::default())
}
