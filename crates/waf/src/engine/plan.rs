//! The shared work of an ACL: fields, lanes and the patterns looked for in them.
//!
//! A lane is a field with a chain of transformations. It is computed once a request, from the lane whose chain is one shorter; all
//! statements on it read its result.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::matcher::{Matcher, Sought};
use crate::detect::{Detector, Pass};
use crate::extract::{Source, Value};
use crate::regex::{Pattern, check_size};
use crate::statement::Inspected;
use crate::transform::Transformation;

/// Lanes of an ACL, at most.
const LANES_MAX: usize = 10_000;

/// Index of a lane.
pub(super) type LaneId = usize;

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) field: usize,
    /// The lane before the last transformation, and that transformation.
    pub(super) parent: Option<(LaneId, Transformation)>,
    /// All transformations, for explanations.
    pub(super) chain: Vec<Transformation>,
    pub(super) matcher: Matcher,
    pub(super) bits: usize,
    pub(super) detectors: Vec<Arc<dyn Detector>>,
    pub(super) passes: Vec<SharedPass>,
}

/// A pass over the values of a lane that answers for several of its detectors.
pub(super) struct SharedPass {
    pass: &'static Pass,
    wanted: u64,
    /// Indices of detectors with their bits.
    pub(super) members: Vec<(usize, u64)>,
}

impl SharedPass {
    /// Those of a lane's detectors.
    fn of(detectors: &[Arc<dyn Detector>]) -> Vec<SharedPass> {
        let mut passes: Vec<SharedPass> = Vec::new();
        for (index, detector) in detectors.iter().enumerate() {
            let Some((pass, bit)) = detector.pass() else {
                continue;
            };
            let known = passes
                .iter_mut()
                .find(|known| std::ptr::eq(known.pass, pass));
            match known {
                Some(known) => {
                    known.wanted |= bit;
                    known.members.push((index, bit));
                }
                None => passes.push(SharedPass {
                    pass,
                    wanted: bit,
                    members: vec![(index, bit)],
                }),
            }
        }
        passes
    }

    /// Whether it answers for the detector of this index.
    pub(super) fn answers(&self, index: usize) -> bool {
        self.members.iter().any(|(member, _)| *member == index)
    }

    /// What is found in any of the values.
    pub(super) fn run(&self, values: &[Value<'_>]) -> u64 {
        let mut found = 0;
        for value in values {
            let missing = self.wanted & !found;
            if missing == 0 {
                break;
            }
            found |= (self.pass.scan)(value.bytes, value.place, missing);
        }
        found
    }
}

impl std::fmt::Debug for SharedPass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SharedPass({} detectors)", self.members.len())
    }
}

#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) fields: Vec<Source>,
    pub(super) lanes: Vec<Lane>,
}

/// A plan that is being made.
#[derive(Default)]
pub(super) struct Planner {
    fields: Vec<Source>,
    field_ids: HashMap<Source, usize>,
    lanes: Vec<Draft>,
    lane_ids: HashMap<(usize, Vec<Transformation>), LaneId>,
}

struct Draft {
    field: usize,
    parent: Option<(LaneId, Transformation)>,
    chain: Vec<Transformation>,
    sought: Vec<Sought>,
    detectors: Vec<Arc<dyn Detector>>,
}

impl Planner {
    /// The lane of what a statement looks at.
    pub(super) fn lane(&mut self, inspected: &Inspected) -> Result<LaneId, String> {
        let source = Source::of(&inspected.field, &inspected.pre_parse);
        let field = *self.field_ids.entry(source.clone()).or_insert_with(|| {
            self.fields.push(source);
            self.fields.len() - 1
        });
        let mut lane = self.chained(field, None, &[])?;
        for length in 1..=inspected.transformations.len() {
            lane = self.chained(field, Some(lane), &inspected.transformations[..length])?;
        }
        Ok(lane)
    }

    fn chained(
        &mut self,
        field: usize,
        parent: Option<LaneId>,
        chain: &[Transformation],
    ) -> Result<LaneId, String> {
        if let Some(&lane) = self.lane_ids.get(&(field, chain.to_vec())) {
            return Ok(lane);
        }
        if self.lanes.len() == LANES_MAX {
            return Err(format!(
                "There are more than {LANES_MAX} different fields with transformations."
            ));
        }
        let parent = parent.zip(chain.last().copied());
        self.lanes.push(Draft {
            field,
            parent,
            chain: chain.to_vec(),
            sought: Vec::new(),
            detectors: Vec::new(),
        });
        let lane = self.lanes.len() - 1;
        self.lane_ids.insert((field, chain.to_vec()), lane);
        Ok(lane)
    }

    /// The bit of a pattern in a lane's result.
    pub(super) fn seek(&mut self, lane: LaneId, sought: Sought) -> usize {
        let known = &mut self.lanes[lane].sought;
        known
            .iter()
            .position(|pattern| *pattern == sought)
            .unwrap_or_else(|| {
                known.push(sought);
                known.len() - 1
            })
    }

    /// The index of a detector of a lane.
    pub(super) fn detect(&mut self, lane: LaneId, detector: Arc<dyn Detector>) -> usize {
        let known = &mut self.lanes[lane].detectors;
        known
            .iter()
            .position(|have| Arc::ptr_eq(have, &detector))
            .unwrap_or_else(|| {
                known.push(detector);
                known.len() - 1
            })
    }

    pub(super) fn finish(self) -> Result<Plan, String> {
        let sought = self.lanes.iter().flat_map(|lane| &lane.sought);
        let written: BTreeSet<&str> = sought.filter_map(Sought::expression).collect();
        let patterns = written
            .into_iter()
            .map(Pattern::parse)
            .collect::<Result<Vec<_>, _>>()?;
        check_size(patterns.iter())?;
        let compile = |draft: Draft| {
            let Draft {
                field,
                parent,
                chain,
                sought,
                detectors,
            } = draft;
            Ok(Lane {
                field,
                parent,
                chain,
                matcher: Matcher::new(&sought)?,
                bits: sought.len(),
                passes: SharedPass::of(&detectors),
                detectors,
            })
        };
        let lanes = self
            .lanes
            .into_iter()
            .map(compile)
            .collect::<Result<_, String>>()?;
        Ok(Plan {
            fields: self.fields,
            lanes,
        })
    }
}
