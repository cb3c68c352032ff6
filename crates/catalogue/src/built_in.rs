//! The entries inside the binary.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use include_dir::{Dir, include_dir};

use crate::{Service, ServiceError, ServiceKey};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/services");

/// The entries inside the binary.
#[derive(Debug)]
pub struct BuiltIn {
    services: BTreeMap<ServiceKey, Arc<Service>>,
    broken: Vec<(String, ServiceError)>,
}

impl BuiltIn {
    /// All of them, by name.
    pub fn services(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.services.values()
    }

    /// One of them.
    #[must_use]
    pub fn find(&self, key: &ServiceKey) -> Option<&Arc<Service>> {
        self.services.get(key)
    }

    /// Files that are no entries; a test holds that there are none.
    #[must_use]
    pub fn broken(&self) -> &[(String, ServiceError)] {
        &self.broken
    }
}

/// The entries inside the binary, read when they are first asked for.
#[must_use]
pub fn built_in() -> &'static BuiltIn {
    static BUILT_IN: LazyLock<BuiltIn> = LazyLock::new(read);
    &BUILT_IN
}

fn read() -> BuiltIn {
    let (mut services, mut broken) = (BTreeMap::new(), Vec::new());
    for file in
        FILES.files().filter(|file| file.path().extension().is_some_and(|extension| extension == "toml"))
    {
        let name = file.path().display().to_string();
        match Service::parse(file.contents_utf8().unwrap_or_default()) {
            Ok(service) if format!("{}.toml", service.id) == name => {
                services.insert(service.id.clone(), Arc::new(service));
            }
            Ok(service) => {
                broken
                    .push((name, ServiceError::Rule(format!("the file is not named after {}", service.id))));
            }
            Err(error) => broken.push((name, error)),
        }
    }
    BuiltIn { services, broken }
}
