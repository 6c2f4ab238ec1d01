//! Everything that needs no server: the program from outside, on the bundled site and on others.

#![expect(
    clippy::case_sensitive_file_extension_comparisons,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::format_collect,
    clippy::format_push_string,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::string_slice,
    clippy::unwrap_used,
    clippy::verbose_bit_mask,
    unreachable_pub,
    reason = "a test fails by a panic, touches files as it likes, and has no users"
)]

#[path = "../support/mod.rs"]
mod support;

mod architecture;
mod aside;
mod atelier;
mod cli;
mod clients;
mod crash;
mod database;
mod database_refused;
mod dumps;
mod faults;
mod filters;
mod golden;
mod hostile;
mod hostile_lists;
mod link;
mod list_passes;
mod list_words;
mod lists;
mod mail_symptoms;
mod mboxes;
mod moves;
mod pages;
mod part;
mod passes;
mod property;
mod registry;
mod resume;
mod rules;
mod standing;
mod symptoms;
mod unchanged;
mod untouched;
mod verify;
