//! Who may, whatever the rest of the request says: the ways in that a state leaves open to a principal, each with the statements that
//! make it, and the statements that may bar it.
//!
//! A decision has a whole request before it. Here some condition keys are *open*: whoever calls sets them (an encryption context, an
//! address, the time). Statements that hang on open keys may apply; all others are decided now. What comes of it is equal to asking
//! [`crate::evaluate()`] for every value of the open keys: [`Access::allows`] is that claim, and the tests put it to both.

use crate::compile::{CompiledPolicy, CompiledStatement};
use crate::condition::Truth;
use crate::decision::{Layer, StatementRef};
use crate::document::{Effect, Spanned, Statement};
use crate::evaluate::{Layers, Scope, is_free, needs_resource_policy};
use crate::matcher::Grant;
use crate::pattern::variable_at;
use crate::principal::Identity;
use crate::request::{Question, Request};
use std::sync::Arc;

/// Tells whether a condition key, in lower case, is open.
pub type IsOpen<'o> = &'o dyn Fn(&str) -> bool;

/// All ways in for a principal, an action and a resource.
#[derive(Clone, Debug, Default)]
pub struct Access<'a> {
    /// The ways in: one that holds is enough. None: nobody gets in, whatever the request says.
    pub paths: Vec<Path<'a>>,
    /// Statements that deny where their open conditions hold.
    pub denials: Vec<StatementRef<'a>>,
}

/// A way in: every step of it must hold.
#[derive(Clone, Debug, Default)]
pub struct Path<'a> {
    /// What must allow.
    pub steps: Vec<Step<'a>>,
}

/// A layer that must allow.
#[derive(Clone, Debug)]
pub struct Step<'a> {
    /// The layer.
    pub layer: Layer,
    /// Statements of it of which one must apply. One that applies whatever the request says stands alone.
    pub any_of: Vec<StatementRef<'a>>,
}

impl Access<'_> {
    /// Whether a whole request, of the same principal, action and resource, gets in.
    pub fn allows(&self, request: &Request<'_>, has_boundary: bool) -> bool {
        let question = Question::new(request, has_boundary);
        let applies = |statement: &StatementRef<'_>| {
            let compiled = statement.policy.statements.get(statement.index);
            compiled.is_some_and(|compiled| compiled.applies(&question))
        };
        let holds = |step: &Step<'_>| step.any_of.iter().any(applies);
        !self.denials.iter().any(applies)
            && self.paths.iter().any(|path| path.steps.iter().all(holds))
    }
}

/// The conditions of a statement that hang on open keys, as they are written: `StringEquals kms:EncryptionContext:app = web`.
pub fn open_conditions(statement: &StatementRef<'_>, is_open: IsOpen<'_>) -> Vec<String> {
    let Some(source) = statement.statement() else {
        return Vec::new();
    };
    let hangs = source.conditions.iter().filter(|entry| {
        is_open(&entry.key.value.to_lowercase()) || has_open_variable(&entry.values, is_open)
    });
    let conditions = hangs.map(|entry| {
        let values: Vec<&str> = entry
            .values
            .iter()
            .map(|value| value.value.as_str())
            .collect();
        format!(
            "{} {} = {}",
            entry.operator,
            entry.key.value,
            values.join(" | ")
        )
    });
    let resources = source.resource.iter().flat_map(|element| &element.list);
    let resources = resources
        .filter(|text| has_open_variable(std::slice::from_ref(*text), is_open))
        .map(|text| format!("Resource = {}", text.value));
    conditions.chain(resources).collect()
}

/// Finds the ways in. `request` has what is known; keys that are neither in it nor derived nor open are absent for good.
///
/// ```
/// use palisade_policy::*;
/// use std::sync::Arc;
/// let policy = Policy::parse(r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kms:Decrypt",
///     "Principal": {"AWS": "arn:aws:iam::111122223333:user/bob"}, "Resource": "*",
///     "Condition": {"StringEquals": {"kms:EncryptionContext:app": "web"}}}}"#)?;
/// let policy = CompiledPolicy::new("key-policy", policy);
/// let layers = Layers { resource: Some(&policy), ..Layers::default() };
/// let bob = Principal::user("arn:aws:iam::111122223333:user/bob").unwrap();
/// let (known, key) = (Context::new(), "arn:aws:kms:eu-west-1:111122223333:key/k");
/// let is_open = |key: &str| key.starts_with("kms:encryptioncontext:");
///
/// let access = access(&Request::new(&bob, "kms:Decrypt", key, &known), &layers, &is_open);
/// let step = &access.paths[0].steps[0];
/// assert_eq!(open_conditions(&step.any_of[0], &is_open), ["StringEquals kms:EncryptionContext:app = web"]);
/// # Ok::<(), PolicyError>(())
/// ```
pub fn access<'a>(request: &Request<'_>, layers: &Layers<'a>, is_open: IsOpen<'_>) -> Access<'a> {
    let question = Question::new(request, layers.boundary.is_some());
    let search = Search {
        scope: Scope::of(&question),
        question: &question,
        layers,
        is_open,
    };
    if is_free(request.action) {
        return Access {
            paths: vec![Path::default()],
            denials: Vec::new(),
        };
    }
    search.run()
}

/// Whether a statement applies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Never,
    /// Its open conditions decide.
    Perhaps,
    Always,
}

struct Search<'q, 'a> {
    question: &'q Question<'q>,
    scope: Scope,
    layers: &'q Layers<'a>,
    is_open: IsOpen<'q>,
}

impl<'a> Search<'_, 'a> {
    fn run(&self) -> Access<'a> {
        let mut denials = Vec::new();
        for (statement, holds) in self.denials() {
            match holds {
                Holds::Never => {}
                Holds::Perhaps => denials.push(statement),
                Holds::Always => {
                    return Access {
                        paths: Vec::new(),
                        denials: vec![statement],
                    };
                }
            }
        }
        let paths = self.ways_by_resource().into_iter();
        let paths = paths.filter_map(|(way, steps)| self.path(way, steps));
        Access {
            paths: paths.collect(),
            denials,
        }
    }

    /// Every Deny that speaks of the principal.
    fn denials(&self) -> Vec<(StatementRef<'a>, Holds)> {
        let layers = self.layers;
        let mut out = Vec::new();
        let mut add = |layer: Layer, policy: &'a CompiledPolicy, named: bool| {
            for (statement, compiled) in statements(layer, policy, Effect::Deny) {
                if named && compiled.grant(self.question) == Grant::None {
                    continue;
                }
                out.push((statement, self.holds(&statement, compiled)));
            }
        };
        if self.scope.rcp {
            for policy in layers.rcp.iter().flatten() {
                add(Layer::Rcp, policy, true);
            }
        }
        if self.scope.scp {
            for policy in layers.scp.iter().flatten() {
                add(Layer::Scp, policy, false);
            }
        }
        let grants = layers.grants.iter().map(|grant| &**grant);
        for policy in layers.resource.into_iter().chain(grants) {
            add(Layer::Resource, policy, true);
        }
        if self.scope.own {
            for policy in layers.identity {
                add(Layer::Identity, policy, false);
            }
            if let Some(policy) = layers.boundary {
                add(Layer::Boundary, policy, false);
            }
            for policy in layers.session {
                add(Layer::Session, policy, false);
            }
        }
        out
    }

    /// How the resource's policy and grants may let the principal in: each statement by itself, and, where nothing of the resource
    /// need allow, without any.
    fn ways_by_resource(&self) -> Vec<(Way, Vec<Step<'a>>)> {
        let layers = self.layers;
        let same_account = self.question.same_account();
        let mut ways = Vec::new();
        if same_account && !needs_resource_policy(self.question, layers) {
            ways.push((
                Way {
                    grant: Grant::None,
                    at_home: true,
                },
                Vec::new(),
            ));
        }
        let policy = layers.resource.map(|policy| (policy, false));
        let grants = layers.grants.iter().map(|grant| (&**grant, true));
        for (policy, is_grant) in policy.into_iter().chain(grants) {
            for (statement, compiled) in statements(Layer::Resource, policy, Effect::Allow) {
                let grant = compiled.grant(self.question);
                if grant == Grant::None || self.holds(&statement, compiled) == Holds::Never {
                    continue;
                }
                let way = Way {
                    grant,
                    // A grant reaches into another account as a policy does in its own.
                    at_home: same_account || (is_grant && grant >= Grant::Entity),
                };
                let step = Step {
                    layer: Layer::Resource,
                    any_of: vec![statement],
                };
                ways.push((way, vec![step]));
            }
        }
        ways
    }

    /// The way with what else must allow; `None` if something of that never does.
    fn path(&self, way: Way, mut steps: Vec<Step<'a>>) -> Option<Path<'a>> {
        let layers = self.layers;
        if self.scope.scp {
            for level in layers.scp {
                steps.push(self.step(Layer::Scp, level.iter().map(Arc::as_ref))?);
            }
        }
        for layer in self.needed(way) {
            steps.push(match layer {
                Layer::Identity => self.step(layer, layers.identity.iter().map(Arc::as_ref)),
                Layer::Boundary => self.step(layer, layers.boundary.into_iter()),
                _ => self.step(layer, layers.session.iter().map(Arc::as_ref)),
            }?);
        }
        Some(Path { steps })
    }

    /// Which of the principal's own policies must allow beside the resource: `Evaluation::who_had_to_allow` says the same.
    fn needed(&self, way: Way) -> Vec<Layer> {
        let (source_is_root, federated) = match self.question.request.principal.identity() {
            Identity::Service { .. }
            | Identity::Federated { .. }
            | Identity::Anonymous
            | Identity::Root { .. } => return Vec::new(),
            Identity::FederatedUser { source, .. } => (source.ends_with(":root"), true),
            Identity::User { .. } | Identity::RoleSession { .. } => (false, false),
        };
        if way.at_home && way.grant == Grant::Direct {
            return Vec::new();
        }
        let named = way.at_home && way.grant == Grant::Entity;
        let layers = self.layers;
        let needed = [
            (Layer::Identity, !(source_is_root || named)),
            (Layer::Boundary, layers.boundary.is_some()),
            (Layer::Session, federated || !layers.session.is_empty()),
        ];
        let needed = needed.into_iter().filter(|(_, needed)| *needed);
        needed.map(|(layer, _)| layer).collect()
    }

    /// What of a layer may allow; `None` if nothing does.
    fn step(
        &self,
        layer: Layer,
        policies: impl Iterator<Item = &'a CompiledPolicy>,
    ) -> Option<Step<'a>> {
        let mut any_of = Vec::new();
        for policy in policies {
            for (statement, compiled) in statements(layer, policy, Effect::Allow) {
                match self.holds(&statement, compiled) {
                    Holds::Never => {}
                    Holds::Perhaps => any_of.push(statement),
                    Holds::Always => {
                        return Some(Step {
                            layer,
                            any_of: vec![statement],
                        });
                    }
                }
            }
        }
        (!any_of.is_empty()).then_some(Step { layer, any_of })
    }

    fn holds(&self, statement: &StatementRef<'a>, compiled: &CompiledStatement) -> Holds {
        let (Some(source), true) = (
            statement.statement(),
            compiled.action.matches(self.question),
        ) else {
            return Holds::Never;
        };
        let mut holds = Holds::Always;
        if self.resource_is_open(source) {
            holds = Holds::Perhaps;
        } else if let Some(resource) = &compiled.resource
            && !resource.matches(self.question)
        {
            return Holds::Never;
        }
        for (condition, entry) in compiled.conditions.iter().zip(&source.conditions) {
            let open = (self.is_open)(condition.key.name())
                || has_open_variable(&entry.values, self.is_open);
            if open {
                holds = Holds::Perhaps;
            } else if condition.test(self.question) != Truth::True {
                return Holds::Never;
            }
        }
        holds
    }

    fn resource_is_open(&self, source: &Statement) -> bool {
        let mut elements = source.resource.iter();
        elements.any(|element| has_open_variable(&element.list, self.is_open))
    }
}

/// How strongly the resource lets the principal in, and whether as in its own account.
#[derive(Clone, Copy)]
struct Way {
    grant: Grant,
    at_home: bool,
}

/// The statements of a policy that have an effect.
fn statements<'a>(
    layer: Layer,
    policy: &'a CompiledPolicy,
    effect: Effect,
) -> impl Iterator<Item = (StatementRef<'a>, &'a CompiledStatement)> {
    let all = policy.statements.iter().enumerate();
    let with_effect = all.filter(move |(_, compiled)| compiled.effect == effect);
    with_effect.map(move |(index, compiled)| {
        let statement = StatementRef {
            layer,
            policy,
            index,
        };
        (statement, compiled)
    })
}

/// Whether a value has a variable that is an open key. In a policy whose version has no variables it is text, and the statement is
/// looked at again with the whole request anyway.
fn has_open_variable(values: &[Spanned<String>], is_open: IsOpen<'_>) -> bool {
    values.iter().any(|value| {
        let mut rest = value.value.as_str();
        while let Some(at) = rest.find("${") {
            let Some((inner, after)) = variable_at(&rest[at..]) else {
                return false;
            };
            let name = inner.split(',').next().unwrap_or_default();
            if is_open(&name.trim().to_lowercase()) {
                return true;
            }
            rest = after;
        }
        false
    })
}
