//! The messages of a transcript read as one session, as far as they are one.
//!
//! Reading stops at the first record that does not belong where it stands: what comes before it is
//! a session that ended early, and is checked like any other.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::account;
use crate::evidence::Evidence;
use protocol::codec::{FrameHeader, RawFrame, StreamId};
use protocol::last_word::Ground;
use protocol::message::{
    Checkpoint, Control, HelloA, HelloP, ReceiptAck, Released, SignedReceipt, Terms, TermsAccept,
};
use protocol::suite::SuiteId;
use protocol::transcript::merkle::{Hash, Tree};
use protocol::transcript::receipt::StreamHead;
use protocol::transcript::{Record, Role, Transcript};

/// A session, message by message, up to where it ends or breaks.
pub(crate) struct Outline {
    /// Whose transcript it is.
    role: Role,
    exporter: [u8; 32],
    sent: [u32; 2],
    pub(crate) hello_a: Option<(HelloA, RawFrame)>,
    pub(crate) hello_p: Option<(HelloP, RawFrame)>,
    pub(crate) terms: Option<Terms>,
    pub(crate) accept: Option<TermsAccept>,
    /// CHECKPOINT and CHECKPOINT_ACK; true for the sender's.
    pub(crate) checkpoints: Vec<(Checkpoint, bool)>,
    /// What the provider released for the handles.
    pub(crate) released: Option<Released>,
    /// Whether the provider refused to release anything for the handles.
    pub(crate) refused: bool,
    /// REFUSE and ABORT with what both sides shared then; true for the advertiser's.
    pub(crate) last_words: Vec<(Control, Ground, bool)>,
    pub(crate) receipt: Option<SignedReceipt>,
    pub(crate) acknowledgement: Option<ReceiptAck>,
    pub(crate) streams: Vec<(StreamId, StreamRecord)>,
    /// The last record that belongs where it stands: its name, and its place in a bulk stream.
    pub(crate) last: Option<(&'static str, Option<u32>)>,
    /// The signatures that hold.
    pub(crate) evidence: Evidence,
}

/// How far the records are one session.
pub(crate) enum Read {
    /// To its end.
    Complete,
    /// To their own end: they begin a session.
    Prefix,
    /// To a REFUSE or ABORT.
    Ended,
    /// To a record that does not belong where it stands.
    Broken(String),
}

/// Why no further record is read.
enum Stop {
    Ended,
    Broken(String),
}

impl From<String> for Stop {
    fn from(why: String) -> Self {
        Self::Broken(why)
    }
}

/// What is recorded of one bulk stream.
#[derive(Default)]
pub(crate) struct StreamRecord {
    tree: Tree,
    pub(crate) frames: Vec<(FrameHeader, Hash)>,
    elements: u64,
    pub(crate) ended: bool,
}

impl Outline {
    /// Reads the records, and says how far they are one session: opening four messages, streams,
    /// close.
    pub(crate) fn read(transcript: &Transcript) -> (Self, Read) {
        let mut outline = Self {
            role: transcript.opening.role,
            exporter: transcript.opening.exporter,
            sent: [0; 2],
            hello_a: None,
            hello_p: None,
            terms: None,
            accept: None,
            checkpoints: Vec::new(),
            released: None,
            refused: false,
            last_words: Vec::new(),
            receipt: None,
            acknowledgement: None,
            streams: Vec::new(),
            last: None,
            evidence: Evidence::default(),
        };
        let in_order = transcript.records.iter().try_for_each(|record| match record {
            Record::Control(frame) => outline.take_control(frame),
            Record::Bulk { header, leaf } => Ok(outline.take_bulk(header, *leaf)?),
        });
        let read = match in_order {
            Err(Stop::Ended) => Read::Ended,
            Err(Stop::Broken(why)) => Read::Broken(why),
            Ok(()) if outline.acknowledgement.is_some() => Read::Complete,
            Ok(()) => Read::Prefix,
        };
        outline.evidence = Evidence::of(&outline, transcript);
        (outline, read)
    }

    /// What is recorded of a stream, if any frame of it is.
    pub(crate) fn record(&self, stream: StreamId) -> Option<&StreamRecord> {
        self.streams.iter().find(|(id, _)| *id == stream).map(|(_, record)| record)
    }

    /// Heads of all streams, by increasing stream number.
    pub(crate) fn heads(&self) -> Vec<(StreamId, StreamHead)> {
        let mut heads: Vec<(StreamId, StreamHead)> =
            self.streams.iter().map(|(stream, record)| (*stream, record.head(*stream))).collect();
        heads.sort_unstable_by_key(|(stream, _)| *stream);
        heads
    }

    /// Bulk frames and checkpoints may stand between TERMS_ACCEPT and RECEIPT.
    const fn is_open(&self) -> bool {
        self.accept.is_some() && self.receipt.is_none()
    }

    /// The batch of handles is whole, acknowledged, and has no answer yet.
    fn may_answer_handles(&self) -> bool {
        let signed = [StreamId::Eval, StreamId::Handles]
            .into_iter()
            .all(|stream| self.is_signed(stream, false));
        self.is_open() && signed && self.released.is_none() && !self.refused
    }

    /// Whether the CHECKPOINT (by the sender) or CHECKPOINT_ACK of a stream is there.
    fn is_signed(&self, stream: StreamId, by_sender: bool) -> bool {
        let code = stream.code();
        self.checkpoints.iter().any(|(c, sender)| c.stream == code && *sender == by_sender)
    }

    fn take_control(&mut self, frame: &RawFrame) -> Result<(), Stop> {
        let from_advertiser = frame.header.stream.from_advertiser();
        let [by_advertiser, by_provider] = &mut self.sent;
        let next = if from_advertiser { by_advertiser } else { by_provider };
        ensure(frame.header.index == *next, "a control message is missing or repeated")?;
        *next = next.saturating_add(1);
        let message = Control::decode(frame).map_err(|why| why.to_string())?;
        let name = message.name();
        ensure(self.acknowledgement.is_none(), "a message after the close")?;
        if matches!(message, Control::Refuse(_) | Control::Abort(_)) {
            let ground = self.ground();
            self.last_words.push((message.clone(), ground, from_advertiser));
        }
        let opened = self.accept.is_some();
        match (message, from_advertiser) {
            (Control::HelloA(m), true) if self.hello_a.is_none() => {
                self.hello_a = Some((m, frame.clone()));
            }
            (Control::HelloP(m), false) if self.hello_a.is_some() && self.hello_p.is_none() => {
                self.hello_p = Some((*m, frame.clone()));
            }
            (Control::Terms(m), true) if self.hello_p.is_some() && self.terms.is_none() => {
                self.terms = Some(m);
            }
            (Control::TermsAccept(m), false) if self.terms.is_some() && !opened => {
                self.accept = Some(m);
            }
            (Control::Checkpoint(m), _) if self.is_open() => {
                ensure(sends(&m) == Some(from_advertiser), "a CHECKPOINT by the receiver")?;
                self.push_checkpoint(m, true)?;
            }
            (Control::CheckpointAck(m), _) if self.is_open() => {
                ensure(sends(&m) == Some(!from_advertiser), "a CHECKPOINT_ACK by the sender")?;
                let whole = self.streams.iter().any(|(s, r)| s.code() == m.stream && r.ended);
                ensure(whole, "a stream was acknowledged before its last frame")?;
                self.push_checkpoint(m, false)?;
            }
            (Control::Released(m), false) if self.may_answer_handles() => self.released = Some(m),
            (Control::Refuse(_), false) if self.may_answer_handles() => self.refused = true,
            (Control::Receipt(m), true) if self.is_open() => self.receipt = Some(m),
            (Control::ReceiptAck(m), false) if self.receipt.is_some() => {
                self.acknowledgement = Some(m);
            }
            (Control::Abort(_), _) => return Err(Stop::Ended),
            (Control::Refuse(_), false) if self.hello_a.is_some() && !opened => {
                return Err(Stop::Ended);
            }
            _ => return Err(Stop::Broken(format!("{name} out of place"))),
        }
        self.last = Some((name, None));
        Ok(())
    }

    /// Keeps a checkpoint; the second of one kind shows all that further ones could.
    fn push_checkpoint(&mut self, checkpoint: Checkpoint, by_sender: bool) -> Result<(), String> {
        let same = |(other, sender): &&(Checkpoint, bool)| {
            other.stream == checkpoint.stream && *sender == by_sender
        };
        let few = self.checkpoints.iter().filter(same).count() < 2;
        ensure(few, "a stream was signed again and again")?;
        self.checkpoints.push((checkpoint, by_sender));
        Ok(())
    }

    /// What both sides share so far.
    fn ground(&self) -> Ground {
        let mut ground = Ground::new(self.exporter);
        if let Some((_, frame)) = &self.hello_a {
            ground.hello(Role::Advertiser, &frame.payload);
        }
        if let Some((_, frame)) = &self.hello_p {
            ground.hello(Role::Provider, &frame.payload);
        }
        if let Some(terms) = &self.terms {
            ground.session(terms.sid);
        }
        ground
    }

    fn take_bulk(&mut self, header: &FrameHeader, leaf: Hash) -> Result<(), String> {
        let name = header.stream.name();
        ensure(self.is_open(), &format!("a {name} frame outside the session"))?;
        match header.stream {
            StreamId::Eval => {
                let asked = self.record(StreamId::Blind).map_or(0, |record| record.tree.leaves());
                let answers = u64::from(header.index) < asked;
                ensure(answers, "an EVAL frame before the frame it answers")?;
                self.check_barrier()?;
            }
            StreamId::Blind => self.check_table_came_first()?,
            StreamId::Handles => {
                let answered = self.record(StreamId::Eval).is_some_and(|record| record.ended);
                let signed = self.is_signed(StreamId::Eval, true);
                ensure(answered && signed, "a HANDLES frame before the answers were signed")?;
            }
            StreamId::Ids => ensure(self.released.is_some(), "an IDS frame before RELEASED")?,
            _ => {}
        }
        if self.record(header.stream).is_none() {
            self.streams.push((header.stream, StreamRecord::default()));
        }
        let record = self.streams.iter_mut().find(|(stream, _)| *stream == header.stream);
        let Some((_, record)) = record else {
            return Ok(());
        };
        ensure(!record.ended, &format!("a {name} frame after the last one"))?;
        let in_sequence = record.tree.leaves() == u64::from(header.index);
        ensure(in_sequence, &format!("{name} frames have a gap"))?;
        record.tree.push(leaf);
        record.frames.push((*header, leaf));
        record.elements = record.elements.saturating_add(u64::from(header.elements));
        record.ended = header.is_last();
        self.last = Some(account::place(header.stream, header.index));
        Ok(())
    }

    /// In shuffled order no answer leaves before every row has come and both have signed them.
    ///
    /// The advertiser may receive the acknowledgement later: the streams of a connection overtake
    /// each other.
    fn check_barrier(&self) -> Result<(), String> {
        let shuffled = |(hello, _): &(HelloA, RawFrame)| hello.suite == SuiteId::Shuffled.code();
        if !self.hello_a.as_ref().is_some_and(shuffled) {
            return Ok(());
        }
        let whole = self.record(StreamId::Blind).is_some_and(|record| record.ended);
        ensure(whole, "an EVAL frame before the last row")?;
        let shown = self.is_signed(StreamId::Blind, false) || self.role == Role::Advertiser;
        ensure(shown, "an EVAL frame before the rows were acknowledged")
    }

    /// Nothing is blinded before the table is there, and the advertiser has said that it is.
    ///
    /// The provider may receive the acknowledgement later: the streams of a connection overtake
    /// each other.
    fn check_table_came_first(&self) -> Result<(), String> {
        if self.terms.as_ref().is_none_or(|terms| terms.terms.table_delivery == 0) {
            return Ok(());
        }
        let whole = self.record(StreamId::Table).is_some_and(|record| record.ended);
        ensure(whole, "a BLIND frame before the table is whole")?;
        let shown = self.is_signed(StreamId::Table, false) || self.role == Role::Provider;
        ensure(shown, "a BLIND frame before the table was acknowledged")
    }
}

impl StreamRecord {
    /// The head as it was after so many frames; `None` if there are not as many.
    pub(crate) fn head_at(&self, stream: StreamId, frames: u32) -> Option<StreamHead> {
        let first = self.frames.get(..usize::try_from(frames).ok()?)?;
        let mut tree = Tree::new();
        first.iter().for_each(|(_, leaf)| tree.push(*leaf));
        let elements = first.iter().map(|(header, _)| u64::from(header.elements)).sum();
        Some(StreamHead { stream: stream.code(), frames, elements, root: tree.root() })
    }

    pub(crate) fn head(&self, stream: StreamId) -> StreamHead {
        StreamHead {
            stream: stream.code(),
            frames: u32::try_from(self.tree.leaves()).unwrap_or(u32::MAX),
            elements: self.elements,
            root: self.tree.root(),
        }
    }
}

/// Whether the advertiser sends the stream of a checkpoint.
fn sends(checkpoint: &Checkpoint) -> Option<bool> {
    StreamId::from_code(checkpoint.stream).map(StreamId::from_advertiser)
}

fn ensure(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_string()) }
}
