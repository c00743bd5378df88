//! Why statements hold or do not.

use super::inspect::Inspection;
use super::lanes::Forced;
use super::names;
use super::node::{Match, Node};
use crate::decision::{Found, Reason};
use crate::extract::Place;
use crate::render;

/// Bytes of what was found that are shown, at most.
const SHOWN_BYTES_MAX: usize = 64;

impl<'a> Inspection<'a, '_> {
    /// Why the statement holds or not: all of it, also what its decision did not need.
    pub(super) fn reason(&mut self, node: &'a Node) -> Reason {
        match node {
            Node::Match(test) => self.match_reason(test),
            Node::And(nodes) => self.combined("AndStatement", nodes, true),
            Node::Or(nodes) => self.combined("OrStatement", nodes, false),
            Node::Not(inner) => {
                let part = self.reason(inner);
                plain(
                    "NotStatement",
                    !part.holds,
                    "the opposite of its part",
                    vec![part],
                )
            }
            Node::Label(label) => {
                let have = self
                    .labels()
                    .iter()
                    .find(|have| label.matches(have))
                    .cloned();
                let because = have
                    .as_ref()
                    .map_or("no earlier rule added such a label".to_owned(), |have| {
                        format!("the label {have}")
                    });
                plain(
                    &format!("LabelMatchStatement: {} {}", label.scope.name(), label.key),
                    have.is_some(),
                    &because,
                    Vec::new(),
                )
            }
            Node::Ip(..) => self.leaf(node, "IPSetReferenceStatement"),
            Node::Geo(..) => self.leaf(node, "GeoMatchStatement"),
            Node::Asn(..) => self.leaf(node, "AsnMatchStatement"),
        }
    }

    fn leaf(&mut self, node: &'a Node, name: &str) -> Reason {
        match self.holds(node) {
            Ok(holds) => plain(
                name,
                holds,
                if holds {
                    "the address is of it"
                } else {
                    "the address is not of it"
                },
                Vec::new(),
            ),
            Err(_) => plain(
                name,
                false,
                "the header of a forwarded address is missing",
                Vec::new(),
            ),
        }
    }

    fn combined(&mut self, name: &str, nodes: &'a [Node], all: bool) -> Reason {
        let parts: Vec<Reason> = nodes.iter().map(|node| self.reason(node)).collect();
        let holding = parts.iter().filter(|part| part.holds).count();
        let holds = if all {
            holding == parts.len()
        } else {
            holding > 0
        };
        plain(
            name,
            holds,
            &format!("{holding} of {} parts hold", parts.len()),
            parts,
        )
    }

    fn match_reason(&mut self, test: &Match) -> Reason {
        if !self.lanes.is_known(test) {
            return plain(
                &test.what,
                false,
                "undecided: the body is not known",
                Vec::new(),
            );
        }
        if let Some(forced) = self.lanes.forced(test) {
            let because = match forced {
                Forced::Oversize(_) => "the field is longer than what is inspected",
                Forced::Invalid(_) => "the field is not valid to its end",
                Forced::Absent(_) => "the field is not in the request",
            };
            return plain(&test.what, forced.holds(), because, Vec::new());
        }
        let values = self.lanes.values(test.lane).len();
        let Some((value, evidence)) = self.lanes.find(test.lane, &test.test) else {
            let because = match values {
                1 => "not in its one value".to_owned(),
                _ => format!("in none of its {values} values"),
            };
            return plain(&test.what, false, &because, Vec::new());
        };
        let range = evidence.bytes;
        let shown = &value.bytes[range.start..range.end.min(range.start + SHOWN_BYTES_MAX)];
        let found = Found {
            place: place(value.place),
            bytes: (range.start, range.end),
            text: render::shown(shown),
            reason: evidence.reason,
            transformations: names(&self.acl.plan.lanes[test.lane].chain),
        };
        Reason {
            statement: test.what.clone(),
            holds: true,
            because: "found".to_owned(),
            found: Some(found),
            parts: Vec::new(),
        }
    }
}

fn place(place: Place<'_>) -> Option<String> {
    match place {
        Place::Whole => None,
        Place::Key(name) => Some(format!("name {}", render::shown(name))),
        Place::Value(name) => Some(render::shown(name)),
    }
}

fn plain(statement: &str, holds: bool, because: &str, parts: Vec<Reason>) -> Reason {
    Reason {
        statement: statement.to_owned(),
        holds,
        because: because.to_owned(),
        found: None,
        parts,
    }
}
