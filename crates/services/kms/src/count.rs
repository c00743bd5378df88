//! Quotas: how many there are of a thing, kept where it is made and deleted.
//!
//! A count is the sum of several parts, and a thing is counted in the one that its id leads to: calls at the same time seldom meet in one,
//! and do not run again for one another. Each part has room of its own from the beginning and borrows more of what is left of the quota,
//! many at a time; only where all of it is lent does a part take from another what that one does not need.

use palisade_core::CallError;
use palisade_store::{Table, Tx};
use serde::{Deserialize, Serialize};

/// Account, Region, a key's id for its grants or nothing for the keys of the Region, and which part of the count.
static PARTS: Table<(String, String, String, u8), Part> = Table::new("kms.counted");
/// How much all parts together have borrowed, by account, Region and key's id.
static LENT: Table<(String, String, String), u32> = Table::new("kms.count-lent");

/// How many parts a count has.
const PARTS_COUNT: u8 = 64;
/// How much is borrowed at once.
const LOAN: u32 = 64;

/// What is counted: account, Region, key id or nothing.
pub(crate) type Counted<'a> = (&'a str, &'a str, &'a str);

/// A part of a count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    count: u32,
    /// The room that it has besides its own; negative where it gave some of its own away.
    borrowed: i64,
}

impl Part {
    fn has_room(self, own: u32) -> bool {
        i64::from(self.count) < i64::from(own) + self.borrowed
    }
}

/// Counts one more, of that id; false, and nothing counted, where there are `max`.
pub(crate) fn add(tx: &mut Tx, what: Counted<'_>, id: &str, max: u32) -> Result<bool, CallError> {
    // A quarter of the quota is the parts' own; most counts never need more.
    let own = max / (4 * u32::from(PARTS_COUNT));
    let number = part(id);
    let mut part = read(tx, what, number)?;
    if !part.has_room(own) {
        match borrow(tx, what, number, own, max)? {
            0 => return Ok(false),
            room => part.borrowed += i64::from(room),
        }
    }
    part.count += 1;
    write(tx, what, number, part)?;
    Ok(true)
}

/// Room for the part of that number: of what is not lent yet, or else of another part's. None where all of it is taken.
fn borrow(
    tx: &mut Tx,
    what: Counted<'_>,
    number: u8,
    own: u32,
    max: u32,
) -> Result<u32, CallError> {
    let lent = tx.get(&LENT, &what)?.unwrap_or(0);
    let left = max.saturating_sub(own * u32::from(PARTS_COUNT) + lent);
    if left > 0 {
        let loan = LOAN.min(left);
        tx.put(&LENT, &what, &(lent + loan))?;
        return Ok(loan);
    }
    for other in (0..PARTS_COUNT).filter(|other| *other != number) {
        let mut part = read(tx, what, other)?;
        if part.has_room(own) {
            part.borrowed -= 1;
            write(tx, what, other, part)?;
            return Ok(1);
        }
    }
    Ok(0)
}

/// Counts one less, of that id.
pub(crate) fn remove(tx: &mut Tx, what: Counted<'_>, id: &str) -> Result<(), CallError> {
    let number = part(id);
    let mut part = read(tx, what, number)?;
    part.count = part.count.saturating_sub(1);
    write(tx, what, number, part)
}

fn read(tx: &Tx, (account, region, key): Counted<'_>, number: u8) -> Result<Part, CallError> {
    let part = tx.get(&PARTS, &(account, region, key, number))?;
    Ok(part.unwrap_or_default())
}

fn write(
    tx: &mut Tx,
    (account, region, key): Counted<'_>,
    number: u8,
    part: Part,
) -> Result<(), CallError> {
    let place = (account, region, key, number);
    match part == Part::default() {
        true => tx.delete(&PARTS, &place)?,
        false => tx.put(&PARTS, &place, &part)?,
    }
    Ok(())
}

/// The part that an id is counted in: ids are random, so any mixture of their bytes spreads them.
fn part(id: &str) -> u8 {
    let mixed = id.bytes().fold(0u32, |mixed, byte| {
        mixed.wrapping_mul(31).wrapping_add(u32::from(byte))
    });
    (mixed % u32::from(PARTS_COUNT)) as u8
}

#[cfg(test)]
mod tests {
    use palisade_store::{Durability, Fact, Options, Store};

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
    fn what_is_made_at_the_same_time_seldom_conflicts_near_a_quota_either() {
        let store = Store::open_memory(Options::default()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let (max, mut next, mut conflicts) = (6_400, 0, 0);
        while next + 16 <= max {
            // Sixteen begin on the same state, and commit one after another.
            let begun: Vec<_> = (0..16)
                .map(|nth| {
                    let mut tx = store.begin().unwrap();
                    assert!(add(&mut tx, KEYS, &id(next + nth), max).unwrap());
                    tx
                })
                .collect();
            for (nth, tx) in begun.into_iter().enumerate() {
                let durable = Durability::Durable;
                let done = runtime.block_on(store.commit(tx, Fact::default(), durable));
                if done.is_err() {
                    conflicts += 1;
                    let mut again = store.begin().unwrap();
                    assert!(add(&mut again, KEYS, &id(next + nth as u32), max).unwrap());
                    let done = runtime.block_on(store.commit(again, Fact::default(), durable));
                    done.unwrap();
                }
            }
            next += 16;
        }
        // Sixteen ids out of sixty-four parts meet in one twice or so.
        assert!(conflicts < max / 4, "{conflicts} conflicts");
        let mut tx = store.begin().unwrap();
        assert!(!add(&mut tx, KEYS, &id(max), max).unwrap());
    }

    #[test]
    fn ids_are_spread_over_the_parts() {
        let mut parts = [0; PARTS_COUNT as usize];
        for number in 0..6400 {
            parts[usize::from(part(&id(number)))] += 1;
        }
        assert!(
            parts.iter().all(|count| (40..=200).contains(count)),
            "{parts:?}"
        );
    }
}
