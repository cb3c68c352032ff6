//! The binary `vybe`.

use std::process::ExitCode;

/// A tenth of the time that a proxied request takes here went into glibc's allocator (docs/BENCHMARKS.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match control_plane::cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            control_plane::complain(&error);
            ExitCode::from(error.exit_code())
        }
    }
}
