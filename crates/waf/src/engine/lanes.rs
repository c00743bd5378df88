//! The values of fields and lanes, each computed once in a request.

use std::ops::Range;

use bumpalo::Bump;

use super::matcher::is_set;
use super::node::{Match, Test};
use super::plan::{LaneId, Plan};
use crate::extract::{Extracted, Source, Value, extract};
use crate::request::Request;
use crate::statement::{Fallback, InvalidFallback, Oversize, Part};

/// What has been computed so far.
pub(super) struct Lanes<'a, 'b> {
    plan: &'a Plan,
    request: &'a Request<'b>,
    body_limit: usize,
    arena: &'b Bump,
    fields: Vec<Option<Extracted<'b>>>,
    lanes: Vec<Option<LaneState<'b>>>,
}

#[derive(Clone, Copy)]
struct LaneState<'b> {
    values: &'b [Value<'b>],
    /// Of the lane's patterns; `None` until one is asked for.
    bits: Option<&'b [u64]>,
    /// Of the lane's detectors.
    detected: Option<&'b [std::cell::Cell<Option<bool>>]>,
}

/// Where a test holds in a value.
pub(super) struct Evidence {
    pub(super) bytes: Range<usize>,
    /// What a detector calls it.
    pub(super) reason: Option<&'static str>,
}

/// Why a test of a field holds or not, before its values are looked at.
pub(super) enum Forced {
    Oversize(bool),
    Absent(bool),
    Invalid(bool),
}

impl Forced {
    pub(super) fn holds(&self) -> bool {
        match self {
            Forced::Oversize(holds) | Forced::Absent(holds) | Forced::Invalid(holds) => *holds,
        }
    }
}

impl<'a, 'b> Lanes<'a, 'b> {
    pub(super) fn new(
        plan: &'a Plan,
        request: &'a Request<'b>,
        body_limit: usize,
        arena: &'b Bump,
    ) -> Lanes<'a, 'b> {
        Lanes {
            plan,
            request,
            body_limit,
            arena,
            fields: vec![None; plan.fields.len()],
            lanes: vec![None; plan.lanes.len()],
        }
    }

    /// Whether the test holds; nothing where it looks at a body that is not known.
    pub(super) fn holds(&mut self, test: &Match) -> Option<bool> {
        if !self.is_known(test) {
            return None;
        }
        Some(match self.forced(test) {
            Some(forced) => forced.holds(),
            None => self.test(test.lane, &test.test),
        })
    }

    /// Whether what the test looks at is known.
    pub(super) fn is_known(&self, test: &Match) -> bool {
        let source = &self.plan.fields[self.plan.lanes[test.lane].field];
        self.request.body_known
            || !matches!(
                source,
                Source::Body | Source::Places(Part::Body) | Source::Json { .. }
            )
    }

    /// What is decided by the field's size, absence or form alone.
    pub(super) fn forced(&mut self, test: &Match) -> Option<Forced> {
        let field = self.field(self.plan.lanes[test.lane].field);
        if field.oversize && test.oversize != Oversize::Continue {
            return Some(Forced::Oversize(test.oversize == Oversize::Match));
        }
        match test.invalid {
            Some(InvalidFallback::Match) if field.invalid => return Some(Forced::Invalid(true)),
            Some(InvalidFallback::NoMatch) if field.invalid => return Some(Forced::Invalid(false)),
            _ => {}
        }
        field
            .values
            .is_empty()
            .then_some(Forced::Absent(test.absent == Fallback::Match))
    }

    fn test(&mut self, lane: LaneId, test: &Test) -> bool {
        match test {
            Test::Bits(wanted) => {
                let bits = self.bits(lane);
                wanted.iter().any(|bit| is_set(bits, *bit))
            }
            Test::Detector(index) => self.detected(lane, *index),
            _ => self
                .values(lane)
                .iter()
                .any(|value| self.in_value(lane, test, *value).is_some()),
        }
    }

    /// The first value of a lane in which a test holds, and where.
    pub(super) fn find(&mut self, lane: LaneId, test: &Test) -> Option<(Value<'b>, Evidence)> {
        let values = self.values(lane);
        values
            .iter()
            .find_map(|value| Some((*value, self.in_value(lane, test, *value)?)))
    }

    fn in_value(&self, lane: LaneId, test: &Test, value: Value<'_>) -> Option<Evidence> {
        let Value {
            bytes: value,
            place,
        } = value;
        let all = 0..value.len();
        let plan = &self.plan.lanes[lane];
        let bytes = match test {
            Test::Exactly(bytes) => (value == bytes.as_slice()).then_some(all),
            Test::StartsWith(bytes) => value.starts_with(bytes).then_some(0..bytes.len()),
            Test::EndsWith(bytes) => value
                .ends_with(bytes)
                .then(|| value.len() - bytes.len()..value.len()),
            Test::Size(comparison, size) => {
                comparison.holds(value.len() as u64, *size).then_some(all)
            }
            Test::Bits(bits) => bits.iter().find_map(|bit| plan.matcher.find(*bit, value)),
            Test::Detector(index) => {
                let found = plan.detectors.get(*index)?.find_at(value, place)?;
                // A detector's word is not taken for an index.
                let end = found.bytes.end.min(value.len());
                let bytes = found.bytes.start.min(end)..end;
                return Some(Evidence {
                    bytes,
                    reason: Some(found.reason),
                });
            }
        };
        bytes.map(|bytes| Evidence {
            bytes,
            reason: None,
        })
    }

    /// The values of a lane, transformed.
    pub(super) fn values(&mut self, lane: LaneId) -> &'b [Value<'b>] {
        if let Some(state) = self.lanes[lane] {
            return state.values;
        }
        let plan = &self.plan.lanes[lane];
        let values = match plan.parent {
            None => self.field(plan.field).values,
            Some((parent, transformation)) => {
                let before = self.values(parent);
                let arena = self.arena;
                let transform = |value: &Value<'b>| Value {
                    bytes: transformation.apply(value.bytes, arena),
                    place: value.place,
                };
                &*arena.alloc_slice_fill_iter(before.iter().map(transform))
            }
        };
        self.lanes[lane] = Some(LaneState {
            values,
            bits: None,
            detected: None,
        });
        values
    }

    fn bits(&mut self, lane: LaneId) -> &'b [u64] {
        let values = self.values(lane);
        if let Some(bits) = self.lanes[lane].and_then(|state| state.bits) {
            return bits;
        }
        let plan = &self.plan.lanes[lane];
        let bits = self.arena.alloc_slice_fill_copy(plan.bits.div_ceil(64), 0);
        plan.matcher.scan_all(values, bits, self.arena);
        let bits = &*bits;
        if let Some(state) = &mut self.lanes[lane] {
            state.bits = Some(bits);
        }
        bits
    }

    fn detected(&mut self, lane: LaneId, index: usize) -> bool {
        let values = self.values(lane);
        let plan = &self.plan.lanes[lane];
        let arena = self.arena;
        let none =
            || &*arena.alloc_slice_fill_with(plan.detectors.len(), |_| std::cell::Cell::new(None));
        let known = match self.lanes[lane].and_then(|state| state.detected) {
            Some(known) => known,
            None => none(),
        };
        if let Some(state) = &mut self.lanes[lane] {
            state.detected = Some(known);
        }
        if let Some(found) = known[index].get() {
            return found;
        }
        match plan.passes.iter().find(|pass| pass.answers(index)) {
            Some(pass) => {
                let found = pass.run(values);
                for (member, bit) in &pass.members {
                    known[*member].set(Some(found & bit != 0));
                }
            }
            None => {
                let find = |value: &Value<'_>| {
                    plan.detectors[index]
                        .find_at(value.bytes, value.place)
                        .is_some()
                };
                known[index].set(Some(values.iter().any(find)));
            }
        }
        known[index].get() == Some(true)
    }

    fn field(&mut self, field: usize) -> Extracted<'b> {
        if let Some(extracted) = self.fields[field] {
            return extracted;
        }
        let extracted = extract(
            &self.plan.fields[field],
            self.request,
            self.body_limit,
            self.arena,
        );
        self.fields[field] = Some(extracted);
        extracted
    }
}
