//! Moves a whole mail server from qmail, vpopmail, ezmlm and Courier to Postfix, Dovecot and a
//! list manager.
//!
//! ```text
//! SITE -> source -> Site -> translate -> Design -> target -> files -> apply -> TARGET
//!                    |                                         |                 |
//!                 resolve (old server)   plan, report    predict (new server)  verify
//! ```
//!
//! Readers know no target, emitters know no source, the translation between them is pure, one
//! module touches files, and only the command line prints. `docs/architecture.md` says more.
//!

pub mod apply;
pub mod finding;
pub mod fsys;
pub mod mail;
pub mod model;
pub mod plan;
pub mod policy;
pub mod predict;
pub mod report;
pub mod resolve;
pub mod sample;
pub mod source;
pub mod stage;
pub mod target;
pub mod translate;
pub mod verify;
