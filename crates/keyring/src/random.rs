//! Where random bytes come from.

/// Randomness as it is passed in, so that tests are deterministic and a handler that runs again draws afresh.
pub trait Random: Send {
    /// Fills `bytes`.
    fn fill(&mut self, bytes: &mut [u8]);
}

impl<R: Random + ?Sized> Random for &mut R {
    fn fill(&mut self, bytes: &mut [u8]) {
        (**self).fill(bytes);
    }
}

/// Deterministic randomness for tests and examples.
pub mod testing {
    use super::Random;

    /// Bytes that anybody can foretell, each draw other than the one before.
    #[derive(Clone, Debug, Default)]
    pub struct Counting(u64);

    impl Random for Counting {
        fn fill(&mut self, bytes: &mut [u8]) {
            for byte in bytes {
                // SplitMix64's output function over a counter.
                self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut z = self.0;
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                *byte = (z >> 32) as u8;
            }
        }
    }
}
