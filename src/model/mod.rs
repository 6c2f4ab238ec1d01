//! Plain immutable values: the vocabulary of the whole crate. Nothing here touches a file.
//!
//! [`site::Site`] is what there is on the old server; [`design::Design`] is what there shall be on
//! the new one; [`outcome::Outcome`] is what finally becomes of a message, on either.

pub mod access;
pub mod account;
pub mod address;
pub mod assignment;
pub mod command;
pub mod command_address;
mod component;
pub mod condition;
pub mod connection;
pub mod control;
pub mod design;
pub mod dot_qmail;
pub mod filter;
pub mod folder;
pub mod list;
pub mod mailbot;
pub mod mbox;
pub mod memory;
pub mod message;
pub mod network;
pub mod origin;
pub mod outcome;
pub mod password;
pub mod path;
pub mod pattern;
pub mod quota;
pub mod responder;
pub mod restrictions;
pub mod script;
pub mod search;
pub mod seen;
pub mod sheet;
pub mod shown;
pub mod site;
pub mod sorter;
pub mod store;
pub mod unix;

pub use account::{Account, Domain, DomainAlias, Limits};
pub use address::{Address, DomainName, LocalPart, SharedDomains};
pub use component::component;
pub use origin::{Origin, Sourced};
pub use path::RelPath;
pub use shown::{cell, shown};
