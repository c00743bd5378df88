//! Bodies: read within bounds, answered whole or streamed.

use std::io::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use palisade_core::keys::KeyVault;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};

/// Why a request's body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadError {
    /// Longer than the bound.
    TooLarge,
    /// It came too slowly.
    TooSlow,
    /// The connection broke, or its framing is wrong.
    Broken,
}

/// How much all bodies that are being read or answered may take together, whoever sends them: strangers' bodies are read, too.
#[derive(Debug)]
pub struct Room(Semaphore);

/// Bytes that one permit of the room stands for.
const PERMIT_BYTES: usize = 1024;

impl Room {
    /// Room for so many bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self(Semaphore::new(bytes_max / PERMIT_BYTES))
    }

    /// Waits until there is room for so many bytes in all.
    async fn grow<'a>(
        &'a self,
        taken: &mut Option<SemaphorePermit<'a>>,
        bytes: usize,
    ) -> Result<(), ReadError> {
        let has = taken.as_ref().map_or(0, SemaphorePermit::num_permits);
        let wants = bytes.div_ceil(PERMIT_BYTES).saturating_sub(has);
        let permits = u32::try_from(wants).unwrap_or(u32::MAX);
        let more = self.0.acquire_many(permits).await;
        let more = more.map_err(|_| ReadError::Broken)?;
        match taken {
            Some(taken) => taken.merge(more),
            None => *taken = Some(more),
        }
        Ok(())
    }
}

/// A whole body, and the room it takes as long as this lives.
#[derive(Debug)]
pub struct Whole<'a> {
    /// The body.
    pub bytes: Bytes,
    _room: Option<SemaphorePermit<'a>>,
}

/// Reads a whole body of at most `length_max` bytes within `time_max`, which is also how long it waits for room.
pub async fn read<B>(
    body: B,
    length_max: usize,
    time_max: Duration,
    room: &Room,
) -> Result<Whole<'_>, ReadError>
where
    B: Body<Data = Bytes> + Unpin,
{
    if body.size_hint().lower() > length_max as u64 {
        return Err(ReadError::TooLarge);
    }
    if body.is_end_stream() {
        return Ok(Whole {
            bytes: Bytes::new(),
            _room: None,
        });
    }
    let reading = read_frames(body, length_max, room);
    tokio::time::timeout(time_max, reading)
        .await
        .unwrap_or(Err(ReadError::TooSlow))
}

async fn read_frames<B>(mut body: B, length_max: usize, room: &Room) -> Result<Whole<'_>, ReadError>
where
    B: Body<Data = Bytes> + Unpin,
{
    // Most bodies are one frame: that one is passed on without a copy.
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut taken = None;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| ReadError::Broken)?.into_data() else {
            continue;
        };
        let length = first.len() + rest.len() + data.len();
        if length > length_max {
            return Err(ReadError::TooLarge);
        }
        room.grow(&mut taken, length).await?;
        if first.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&data);
        }
    }
    let bytes = if rest.is_empty() {
        first
    } else {
        let mut whole = BytesMut::with_capacity(first.len() + rest.len());
        whole.extend_from_slice(&first);
        whole.extend_from_slice(&rest);
        whole.freeze()
    };
    Ok(Whole {
        bytes,
        _room: taken,
    })
}

/// An answer's body.
#[derive(Debug)]
pub enum ResponseBody {
    /// All of it.
    Whole(Option<Bytes>),
    /// In pieces, as they are made. An error ends the connection, so that a cut answer is seen as one.
    Stream(mpsc::Receiver<std::io::Result<Bytes>>),
}

/// How much of the wrapped keys is sent in one piece.
const KEYS_PIECE_BYTES: usize = 64 << 10;

/// How many pieces of a stream may wait for a slow client.
const PIECES_WAITING_MAX: usize = 8;

/// A backup of the store and, behind it, of the wrapped keys, made while it is sent, on a thread of its own. The keys come last: each that
/// the store names is among them, but for those deleted meanwhile.
pub fn backup(
    store: palisade_store::Store,
    keys: Arc<dyn KeyVault>,
) -> mpsc::Receiver<std::io::Result<Bytes>> {
    let (pieces, receiver) = mpsc::channel(PIECES_WAITING_MAX);
    tokio::task::spawn_blocking(move || {
        let mut writer = PieceWriter {
            pieces: pieces.clone(),
        };
        if let Err(error) = write_backup(&store, &*keys, &mut writer) {
            tracing::error!(%error, "a backup broke off");
            let _ = pieces.blocking_send(Err(error));
        }
    });
    receiver
}

fn write_backup(
    store: &palisade_store::Store,
    keys: &dyn KeyVault,
    writer: &mut PieceWriter,
) -> std::io::Result<()> {
    store.backup(&mut *writer).map_err(std::io::Error::other)?;
    let keys = keys.backup().map_err(std::io::Error::other)?;
    keys.chunks(KEYS_PIECE_BYTES)
        .try_for_each(|piece| writer.write_all(piece))
}

struct PieceWriter {
    pieces: mpsc::Sender<std::io::Result<Bytes>>,
}

impl std::io::Write for PieceWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let piece = Bytes::copy_from_slice(bytes);
        self.pieces
            .blocking_send(Ok(piece))
            .map_err(|_| std::io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl From<Bytes> for ResponseBody {
    fn from(bytes: Bytes) -> Self {
        Self::Whole((!bytes.is_empty()).then_some(bytes))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Self::Stream(pieces) => pieces
                .poll_recv(cx)
                .map(|piece| piece.map(|p| p.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64))
            }
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Full, StreamBody};

    use super::*;

    #[tokio::test]
    async fn a_body_within_the_bound_comes_whole() {
        let pieces = [&b"ab"[..], b"cd", b"ef"]
            .map(|p| Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(p))));
        let body = StreamBody::new(futures_iter(pieces.into_iter().collect()));
        assert_eq!(
            read(
                body,
                6,
                Duration::from_secs(1),
                &Room::new(8 * PERMIT_BYTES)
            )
            .await
            .unwrap()
            .bytes,
            "abcdef"
        );
    }

    #[tokio::test]
    async fn one_byte_too_many_is_refused() {
        let body = Full::new(Bytes::from_static(b"abcdefg"));
        let room = Room::new(8 * PERMIT_BYTES);
        let error = read(body, 6, Duration::from_secs(1), &room).await;
        assert_eq!(error.unwrap_err(), ReadError::TooLarge);
    }

    #[tokio::test]
    async fn a_stalled_body_is_given_up() {
        let (_held, pieces) = mpsc::channel(1);
        let body = ResponseBody::Stream(pieces);
        let room = Room::new(8 * PERMIT_BYTES);
        let error = read(body, 6, Duration::from_millis(5), &room).await;
        assert_eq!(error.unwrap_err(), ReadError::TooSlow);
    }

    #[tokio::test]
    async fn bodies_wait_for_room_and_give_it_back() {
        let room = Room::new(PERMIT_BYTES);
        let body = || Full::new(Bytes::from_static(b"abc"));
        let first = read(body(), 6, Duration::from_secs(1), &room).await;
        let first = first.unwrap();
        let error = read(body(), 6, Duration::from_millis(5), &room).await;
        assert_eq!(error.unwrap_err(), ReadError::TooSlow);
        drop(first);
        let next = read(body(), 6, Duration::from_secs(1), &room).await;
        assert_eq!(next.unwrap().bytes, "abc");
    }

    type Piece = std::io::Result<Frame<Bytes>>;

    fn futures_iter(pieces: Vec<Piece>) -> impl futures_core::Stream<Item = Piece> + Unpin {
        struct Iter(std::vec::IntoIter<Piece>);
        impl futures_core::Stream for Iter {
            type Item = Piece;
            fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Piece>> {
                Poll::Ready(self.0.next())
            }
        }
        Iter(pieces.into_iter())
    }
}
