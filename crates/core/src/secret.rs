use zeroize::Zeroizing;

use crate::Random;

/// A secret text: it cannot be printed or serialised by accident, and its memory is wiped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the secret over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself; the name makes each place that reads it easy to find.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A secret access key: 30 random bytes as 40 characters of base 64.
    pub fn generate_access_key(random: &mut dyn Random) -> Self {
        let mut bytes = Zeroizing::new([0; 30]);
        random.fill(&mut *bytes);
        Self::new(crate::base64_encode(&*bytes))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}
