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
//! # Examples
//! ```no_run
//! use std::path::Path;
//! use unqmail::fsys::root::Root;
//! use unqmail::plan::Plan;
//! use unqmail::policy::{Dovecot, Policy};
//!
//! let root = Root::open(Path::new("/mnt/old-server"))?;
//! let plan = Plan::make(&root, Policy::default(), Dovecot::V24)?;
//! let lost = plan.addresses().filter(|row| row.verdict == unqmail::model::outcome::Verdict::Lost);
//! assert_eq!(lost.count(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod apply;
pub mod cli;
pub mod database;
pub mod finding;
pub mod fsys;
pub mod mail;
pub mod model;
pub mod plan;
pub mod policy;
pub mod predict;
pub mod rehearse;
pub mod report;
pub mod resolve;
pub mod sample;
pub mod source;
pub mod stage;
pub mod target;
pub mod translate;
pub mod verify;
