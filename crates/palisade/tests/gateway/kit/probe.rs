//! Services made by tests: operations of real models, handled by the test.

use std::sync::Arc;

use palisade_core::operation::{Authorization, CallKind, OperationRow, Permission, ResourceSpec};
use palisade_core::{Arn, Call, CallError, Handlers, Resource, Service};
use palisade_model::Value;

/// A service whose rows and handlers a test gives.
pub struct Probe {
    id: &'static str,
    rows: &'static [OperationRow],
    handlers: Handlers,
}

impl Probe {
    pub fn service(
        id: &'static str,
        rows: Vec<OperationRow>,
        handlers: Handlers,
    ) -> Arc<dyn Service> {
        let rows = Vec::leak(rows);
        Arc::new(Self { id, rows, handlers })
    }
}

/// A row that asks one action on `*`.
pub fn row(name: &'static str, kind: CallKind, action: &'static str) -> OperationRow {
    asking(name, kind, action, ResourceSpec::Any)
}

pub fn asking(
    name: &'static str,
    kind: CallKind,
    action: &'static str,
    resource: ResourceSpec,
) -> OperationRow {
    let question = Authorization {
        action,
        resource,
        when: None,
        context: &[],
    };
    OperationRow {
        name,
        kind,
        permission: Permission::Authorize(Vec::leak(vec![question])),
        gives_credentials: false,
        discloses: false,
        stored_only: false,
        takes_long: false,
    }
}

/// The resolver that does not survive its question.
pub const PANICS: ResourceSpec = ResourceSpec::Resolver("panics");

impl Service for Probe {
    fn id(&self) -> &'static str {
        self.id
    }

    fn rows(&self) -> &'static [OperationRow] {
        self.rows
    }

    fn handlers(&self) -> &Handlers {
        &self.handlers
    }

    fn resolve(
        &self,
        resolver: &str,
        _: &mut Call<'_>,
        _: &Value,
    ) -> Result<Vec<Resource>, CallError> {
        assert_ne!(resolver, "panics", "a resolver's defect");
        Ok(vec![Resource::named("*")])
    }

    fn resource(&self, _: &mut Call<'_>, _: &Arn, _: &str) -> Result<Option<Resource>, CallError> {
        Ok(None)
    }
}
