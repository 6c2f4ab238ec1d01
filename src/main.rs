//! The program `unqmail`; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(unqmail::cli::run().code())
}
