//! A session told for people: who, when, why, how much, under which terms, and who signed that.

use alloc::format;
use alloc::string::String;

use crate::Parties;
use crate::evidence::is_signed;
use crate::outline::{Outline, Read};
use crate::signers::Signers;
use protocol::codec::StreamId;
use protocol::message::{Control, HelloA, HelloP};
use protocol::suite::Profile;
use protocol::terms::MatchTerms;
use protocol::transcript::receipt::Receipt;
use protocol::transcript::{Opening, Role, Transcript};

/// What the messages of a transcript say of its session, each with who signed it [T-15].
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
    /// Who signed the own HELLO for this channel.
    pub hellos: Signers,
    /// The terms.
    pub terms: Option<MatchTerms>,
    /// The session id as TERMS states it.
    pub sid: Option<[u8; 32]>,
    /// Who signed the session id, hence HELLOs, terms and channel; nobody if it does not follow
    /// from them.
    pub session: Signers,
    /// The receipt.
    pub receipt: Option<Receipt>,
    /// Who signed the receipt.
    pub receipt_by: Signers,
    /// How the records end.
    pub ending: Ending,
}

/// How the records of a transcript end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// They are one complete session.
    Closed,
    /// They end early: those that are there begin a session.
    Cut {
        /// The last record that is there, in words.
        after: String,
    },
    /// A REFUSE or ABORT ends the session.
    Word {
        /// Name of the message.
        name: &'static str,
        /// Whose word it is.
        by: Role,
        /// Whether its signature holds; else the holder of the package claims it.
        signed: bool,
        /// The reason it gives, as the code on the wire.
        code: u16,
    },
    /// A record does not belong where it stands.
    Broken {
        /// Why not.
        why: String,
    },
}

impl Account {
    /// The profile of HELLO_A, if it is known.
    #[must_use]
    pub fn profile(&self) -> Option<Profile> {
        Profile::from_code(self.hello_a.as_ref()?.profile)
    }

    /// Tells a session from its records alone; no frame is read and nothing is judged.
    #[must_use]
    pub fn of(transcript: &Transcript) -> Self {
        let (outline, read) = Outline::read(transcript);
        Self::from_outline(&outline, read, transcript)
    }

    pub(crate) fn from_outline(outline: &Outline, read: Read, transcript: &Transcript) -> Self {
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
            receipt: outline.receipt.as_ref().map(|message| message.receipt.clone()),
            receipt_by: evidence.receipt,
            ending: ending(outline, read),
        }
    }
}

fn ending(outline: &Outline, read: Read) -> Ending {
    match read {
        Read::Complete => Ending::Closed,
        Read::Broken(why) => Ending::Broken { why },
        Read::Prefix => Ending::Cut { after: last_record(outline) },
        Read::Ended => {
            // The word that ended the session is the last of them.
            let last = outline.last_words.len().saturating_sub(1);
            match outline.last_words.get(last) {
                Some((word, _, by_advertiser)) => Ending::Word {
                    name: word.name(),
                    by: if *by_advertiser { Role::Advertiser } else { Role::Provider },
                    signed: is_signed(outline, last),
                    code: match word {
                        Control::Refuse(refuse) => refuse.code,
                        Control::Abort(abort) => abort.code,
                        _ => 0,
                    },
                },
                None => Ending::Cut { after: last_record(outline) },
            }
        }
    }
}

fn last_record(outline: &Outline) -> String {
    match outline.last {
        None => "before any message".into(),
        Some((name, None)) => format!("after {name}"),
        Some((name, Some(index))) => format!("after {name} frame {index}"),
    }
}

/// The name of a stream, and the place of a frame in it.
pub(crate) const fn place(stream: StreamId, index: u32) -> (&'static str, Option<u32>) {
    (stream.name(), Some(index))
}
