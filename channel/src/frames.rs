//! Bytes of the peer as frames: the name of a stream, then headers and payloads.
//!
//! Nothing is allocated for a length before the limits have allowed it. The buffer of a stream
//! grows from one header to the largest frame that came, and to less than four times that; the
//! payload that leaves it is a copy of exactly its own length.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use protocol::attestation::Signature;
use protocol::codec::{FrameHeader, RawFrame, StreamId};
use protocol::error::Violation;
use protocol::transcript::Role;
use tokio_util::bytes::{Buf, BytesMut};
use tokio_util::codec::{Decoder, FramedRead};

use crate::error::TransportError;
use crate::link::{self, ReceiveHalf};

/// Bytes of frames and stream prefixes, by direction.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) sent: AtomicU64,
    pub(crate) received: AtomicU64,
}

/// Stream of the peer whose name is still on its way.
pub(crate) struct Opening(FramedRead<ReceiveHalf, PrefixDecoder>);

impl Opening {
    pub(crate) fn new(half: ReceiveHalf) -> Self {
        // The buffer has room for the name and no more: what follows is not read yet.
        Self(FramedRead::with_capacity(half, PrefixDecoder, PREFIX_LEN))
    }

    /// Waits for the name of the stream: its number and the id of the session it belongs to.
    pub(crate) fn poll_name(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<[u8; PREFIX_LEN], TransportError>> {
        let name = ready!(Pin::new(&mut self.0).poll_next(cx));
        Poll::Ready(match name {
            Some(Ok(name)) => Ok(name),
            Some(Err(fault)) => Err(fault.told(0, 0)),
            None => Err(unexpected(0)),
        })
    }

    /// Reads frames from here on.
    pub(crate) fn into_reader(self, stream: StreamId, counters: Arc<Counters>) -> FrameReader {
        FrameReader {
            frames: self.0.map_decoder(|_| FrameDecoder::new(stream)),
            counters,
            at_end: false,
        }
    }
}

/// The stream that a name means, if the peer may open it in this session.
pub(crate) fn named_stream(
    name: &[u8; PREFIX_LEN],
    role: Role,
    sid: &[u8; 32],
) -> Result<StreamId, TransportError> {
    let [code, named @ ..] = name;
    let stream = StreamId::from_code(*code)
        .filter(|stream| !stream.is_control())
        .filter(|stream| stream.from_advertiser() == (role == Role::Provider));
    match stream {
        Some(stream) if named == sid => Ok(stream),
        _ => Err(unexpected(*code)),
    }
}

/// Breach of the protocol in what should open a stream.
pub(crate) const fn unexpected(stream: u8) -> TransportError {
    TransportError::Malformed { violation: Violation::UnexpectedMessage, stream, index: 0 }
}

/// Reads the frames of one stream; holds at most one, and what came with it.
pub(crate) struct FrameReader {
    frames: FramedRead<ReceiveHalf, FrameDecoder>,
    counters: Arc<Counters>,
    /// The end of the stream has been read.
    at_end: bool,
}

impl FrameReader {
    pub(crate) fn new(half: ReceiveHalf, stream: StreamId, counters: Arc<Counters>) -> Self {
        let decoder = FrameDecoder::new(stream);
        let frames = FramedRead::with_capacity(half, decoder, FrameHeader::LEN);
        Self { frames, counters, at_end: false }
    }

    pub(crate) fn stream(&self) -> StreamId {
        self.frames.decoder().stream
    }

    /// True once the frame flagged last has been read; only the end of the stream may follow.
    pub(crate) fn is_complete(&self) -> bool {
        self.frames.decoder().complete
    }

    /// Waits for the next frame; `None` at the end of the stream.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<RawFrame>, TransportError>> {
        if self.at_end {
            return Poll::Ready(Ok(None));
        }
        Poll::Ready(match ready!(Pin::new(&mut self.frames).poll_next(cx)) {
            Some(Ok(frame)) => {
                let bytes = FrameHeader::LEN as u64 + frame.header.wire_len();
                self.counters.received.fetch_add(bytes, Ordering::Relaxed);
                Ok(Some(frame))
            }
            Some(Err(fault)) => {
                let decoder = self.frames.decoder();
                Err(fault.told(decoder.stream.code(), decoder.frames))
            }
            None => {
                self.at_end = true;
                Ok(None)
            }
        })
    }
}

/// The bytes before the first frame of a bulk stream.
struct PrefixDecoder;

impl Decoder for PrefixDecoder {
    type Item = [u8; PREFIX_LEN];
    type Error = Fault;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Self::Item>, Fault> {
        let prefix = bytes.first_chunk::<PREFIX_LEN>().copied();
        if prefix.is_some() {
            bytes.advance(PREFIX_LEN);
        }
        Ok(prefix)
    }

    fn decode_eof(&mut self, bytes: &mut BytesMut) -> Result<Option<Self::Item>, Fault> {
        self.decode(bytes)?.map(Some).ok_or(Fault::Breach(Violation::UnexpectedMessage))
    }
}

/// The frames of one stream.
struct FrameDecoder {
    stream: StreamId,
    /// Frames read so far.
    frames: u32,
    complete: bool,
}

impl FrameDecoder {
    const fn new(stream: StreamId) -> Self {
        Self { stream, frames: 0, complete: false }
    }
}

impl Decoder for FrameDecoder {
    type Item = RawFrame;
    type Error = Fault;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<RawFrame>, Fault> {
        if self.complete && !bytes.is_empty() {
            return Err(Fault::Breach(Violation::FrameMalformed));
        }
        let Some(header) = bytes.first_chunk::<{ FrameHeader::LEN }>() else {
            return Ok(None);
        };
        // [G07, G08] Nothing is allocated for a length that the limits do not allow.
        let header = FrameHeader::parse(header)?;
        if header.stream != self.stream {
            return Err(Fault::Breach(Violation::FrameMalformed));
        }
        let whole = usize::try_from(header.wire_len())
            .ok()
            .and_then(|len| len.checked_add(FrameHeader::LEN))
            .ok_or(Violation::FrameTooLarge)?;
        let Some(mut payload) = bytes.get(FrameHeader::LEN..whole) else {
            bytes.reserve(whole - bytes.len());
            return Ok(None);
        };
        let mut signature = Signature::NONE;
        if !header.stream.is_control() {
            let (content, after) = payload.split_last_chunk().ok_or(Violation::FrameMalformed)?;
            (payload, signature) = (content, Signature::from_bytes(after));
        }
        let frame = RawFrame::new(header, payload.into())?.with_signature(signature);
        bytes.advance(whole);
        self.frames = self.frames.checked_add(1).ok_or(Violation::FrameMalformed)?;
        self.complete = frame.header.is_last();
        Ok(Some(frame))
    }

    fn decode_eof(&mut self, bytes: &mut BytesMut) -> Result<Option<RawFrame>, Fault> {
        match self.decode(bytes)? {
            Some(frame) => Ok(Some(frame)),
            None if !bytes.is_empty() => Err(Fault::Breach(Violation::FrameMalformed)),
            None if self.complete || self.stream.is_control() => Ok(None),
            None => Err(Fault::Breach(Violation::CountMismatch)),
        }
    }
}

/// Ends the reading of a stream.
#[derive(Debug)]
enum Fault {
    /// Breach of the protocol by the peer.
    Breach(Violation),
    /// The connection ended.
    Ended(io::Error),
}

impl Fault {
    /// The same for the session, with the stream and the frames read from it before.
    fn told(self, stream: u8, index: u32) -> TransportError {
        match self {
            Self::Breach(violation) => TransportError::Malformed { violation, stream, index },
            Self::Ended(error) => link::read_error(error, stream, index),
        }
    }
}

impl From<Violation> for Fault {
    fn from(violation: Violation) -> Self {
        Self::Breach(violation)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Ended(error)
    }
}

/// Bytes before the first frame of a bulk stream: its number and the id of the session.
pub(crate) const PREFIX_LEN: usize = 33;
