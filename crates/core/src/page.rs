//! Page tokens: where a listing goes on, sealed, so that a client can neither read nor make one up.

use serde::{Deserialize, Serialize};

use crate::{Call, Sealed};

/// A page token that is none, was altered, or was given out for another caller, operation or filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the page token is not valid for this listing")]
pub struct InvalidPageToken;

/// A listing being answered page by page: which one (operation and filter), for whom, and behind which key it goes on.
#[derive(Debug)]
pub struct Listing {
    owner: String,
    after: Option<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
struct Place {
    after: Vec<u8>,
    /// The commit position of the page that gave the token out.
    position: u64,
}

const PURPOSE: &str = "page-token";
const LENGTH_MAX: usize = 8 * 1024;

impl Listing {
    /// Begins a listing, or goes on where `token` says. `filter` is everything that selects rows (a path prefix, say): a token is
    /// good for the same caller, operation and filter only.
    pub fn open(
        call: &Call<'_>,
        operation: &str,
        filter: &str,
        token: Option<&str>,
    ) -> Result<Self, InvalidPageToken> {
        let owner = format!("{}\0{operation}\0{filter}", call.context.caller.arn());
        let Some(token) = token else {
            return Ok(Self { owner, after: None });
        };
        if token.len() > LENGTH_MAX {
            return Err(InvalidPageToken);
        }
        let sealed = Sealed::from_bytes(crate::base64_decode(token).ok_or(InvalidPageToken)?);
        let seal = &call.env.seal;
        let plain = match seal.open(PURPOSE, &owner, &sealed) {
            // Sealed by another node, perhaps, with a key that is newer than those known here.
            Err(_) if seal.learn(call.tx).is_ok_and(|learnt| learnt) => {
                seal.open(PURPOSE, &owner, &sealed)
            }
            opened => opened,
        };
        let plain = plain.map_err(|_| InvalidPageToken)?;
        let place: Place = rmp_serde::from_slice(&plain).map_err(|_| InvalidPageToken)?;
        // A token from the future of this state was made by another history of it (a restored backup).
        if place.position > call.tx.position().0 {
            return Err(InvalidPageToken);
        }
        Ok(Self {
            owner,
            after: Some(place.after),
        })
    }

    /// The key of the last row of the page before.
    pub fn after(&self) -> Option<&[u8]> {
        self.after.as_deref()
    }

    /// The token that goes on behind `last`, the key of this page's last row.
    pub fn next(&self, call: &mut Call<'_>, last: &[u8]) -> String {
        let place = Place {
            after: last.to_vec(),
            position: call.tx.position().0,
        };
        let plain = rmp_serde::to_vec(&place).expect("a place serialises");
        let sealed = call
            .env
            .seal
            .seal(PURPOSE, &self.owner, &plain, call.random);
        crate::base64_encode(sealed.as_bytes())
    }
}
