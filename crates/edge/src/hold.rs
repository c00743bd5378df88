//! Bodies that are held until the verdict, all of them within one room.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::framing::Framing;
use crate::refusal::Refusal;
use crate::wire::WireError;

/// The body of a request as it comes.
pub trait Body: Send {
    /// How its length was told.
    fn framing(&self) -> Framing;

    /// The next bytes; nothing at its end.
    fn next(&mut self) -> impl Future<Output = Result<Option<Bytes>, WireError>> + Send;
}

/// Bytes in one permit.
const PERMIT_BYTES: usize = 1024;

/// The room that held bodies share.
#[derive(Clone, Debug)]
pub struct Room(Arc<Semaphore>);

impl Room {
    /// A room of so many bytes.
    pub fn new(bytes: usize) -> Room {
        Room(Arc::new(Semaphore::new(
            (bytes / PERMIT_BYTES).min(Semaphore::MAX_PERMITS),
        )))
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let permits = u32::try_from(bytes.div_ceil(PERMIT_BYTES)).map_err(|_| Refusal::NoRoom)?;
        Arc::clone(&self.0)
            .try_acquire_many_owned(permits)
            .map_err(|_| Refusal::NoRoom)
    }
}

/// A body, or its beginning, with the room it takes.
#[derive(Debug, Default)]
pub struct Held {
    /// The bytes.
    pub bytes: Bytes,
    /// Whether they are all.
    pub complete: bool,
    _room: Option<OwnedSemaphorePermit>,
}

/// Reads the body until its end, or until there are more than `bytes_max`.
///
/// # Errors
/// Where it breaks off, takes too long, or there is no room for it.
pub async fn hold<B: Body>(
    body: &mut B,
    bytes_max: usize,
    room: &Room,
    time_max: Duration,
) -> Result<Held, WireError> {
    if body.framing() == Framing::Empty {
        return Ok(Held {
            complete: true,
            ..Held::default()
        });
    }
    let deadline = Instant::now() + time_max;
    let mut held = Gathered::default();
    loop {
        let next = tokio::time::timeout_at(deadline, body.next()).await;
        let Some(piece) = next.map_err(|_| Refusal::SlowBody)?? else {
            return Ok(held.end(true));
        };
        held.add(piece, room)?;
        if held.length() > bytes_max {
            return Ok(held.end(false));
        }
    }
}

/// Pieces as they come: one alone is not copied.
#[derive(Default)]
struct Gathered {
    first: Bytes,
    joined: BytesMut,
    room: Option<OwnedSemaphorePermit>,
}

impl Gathered {
    fn length(&self) -> usize {
        self.first.len() + self.joined.len()
    }

    fn add(&mut self, piece: Bytes, room: &Room) -> Result<(), Refusal> {
        let taken = room.take(piece.len())?;
        match &mut self.room {
            Some(have) => have.merge(taken),
            have => *have = Some(taken),
        }
        if self.length() == 0 {
            self.first = piece;
            return Ok(());
        }
        if self.joined.is_empty() {
            self.joined
                .extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.joined.extend_from_slice(&piece);
        Ok(())
    }

    fn end(self, complete: bool) -> Held {
        let bytes = match self.joined.is_empty() {
            true => self.first,
            false => self.joined.freeze(),
        };
        Held {
            bytes,
            complete,
            _room: self.room,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Pieces(Vec<&'static [u8]>);

    impl Body for Pieces {
        fn framing(&self) -> Framing {
            Framing::Chunked
        }

        async fn next(&mut self) -> Result<Option<Bytes>, WireError> {
            if self.0.is_empty() {
                return Ok(None);
            }
            match self.0.remove(0) {
                b"wait" => std::future::pending().await,
                piece => Ok(Some(Bytes::from_static(piece))),
            }
        }
    }

    async fn held(pieces: &[&'static [u8]], room: &Room) -> Result<Held, String> {
        let mut body = Pieces(pieces.to_vec());
        let held = hold(&mut body, 5, room, Duration::from_millis(20)).await;
        held.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_body_is_held_to_its_limit() {
        let room = Room::new(64 * PERMIT_BYTES);
        let whole = held(&[b"ab", b"cd", b"e"], &room).await.unwrap();
        assert_eq!((&whole.bytes[..], whole.complete), (&b"abcde"[..], true));
        let part = held(&[b"ab", b"cd", b"ef", b"gh"], &room).await.unwrap();
        assert_eq!((&part.bytes[..], part.complete), (&b"abcdef"[..], false));
    }

    #[tokio::test]
    async fn without_room_a_body_is_refused_and_room_comes_back() {
        let room = Room::new(2 * PERMIT_BYTES);
        let first = held(&[b"ab", b"cd"], &room).await.unwrap();
        assert_eq!(
            held(&[b"ab"], &room).await.unwrap_err(),
            Refusal::NoRoom.to_string()
        );
        drop(first);
        assert!(held(&[b"ab"], &room).await.is_ok());
    }

    #[tokio::test]
    async fn a_body_that_stalls_is_given_up() {
        let error = held(&[b"ab", b"wait"], &Room::new(1 << 20))
            .await
            .unwrap_err();
        assert_eq!(error, Refusal::SlowBody.to_string());
    }
}
