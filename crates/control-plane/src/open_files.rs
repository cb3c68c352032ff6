//! How many files the process may have open: each session with a database is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// As many as the system lets this process have. If it refuses, the bound is what it was.
pub fn allow_all() {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, most) {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            limit = limit.current,
            "the number of open files cannot be raised to what the system permits"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_files_may_be_open_as_the_system_permits() {
        let before = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(256), maximum: before.maximum }).unwrap();
        allow_all();
        assert_eq!(getrlimit(Resource::Nofile).current, before.maximum);
    }
}
