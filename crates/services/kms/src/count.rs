//! Quotas: how many there are of a thing, kept where it is made and deleted.
//!
//! A count is the sum of several rows, and a thing is counted in the one that its id leads to: calls at the same time seldom meet in one,
//! and do not run again for one another. Only near a quota are all of them read.

use palisade_core::CallError;
use palisade_store::{Table, Tx};

/// Account, Region, a key's id for its grants or nothing for the keys of the Region, and which part of the count.
static COUNTS: Table<(String, String, String, u8), u32> = Table::new("kms.count-part");

/// How many rows a count has.
const PARTS: u32 = 64;

/// What is counted: account, Region, key id or nothing.
pub(crate) type Counted<'a> = (&'a str, &'a str, &'a str);

/// Counts one more, of that id; false, and nothing counted, where there are `max`.
///
/// A part that holds no more than a quarter of its share of `max` is not compared with the others: ids are spread evenly over the parts, so
/// all together are far from `max` then.
pub(crate) fn add(tx: &mut Tx, what: Counted<'_>, id: &str, max: u32) -> Result<bool, CallError> {
    let (account, region, key) = what;
    let place = (account, region, key, part(id));
    let count = tx.get(&COUNTS, &place)?.unwrap_or(0);
    if count >= max / (4 * PARTS) && total(tx, what)? >= max {
        return Ok(false);
    }
    tx.put(&COUNTS, &place, &(count + 1))?;
    Ok(true)
}

/// Counts one less, of that id.
pub(crate) fn remove(tx: &mut Tx, what: Counted<'_>, id: &str) -> Result<(), CallError> {
    let (account, region, key) = what;
    let place = (account, region, key, part(id));
    match tx.get(&COUNTS, &place)? {
        None | Some(0 | 1) => tx.delete(&COUNTS, &place)?,
        Some(count) => tx.put(&COUNTS, &place, &(count - 1))?,
    }
    Ok(())
}

fn total(tx: &Tx, what: Counted<'_>) -> Result<u32, CallError> {
    let parts = tx.range(&COUNTS, &what, None, PARTS as usize)?;
    Ok(parts.into_iter().map(|(_, count)| count).sum())
}

/// The part that an id is counted in: ids are random, so any mixture of their bytes spreads them.
fn part(id: &str) -> u8 {
    let mixed = id.bytes().fold(0u32, |mixed, byte| {
        mixed.wrapping_mul(31).wrapping_add(u32::from(byte))
    });
    (mixed % PARTS) as u8
}

#[cfg(test)]
mod tests {
    use palisade_store::{Options, Store};

    use super::*;

    const KEYS: Counted<'_> = ("111122223333", "eu-west-1", "");

    fn id(number: u32) -> String {
        format!(
            "{:032x}",
            u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
        )
    }

    #[test]
    fn a_quota_is_exact_and_what_is_deleted_makes_room() {
        let mut tx = Store::open_memory(Options::default())
            .unwrap()
            .begin()
            .unwrap();
        for number in 0..1000 {
            assert!(add(&mut tx, KEYS, &id(number), 1000).unwrap(), "{number}");
        }
        assert!(!add(&mut tx, KEYS, &id(1000), 1000).unwrap());
        assert!(add(&mut tx, ("111122223333", "eu-west-2", ""), &id(0), 1000).unwrap());
        remove(&mut tx, KEYS, &id(7)).unwrap();
        assert!(add(&mut tx, KEYS, &id(1000), 1000).unwrap());
        assert!(!add(&mut tx, KEYS, &id(1001), 1000).unwrap());
    }

    #[test]
    fn ids_are_spread_over_the_parts() {
        let mut parts = [0; PARTS as usize];
        for number in 0..6400 {
            parts[usize::from(part(&id(number)))] += 1;
        }
        assert!(
            parts.iter().all(|count| (40..=200).contains(count)),
            "{parts:?}"
        );
    }
}
