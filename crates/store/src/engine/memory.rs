//! The engine that keeps everything in memory and nothing on disk: `--ephemeral`, tests, and the second engine that
//! proves the seam.

use super::{Batch, Direction, Engine, EngineError, KeyRange, Snapshot, Space, Visit};
use imbl::OrdMap;
use std::ops::Bound;
use std::sync::Arc;

type Tree = OrdMap<Arc<[u8]>, Arc<[u8]>>;

/// Everything in persistent maps: a snapshot is a copy of seven pointers.
#[derive(Clone, Default)]
pub struct MemoryEngine {
    spaces: [Tree; Space::ALL.len()],
}

impl Engine for MemoryEngine {
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, EngineError> {
        Ok(Arc::new(self.clone()))
    }

    fn apply(&mut self, batch: Batch, _: bool) -> Result<(), EngineError> {
        for (space, key, value) in batch.changes {
            let tree = &mut self.spaces[space as usize];
            match value {
                Some(value) => tree.insert(key.into(), value.into()),
                None => tree.remove(key.as_slice()),
            };
        }
        Ok(())
    }
}

impl Snapshot for MemoryEngine {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.spaces[space as usize]
            .get(key)
            .map(|value| value.to_vec()))
    }

    fn scan(
        &self,
        space: Space,
        range: KeyRange<'_>,
        direction: Direction,
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError> {
        if is_empty(range) {
            return Ok(());
        }
        let mut rows = self.spaces[space as usize].range::<_, [u8]>(range);
        loop {
            let next = match direction {
                Direction::Forward => rows.next(),
                Direction::Backward => rows.next_back(),
            };
            let Some((key, value)) = next else {
                return Ok(());
            };
            if visit(key, value).is_break() {
                return Ok(());
            }
        }
    }
}

/// Whether a range holds nothing because it ends before it begins; ordered maps panic on those.
pub(crate) fn is_empty(range: KeyRange<'_>) -> bool {
    match range {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(start), Bound::Included(end)) => start > end,
        (
            Bound::Included(start) | Bound::Excluded(start),
            Bound::Excluded(end) | Bound::Included(end),
        ) => start >= end,
    }
}
