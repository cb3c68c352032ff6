//! What is said of a panic.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write as _;
use std::panic::PanicHookInfo;

/// From now on a panic says where it was, and why only if the reason stands in the program. Any other reason
/// may quote a value: that of a text which is cut within a character holds the text.
pub fn leave_values_out_of_panics() {
    std::panic::set_hook(Box::new(say));
}

fn say(panic: &PanicHookInfo<'_>) {
    let reason = panic.payload().downcast_ref::<&'static str>();
    let reason = reason.copied().unwrap_or("its reason may quote a value and is left out");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    // Names of functions and lines, if the environment asks for them.
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    if tracing::dispatcher::has_been_set() {
        tracing::error!(place, reason, backtrace, "a thread panicked");
    } else {
        // A command without a log. Nobody is left to tell if standard error is closed.
        let backtrace = backtrace.unwrap_or_default();
        let _ = writeln!(std::io::stderr(), "vybe: panicked at {place}: {reason}\n{backtrace}");
    }
}
