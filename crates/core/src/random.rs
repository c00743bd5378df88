pub use palisade_keyring::Random;

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    fn fill(&mut self, bytes: &mut [u8]) {
        // Without randomness no key and no nonce can be made: there is nothing to go on with.
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}

pub use palisade_keyring::testing;
