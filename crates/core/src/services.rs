use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use crate::Service;

/// The services of this server, by the name of their model. Filled once, while the server is put together.
#[derive(Default)]
pub struct Services(OnceLock<BTreeMap<&'static str, Arc<dyn Service>>>);

/// A service whose table and handlers do not fit together: a defect of the program, found at start-up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// Two services of one name.
    #[error("there are two services named {0}")]
    Twice(&'static str),
    /// A row nobody handles.
    #[error("{service}: {operation} has a row and no handler")]
    NoHandler {
        /// The service.
        service: &'static str,
        /// The operation.
        operation: &'static str,
    },
    /// A handler nobody can reach.
    #[error("{service}: {operation} has a handler and no row")]
    NoRow {
        /// The service.
        service: &'static str,
        /// The operation.
        operation: &'static str,
    },
    /// Filled a second time.
    #[error("the services are already put together")]
    Filled,
}

impl Services {
    /// Takes the services in, after checking that each operation has both a row and a handler.
    pub fn fill(&self, services: Vec<Arc<dyn Service>>) -> Result<(), Misfit> {
        let mut by_name = BTreeMap::new();
        for service in services {
            check(&*service)?;
            let name = service.id();
            if by_name.insert(name, service).is_some() {
                return Err(Misfit::Twice(name));
            }
        }
        self.0.set(by_name).map_err(|_| Misfit::Filled)
    }

    /// A service by the name of its model.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Service>> {
        self.0.get()?.get(name)
    }

    /// The service an ARN's namespace belongs to.
    pub fn of_namespace(&self, namespace: &str) -> Option<&Arc<dyn Service>> {
        self.get(namespace)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Service>> {
        self.0.get().into_iter().flat_map(BTreeMap::values)
    }
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(|s| s.id())).finish()
    }
}

fn check(service: &dyn Service) -> Result<(), Misfit> {
    let id = service.id();
    let rows: Vec<&str> = service.rows().iter().map(|row| row.name).collect();
    if let Some(row) = service
        .rows()
        .iter()
        .find(|row| service.handlers().get(row.name).is_none())
    {
        return Err(Misfit::NoHandler {
            service: id,
            operation: row.name,
        });
    }
    match service.handlers().names().find(|name| !rows.contains(name)) {
        Some(operation) => Err(Misfit::NoRow {
            service: id,
            operation,
        }),
        None => Ok(()),
    }
}
