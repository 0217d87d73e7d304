//! Account of a session: who, when, why, how much, under which terms, and who signed that.

use protocol::codec::StreamId;
use protocol::commitment::{InputOpening, InputRoot};
use protocol::error::Bug;
use protocol::message::{HelloA, HelloP};
use protocol::suite::Profile;
use protocol::terms::MatchTerms;
use protocol::transcript::receipt::Receipt;
use protocol::transcript::{Opening, Role, Transcript};

use crate::Parties;
use crate::evidence::is_signed;
use crate::finding::Finding;
use crate::outline::{Outline, Read, Spoken};
use crate::signers::Signers;

/// A session as its messages state it, each statement with its signers [T-15].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The facts of the channel, which the holder claims unless the session id is signed.
    pub opening: Opening,
    /// The parties, by the keys of their HELLOs.
    pub parties: Parties,
    /// The advertiser's HELLO.
    pub hello_a: Option<HelloA>,
    /// The provider's HELLO.
    pub hello_p: Option<HelloP>,
    /// Each party that signed its own HELLO for this channel.
    pub hellos: Signers,
    /// The terms.
    pub terms: Option<MatchTerms>,
    /// The session id in TERMS.
    pub sid: Option<[u8; 32]>,
    /// Signers of the session id, hence of HELLOs, terms and channel; nobody if it does not follow
    /// from them.
    pub session: Signers,
    /// The input behind the commitment of the advertiser's HELLO.
    pub input: Input,
    /// The receipt.
    pub receipt: Option<Receipt>,
    /// Signers of the receipt.
    pub receipt_by: Signers,
    /// End of the records.
    pub ending: Ending,
}

/// Input of a session, as far as its advertiser shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// No opening is in the package, or no commitment.
    NotShown,
    /// Something that does not open the commitment.
    Other,
    /// The input that the advertiser committed to.
    Opened(InputRoot),
}

/// End of the records of a transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Complete session, to its receipt.
    Closed,
    /// Beginning of a session: the records end early.
    Cut {
        /// The last record that is there; `None` if no message is.
        after: Option<Place>,
    },
    /// Session that a REFUSE or ABORT ends.
    Word {
        /// Name of the message.
        name: &'static str,
        /// Sender of the message.
        by: Role,
        /// True if its signature holds; else the holder of the package claims it.
        signed: bool,
        /// Reason it gives, as the code on the wire.
        code: u16,
    },
    /// Session up to a record that does not belong in its place.
    Broken {
        /// The rule of order that it breaks.
        why: Finding,
    },
}

/// Record of a transcript by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Name of the message or stream.
    pub name: &'static str,
    /// Index of the frame in its stream; `None` for a message.
    pub frame: Option<u32>,
}

impl Place {
    /// Frame of a bulk stream.
    pub(crate) const fn frame(stream: StreamId, index: u32) -> Self {
        Self { name: stream.name(), frame: Some(index) }
    }

    /// Control message.
    pub(crate) const fn message(name: &'static str) -> Self {
        Self { name, frame: None }
    }
}

impl Account {
    /// Tells a session from its records and the file of its input's opening, if there is one; no
    /// frame is read and nothing is judged.
    ///
    /// # Errors
    ///
    /// [`Bug`] for a state that the design excludes.
    pub fn of(transcript: &Transcript, opening: Option<&[u8]>) -> Result<Self, Bug> {
        let (outline, read) = Outline::read(transcript)?;
        Ok(Self::from_outline(&outline, &read, transcript, opening))
    }

    /// The profile of HELLO_A, if it is known.
    #[must_use]
    pub fn profile(&self) -> Option<Profile> {
        Profile::from_code(self.hello_a.as_ref()?.profile)
    }

    pub(crate) fn from_outline(
        outline: &Outline,
        read: &Read,
        transcript: &Transcript,
        opening: Option<&[u8]>,
    ) -> Self {
        let evidence = &outline.evidence;
        Self {
            opening: transcript.opening,
            parties: outline.parties(transcript),
            hello_a: outline.hello_a.as_ref().map(|(hello, _)| hello.clone()),
            hello_p: outline.hello_p.as_ref().map(|(hello, _)| hello.clone()),
            hellos: evidence.hello_a.or(evidence.hello_p),
            terms: outline.terms.as_ref().map(|message| message.terms.clone()),
            sid: outline.terms.as_ref().map(|message| message.sid),
            session: evidence.session,
            input: input_of(outline, opening),
            receipt: outline.receipt.as_ref().map(|message| message.receipt.clone()),
            receipt_by: evidence.receipt,
            ending: ending(outline, read),
        }
    }
}

fn input_of(outline: &Outline, opening: Option<&[u8]>) -> Input {
    // Without a HELLO there is nothing that could be opened.
    let Some((bytes, (hello, _))) = opening.zip(outline.hello_a.as_ref()) else {
        return Input::NotShown;
    };
    match InputOpening::parse(bytes) {
        Some(opening) if opening.commitment() == hello.input_commitment => {
            Input::Opened(opening.input)
        }
        _ => Input::Other,
    }
}

fn ending(outline: &Outline, read: &Read) -> Ending {
    // The word that ended the session is the last of them.
    match (read, outline.last_words.last()) {
        (Read::Complete, _) => Ending::Closed,
        (Read::Broken(why), _) => Ending::Broken { why: why.clone() },
        (Read::Ended, Some(word)) => word_of(outline, word),
        (Read::Prefix | Read::Ended, _) => Ending::Cut { after: outline.last },
    }
}

fn word_of(outline: &Outline, word: &Spoken) -> Ending {
    Ending::Word {
        name: word.message.name(),
        by: word.by,
        signed: is_signed(outline, word),
        code: word.code(),
    }
}
