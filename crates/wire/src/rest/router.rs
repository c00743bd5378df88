//! Which operation a method, path, query string and headers mean.

use std::collections::HashMap;

use palisade_model::{Location, Operation, ServiceModel};

use super::template::Template;
use crate::form::{find, split};
use crate::message::Request;

/// The operations of a service by method.
pub(crate) struct Router(HashMap<&'static str, Vec<Route>>);

/// An operation and what a request for it has.
pub(crate) struct Route {
    pub operation: &'static Operation,
    pub template: Template,
    /// Query parameters that are required members, and required header members: they tell
    /// operations of one path apart (`PutObject`, `CopyObject`, `UploadPart`).
    required_query: Vec<&'static str>,
    required_headers: Vec<&'static str>,
}

/// How well a request fits: path first, then the template's query parameters, then members.
type Score = (usize, usize, bool, usize, bool);

impl Router {
    /// The routes of a model.
    pub(crate) fn new(model: &'static ServiceModel) -> Self {
        let mut routes: HashMap<&'static str, Vec<Route>> = HashMap::new();
        for operation in model.operations() {
            let required = |location| required(model, operation, location);
            routes.entry(operation.method).or_default().push(Route {
                operation,
                template: Template::parse(operation.uri),
                required_query: required(Location::QueryString),
                required_headers: required(Location::Header),
            });
        }
        Self(routes)
    }

    /// No routes.
    pub(crate) fn empty() -> Self {
        Self(HashMap::new())
    }

    /// The route of a request.
    pub(crate) fn route(&self, request: &Request<'_>) -> Option<&Route> {
        let routes = self.0.get(request.method)?;
        let slashes = request.path.matches('/').count();
        let mut best: Option<(Score, &Route)> = None;
        for route in routes
            .iter()
            .filter(|route| route.template.may_fit(slashes))
        {
            if let Some(score) = route.score(request)
                && best.as_ref().is_none_or(|(best, _)| score > *best)
            {
                best = Some((score, route));
            }
        }
        best.map(|(_, route)| route)
    }

    /// The route of an operation.
    pub(crate) fn of(&self, operation: &Operation) -> Option<&Route> {
        let mut routes = self.0.get(operation.method)?.iter();
        routes.find(|route| route.operation.name == operation.name)
    }
}

impl Route {
    fn score(&self, request: &Request<'_>) -> Option<Score> {
        let query = request.query.unwrap_or_default();
        for (name, value) in &self.template.literals {
            let found = find(query, name)?;
            if value.is_some_and(|value| value != found) {
                return None;
            }
        }
        if !self.template.fits(request.path) {
            return None;
        }
        let in_query = |name: &&&str| split(query).any(|(key, _)| key == **name);
        let in_headers = |name: &&&str| request.headers.contains_key(**name);
        let present = self.required_query.iter().filter(in_query).count()
            + self.required_headers.iter().filter(in_headers).count();
        let all = present == self.required_query.len() + self.required_headers.len();
        Some((
            self.template.specificity(),
            self.template.literals.len(),
            all,
            present,
            !self.operation.deprecated,
        ))
    }
}

fn required(model: &ServiceModel, operation: &Operation, location: Location) -> Vec<&'static str> {
    let Some(input) = operation.input.and_then(|id| model.structure(id)) else {
        return Vec::new();
    };
    let members = input.members().iter().filter(|member| member.required);
    members
        .filter(|member| member.location == location)
        .map(|member| member.wire_name())
        .collect()
}
