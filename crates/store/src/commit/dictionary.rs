//! The dictionary that record bodies are compressed against, and when it is replaced.

use crate::engine::{Batch, Direction, Snapshot, Space, first};
use crate::error::StoreError;
use crate::journal::body::{self, Dictionary};
use crate::journal::{decode_dictionary, encode_dictionary};
use crate::layout::{dictionary_key, dictionary_of_key};
use std::ops::Bound;
use std::sync::Arc;

/// The most bytes of a dictionary; half of it is what the one before ended with.
const DICTIONARY_BYTES_MAX: usize = 32 << 10;
const SAMPLE_BYTES_MAX: usize = DICTIONARY_BYTES_MAX / 2;
/// A body that shrinks less than this was not served well by the dictionary.
const GOOD_RATIO: usize = 4;
/// How many badly served bytes call for a new dictionary: little at first, ever more with each that did not help.
const PATIENCE_BYTES_FIRST: usize = 4 << 10;
const PATIENCE_BYTES_MAX: usize = 8 << 20;

/// The dictionary in use, and a sample of what it does not serve.
pub(crate) struct Trainer {
    current: Option<(u64, Arc<[u8]>)>,
    sample: Vec<u8>,
    bad_bytes: usize,
    patience_bytes: usize,
}

impl Trainer {
    /// Goes on with the newest dictionary in the store.
    pub fn load(snapshot: &dyn Snapshot) -> Result<Self, StoreError> {
        let (start, end) = (dictionary_key(0), dictionary_key(u64::MAX));
        let range = (
            Bound::Included(start.as_slice()),
            Bound::Included(end.as_slice()),
        );
        let newest = first(snapshot, Space::Meta, range, Direction::Backward)?;
        let current = newest.map(|(key, row)| {
            let number = dictionary_of_key(&key);
            let bytes = decode_dictionary(&row).map(Arc::from);
            number
                .zip(bytes)
                .ok_or_else(|| StoreError::Damaged("the newest dictionary".into()))
        });
        let current = current.transpose()?;
        let patience_bytes = if current.is_some() {
            PATIENCE_BYTES_FIRST * 16
        } else {
            PATIENCE_BYTES_FIRST
        };
        Ok(Self {
            current,
            sample: Vec::new(),
            bad_bytes: 0,
            patience_bytes,
        })
    }

    /// The row of a body; a new dictionary, when one is due, goes into the same batch and serves the next body.
    pub fn compress(&mut self, raw: &[u8], batch: &mut Batch) -> Vec<u8> {
        let dictionary = self.current.as_ref().map(|(number, bytes)| Dictionary {
            number: *number,
            bytes,
        });
        let row = body::compress(raw, dictionary);
        if row.len() * GOOD_RATIO > raw.len() {
            self.sample(raw);
        }
        if self.bad_bytes >= self.patience_bytes {
            self.replace(batch);
        }
        row
    }

    fn sample(&mut self, raw: &[u8]) {
        self.bad_bytes += raw.len();
        self.sample
            .extend_from_slice(&raw[raw.len().saturating_sub(SAMPLE_BYTES_MAX)..]);
        let surplus = self.sample.len().saturating_sub(SAMPLE_BYTES_MAX);
        self.sample.drain(..surplus);
    }

    fn replace(&mut self, batch: &mut Batch) {
        let number = self.current.as_ref().map_or(1, |(number, _)| number + 1);
        let before: &[u8] = self.current.as_ref().map_or(&[], |(_, bytes)| bytes);
        let kept = &before[before
            .len()
            .saturating_sub(DICTIONARY_BYTES_MAX - self.sample.len())..];
        let bytes: Arc<[u8]> = [kept, &self.sample].concat().into();
        batch.put(
            Space::Meta,
            dictionary_key(number),
            encode_dictionary(&bytes),
        );
        self.current = Some((number, bytes));
        self.sample.clear();
        self.bad_bytes = 0;
        self.patience_bytes = (self.patience_bytes * 2).min(PATIENCE_BYTES_MAX);
    }
}
