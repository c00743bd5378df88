//! An ACL compiled: [`Acl`].

mod addresses;
mod compile;
mod explain;
mod inspect;
mod lanes;
mod limits;
mod literals;
mod matcher;
mod node;
mod plan;

use std::collections::BTreeMap;
use std::sync::Arc;

use bumpalo::Bump;

use crate::decision::{Decision, Explanation, TokenState};
use crate::detect::{Environment, Origins};
use crate::error::Error;
use crate::model::{Action, CustomBody, Immunity, ResourceType, RuleAction};
use crate::parse::Document;
use crate::rate::Counters;
use crate::request::Request;
use crate::statement::{Aggregate, RateBased};
use crate::transform::Transformation;
use node::Node;
use plan::{LaneId, Plan};

/// How much of a body is inspected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyInspection {
    /// As AWS inspects it before this resource: the ACL's own limit, else the resource's default.
    Aws(ResourceType),
    /// So many bytes, whatever the ACL says.
    Bytes(usize),
}

/// A web ACL compiled: immutable, shared by all threads.
pub struct Acl {
    plan: Plan,
    rules: Vec<CompiledRule>,
    default_action: Action,
    custom_bodies: Arc<BTreeMap<String, CustomBody>>,
    immunity: Immunity,
    body_limit: usize,
    origins: Option<Arc<dyn Origins>>,
    rate_rules: Vec<RateRule>,
    warnings: Vec<String>,
    capacity: u64,
}

struct CompiledRule {
    name: Arc<str>,
    labels: Vec<String>,
    immunity: Immunity,
    kind: Kind,
}

enum Kind {
    Plain {
        condition: Condition,
        action: Action,
    },
    Group {
        scope_down: Option<Node>,
        group: Group,
        count: bool,
    },
}

/// When a rule that is no group matches.
enum Condition {
    Statement(Node),
    /// The rate rule of this index limits the request.
    Rate(usize),
}

struct Group {
    id: Arc<str>,
    rules: Vec<GroupRule>,
    custom_bodies: Arc<BTreeMap<String, CustomBody>>,
}

struct GroupRule {
    name: Arc<str>,
    condition: Condition,
    labels: Vec<String>,
    action: Action,
    /// What the action was before it was overridden.
    overridden: Option<&'static str>,
    immunity: Immunity,
}

struct RateRule {
    statement: RateBased,
    scope_down: Option<Node>,
    aggregate: CompiledAggregate,
}

enum CompiledAggregate {
    Plain(Aggregate),
    /// Keys with the lane each is taken from, for those that are fields.
    Custom(Vec<(crate::statement::RateKey, Option<LaneId>)>),
}

/// The moment of an inspection, and what is known of the client besides its request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Unix time in milliseconds.
    pub now_ms: u64,
    /// What the client's token is worth.
    pub token: TokenState,
}

impl Acl {
    /// Compiles the document's web ACL.
    ///
    /// # Errors
    /// Where a group or set is not there, a quota is exceeded, or something is not implemented.
    pub fn compile(
        document: &Document,
        environment: &Environment,
        body: BodyInspection,
    ) -> Result<Acl, Error> {
        compile::acl(document, environment, body)
    }

    /// Fresh counters for the ACL's rate-based rules.
    pub fn counters(&self) -> Counters {
        Counters::new(self.rate_rules.iter().map(|rule| &rule.statement))
    }

    /// Decides a request. `arena` holds what is made on the way; reset it between requests.
    pub fn inspect<'b>(
        &self,
        request: &Request<'b>,
        moment: &Moment,
        counters: &Counters,
        arena: &'b Bump,
    ) -> Decision {
        inspect::Inspection::new(self, request, moment, counters, arena, false)
            .run()
            .0
    }

    /// Decides a request and says why.
    pub fn explain<'b>(
        &self,
        request: &Request<'b>,
        moment: &Moment,
        counters: &Counters,
        arena: &'b Bump,
    ) -> (Decision, Explanation) {
        inspect::Inspection::new(self, request, moment, counters, arena, true).run()
    }

    /// Whether what it says of a request depends on those before it.
    pub fn counts_rates(&self) -> bool {
        !self.rate_rules.is_empty()
    }

    /// Whether a rule of it challenges.
    pub fn challenges(&self) -> bool {
        let is = |action: &Action| matches!(action, Action::Challenge(_) | Action::Captcha(_));
        self.rules.iter().any(|rule| match &rule.kind {
            Kind::Plain { action, .. } => is(action),
            Kind::Group { group, .. } => group.rules.iter().any(|rule| is(&rule.action)),
        })
    }

    /// What the ACL holds that is accepted and does not mean what it says.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The ACL's capacity units.
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// How many bytes of a body are inspected.
    pub fn body_limit_bytes(&self) -> usize {
        self.body_limit
    }

    /// Fields, and fields with transformations, that are computed at most once a request.
    pub fn shared_work(&self) -> (usize, usize) {
        (self.plan.fields.len(), self.plan.lanes.len())
    }
}

impl std::fmt::Debug for Acl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (fields, lanes) = self.shared_work();
        write!(
            f,
            "Acl({} rules, {fields} fields, {lanes} lanes)",
            self.rules.len()
        )
    }
}

fn names(chain: &[Transformation]) -> Vec<&'static str> {
    chain.iter().map(|kind| kind.name()).collect()
}

/// Whether a group's result is only counted.
fn is_count(action: &RuleAction) -> bool {
    *action == RuleAction::GroupCount
}
