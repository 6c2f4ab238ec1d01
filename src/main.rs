//! The program `unqmail`; everything is in the library.

use std::process::ExitCode;

/// A plan is millions of small values made by many threads, for which the system's allocator takes
/// a quarter more memory and time (docs/performance.md).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    ExitCode::from(unqmail::cli::run().code())
}
