//! Where answers to posts go, told by the header lines that the old list adds and removes.

use crate::model::list::List;
use crate::model::{Address, Sourced};
use bstr::{BString, ByteSlice as _};

/// Where answers go.
pub(super) enum ReplyTo<'a> {
    /// Where the sender wants them.
    Sender,
    /// To the list.
    List,
    /// To another address.
    Address(Address),
    /// The line that is added has no address that the manager takes.
    Odd(&'a Sourced<BString>),
}

/// What a `Reply-To:` line says that the list adds; `fits` is whether the manager takes an address.
pub(super) fn of(list: &List, fits: fn(&Address) -> bool) -> ReplyTo<'_> {
    let added = list.add_headers.iter().find_map(|line| {
        let (name, value) = line.value.split_once_str(":")?;
        is_named(name, "reply-to").then_some((line, value))
    });
    match added.map(|(line, value)| (line, address_in(value))) {
        None => ReplyTo::Sender,
        Some((_, Some(to))) if to.to_lower() == list.address => ReplyTo::List,
        Some((_, Some(to))) if fits(&to) => ReplyTo::Address(to),
        Some((line, _)) => ReplyTo::Odd(line),
    }
}

/// Whether the sender's own `Reply-To:` is removed.
pub(super) fn strips(list: &List) -> bool {
    list.remove_headers.iter().any(|name| is_named(&name.value, "reply-to"))
}

/// Whether a header field has this name, which is in lower case.
pub(super) fn is_named(name: &[u8], wanted: &str) -> bool {
    name.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes())
}

/// The address of a header's value, in angle brackets or alone.
fn address_in(value: &[u8]) -> Option<Address> {
    let inner = value.rsplit_once_str("<").map_or(value, |(_, rest)| rest);
    let inner = inner.split_str(">").next().unwrap_or_default();
    Address::parse(inner.trim_ascii())
}
