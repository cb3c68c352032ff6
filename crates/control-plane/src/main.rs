//! The binary `vybe`.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use zeroizing_alloc::ZeroAlloc;

/// A tenth of the time that a proxied request takes here went into glibc's allocator (docs/BENCHMARKS.md).
/// What is freed is erased, so that bodies, TLS buffers and whatever else held a secret for a moment do not
/// stay in memory (docs/adr/0038).
#[global_allocator]
static ALLOCATOR: ZeroAlloc<MiMalloc> = ZeroAlloc(MiMalloc);

fn main() -> ExitCode {
    control_plane::leave_values_out_of_panics();
    match control_plane::cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            control_plane::complain(&error);
            ExitCode::from(error.exit_code())
        }
    }
}
