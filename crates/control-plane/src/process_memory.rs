//! The process's memory holds keys and, for moments, secrets: it is not for files and debuggers.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

use crate::StartError;

/// No core dump is written of this process, and no other process of the same user may read its memory.
///
/// # Errors
/// The system refuses.
pub fn keep_private() -> Result<(), StartError> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none)
        .and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable))
        .map_err(|error| StartError::Memory(error.into()))
}

#[cfg(test)]
mod tests {
    use rustix::process::{dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn the_process_is_kept_out_of_files_and_from_debuggers() {
        keep_private().unwrap();
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
