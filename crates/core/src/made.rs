//! What a call has made over all its attempts.
//!
//! A handler runs again when another commit changed what it read. What is costly to make (an RSA key takes seconds) is made once for
//! all of a call's attempts, and not on the threads that answer requests: the handler asks for it with [`Made::costly`], whose error
//! takes the call back to the front. That makes it elsewhere, as many at once as there are cores, and runs the call again, which finds
//! it. So it is made after the call was allowed and its input checked, and the attempt that uses it reads the state as it is by then.
//!
//! What a call put into the key vault is noted here too: the front destroys what no attempt committed.
//!
//! ```
//! use palisade_core::CallError;
//! use palisade_core::made::Made;
//! let mut made = Made::default();
//! let ask = |made: &Made| made.costly("answer", || Ok(6 * 7)).map(|answer: std::sync::Arc<i32>| *answer);
//! let Err(CallError::Making(making)) = ask(&made) else { panic!("it is not made yet") };
//! made.keep(making.make());
//! assert_eq!(ask(&made).unwrap(), 42);
//! ```

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use palisade_keyring::MaterialId;
use palisade_model::ApiError;

use crate::CallError;
use crate::keys::Place;

type Thing = Arc<dyn Any + Send + Sync>;

/// What one call has made so far. Overwritten and dropped with the call, where its things are.
#[derive(Default)]
pub struct Made {
    things: HashMap<String, Result<Thing, ApiError>>,
    stored: Vec<Stored>,
}

struct Stored {
    place: Place,
    id: MaterialId,
    /// Whether the attempt that runs names it.
    is_used: bool,
}

/// Something that is to be made before a call can go on.
pub struct Making {
    name: String,
    make: Box<dyn FnOnce() -> Result<Thing, ApiError> + Send>,
}

/// Something that was made, or the error that came of it.
pub struct Finished {
    name: String,
    thing: Result<Thing, ApiError>,
}

impl Making {
    /// Makes it; takes its time. A panic is an internal failure of the call alone.
    pub fn make(self) -> Finished {
        let made = catch_unwind(AssertUnwindSafe(self.make));
        let failure = |_| {
            Err(ApiError::receiver(
                "InternalFailure",
                "What the call needs could not be made.",
            ))
        };
        Finished {
            name: self.name,
            thing: made.unwrap_or_else(failure),
        }
    }
}

impl fmt::Debug for Making {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Making").field(&self.name).finish()
    }
}

impl Made {
    /// The thing of this name, which `make` makes if it is not there. A name stands for one type of things.
    ///
    /// # Errors
    /// [`CallError::Making`] if it is not made yet: the handler hands it on, and runs again later. What `make` fails with.
    pub fn costly<T: Send + Sync + 'static>(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<Arc<T>, CallError> {
        match self.get(name) {
            Some(made) => Ok(made?),
            None => Err(CallError::Making(Making {
                name: name.to_owned(),
                make: Box::new(move || make().map(|thing| Arc::new(thing) as Thing)),
            })),
        }
    }

    /// The thing of this name, made at once if it is not there: what must be the same in all attempts.
    ///
    /// # Errors
    /// What `make` fails with.
    pub fn once<T: Send + Sync + 'static>(
        &mut self,
        name: &str,
        make: impl FnOnce() -> Result<T, ApiError>,
    ) -> Result<Arc<T>, ApiError> {
        if let Some(made) = self.get(name) {
            return made;
        }
        let thing = Arc::new(make()?);
        let kept = Arc::clone(&thing) as Thing;
        self.things.insert(name.to_owned(), Ok(kept));
        Ok(thing)
    }

    fn get<T: Send + Sync + 'static>(&self, name: &str) -> Option<Result<Arc<T>, ApiError>> {
        let made = match self.things.get(name)? {
            Ok(thing) => Arc::clone(thing),
            Err(error) => return Some(Err(error.clone())),
        };
        made.downcast().ok().map(Ok)
    }

    /// Keeps what was asked for.
    pub fn keep(&mut self, finished: Finished) {
        self.things.insert(finished.name, finished.thing);
    }

    /// Notes that the attempt that runs names a material which this call put into the vault.
    pub fn uses(&mut self, place: &Place, id: MaterialId) {
        match self.find(place, id) {
            Some(known) => known.is_used = true,
            None => self.stored.push(Stored {
                place: place.clone(),
                id,
                is_used: true,
            }),
        }
    }

    fn find(&mut self, place: &Place, id: MaterialId) -> Option<&mut Stored> {
        let mut all = self.stored.iter_mut();
        all.find(|stored| stored.id == id && stored.place == *place)
    }

    /// What the last attempt used is not used: it came to nothing, or another one begins.
    pub fn forget_uses(&mut self) {
        for stored in &mut self.stored {
            stored.is_used = false;
        }
    }

    /// What was put into the vault in vain.
    pub fn unused(&self) -> Vec<(Place, MaterialId)> {
        let unused = self.stored.iter().filter(|stored| !stored.is_used);
        unused
            .map(|stored| (stored.place.clone(), stored.id))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccountId, Region};

    fn place() -> Place {
        let account = AccountId::new("111122223333").unwrap();
        Place::new(&account, &Region::us_east_1(), None)
    }

    #[test]
    fn what_is_costly_is_made_once_and_its_error_stays() {
        let mut made = Made::default();
        let failing = |made: &Made| {
            made.costly::<u8>("x", || Err(ApiError::sender("Broken", "no luck")))
                .map(|thing| *thing)
        };
        let Err(CallError::Making(making)) = failing(&made) else {
            panic!("it is to be made first");
        };
        made.keep(making.make());
        for _ in 0..2 {
            let error = failing(&made).unwrap_err();
            assert!(matches!(error, CallError::Api(error) if error.code == "Broken"));
        }
    }

    #[test]
    fn what_must_be_the_same_in_all_attempts_is() {
        let mut made = Made::default();
        assert_eq!(*made.once("id", || Ok(1)).unwrap(), 1);
        assert_eq!(*made.once("id", || Ok(2)).unwrap(), 1);
        assert!(
            made.once("bad", || Err::<u8, _>(ApiError::sender("A", "b")))
                .is_err()
        );
        assert_eq!(*made.once("bad", || Ok(3)).unwrap(), 3);
    }

    #[test]
    fn what_no_attempt_used_last_is_in_vain() {
        let mut made = Made::default();
        let id = |number: u8| MaterialId::of("key", &[number]);
        made.uses(&place(), id(1));
        made.forget_uses();
        made.uses(&place(), id(2));
        assert_eq!(made.unused(), [(place(), id(1))]);
        made.uses(&place(), id(1));
        assert!(made.unused().is_empty());
        made.forget_uses();
        assert_eq!(made.unused().len(), 2);
    }
}
