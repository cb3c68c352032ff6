//! The binary `vybe`.

use std::io::Write as _;
use std::process::ExitCode;

/// A tenth of the time that a proxied request takes here went into glibc's allocator (docs/BENCHMARKS.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match control_plane::cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line that says what to do; nobody is left to tell if standard error is closed.
            let _ = writeln!(std::io::stderr(), "vybe: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
