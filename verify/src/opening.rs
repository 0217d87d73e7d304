//! The checks of what two parties agreed to: hellos, manifest, binding, terms, and last words.
//!
//! Each check runs as far as its messages are there, so that a session without a receipt still
//! shows its faults. A missing message makes a check *not made*, never *passed*.

use protocol::attestation::PartyId;
use protocol::codec::StreamId;
use protocol::error::{Refusal, WireCode};
use protocol::group::Element;
use protocol::limits::{Limits, TABLE_TAGS_MAX};
use protocol::message::{HelloA, HelloP, Terms};
use protocol::rows::{RowWidth, accept_shape};
use protocol::suite::{PROTOCOL_VERSION, Profile};
use protocol::terms::{SignedTerms, TermsRejected};
use protocol::transcript::receipt::StreamHead;
use protocol::transcript::{BuildFlags, Role, Transcript};

use crate::evidence::is_signed;
use crate::finding::{Checked, Finding, Miss, absent, ensure, failed, require};
use crate::outline::Outline;
use crate::signers::Signers;
use crate::{Expected, Parties};

impl Outline {
    /// The parties, as far as they have introduced themselves.
    pub(crate) fn parties(&self, transcript: &Transcript) -> Parties {
        let opening = &transcript.opening;
        Parties {
            advertiser: self.hello_a.as_ref().map(|(m, _)| PartyId::of(&m.attestation_key)),
            provider: self.hello_p.as_ref().map(|(m, _)| PartyId::of(&m.attestation_key)),
            spki_advertiser: opening.spki_advertiser,
            spki_provider: opening.spki_provider,
        }
    }

    /// Both sides said, under their signature, that their program is a release.
    pub(crate) fn check_programs(&self, transcript: &Transcript, limits: &Limits) -> Checked {
        let version = transcript.opening.protocol;
        let unknown = Finding::new("verify-protocol-unknown").with_number("version", version);
        ensure(version == PROTOCOL_VERSION, unknown)?;
        let small = *limits != Limits::STANDARD;
        let signed = &self.evidence;
        let programs = [
            (self.hello_a.as_ref().map(|(hello, _)| hello.program), A, signed.hello_a),
            (self.hello_p.as_ref().map(|(hello, _)| hello.program), P, signed.hello_p),
        ];
        for (program, name, by) in programs {
            let Some(program) = program else { continue };
            // Other bits do not decode.
            let build = BuildFlags::from_bits(program.flags).unwrap_or_default();
            require(by, !build.classical_kx, of_party("verify-key-exchange", name))?;
            require(by, build.small_limits == small, of_party("verify-test-limits", name))?;
        }
        self.hellos().map(drop)
    }

    /// Both sides signed their HELLO for this channel.
    pub(crate) fn check_hellos_signed(&self, transcript: &Transcript) -> Checked {
        let exporter = &transcript.opening.exporter;
        let by_advertiser =
            self.hello_a.as_ref().is_none_or(|(hello, _)| hello.verify(exporter).is_ok());
        ensure(by_advertiser, of_party("verify-hello-signature", A))?;
        let by_provider =
            self.hello_p.as_ref().is_none_or(|(hello, _)| hello.verify(exporter).is_ok());
        ensure(by_provider, of_party("verify-hello-signature", P))?;
        self.hellos().map(drop)
    }

    /// Every REFUSE and ABORT is signed by its sender, about streams as they are recorded.
    pub(crate) fn check_last_words(&self) -> Checked {
        for word in &self.last_words {
            let signed = is_signed(self, word);
            let own = Signers::only(word.by, signed);
            for head in word.heads() {
                self.check_head(head, own)?;
            }
            let sender_is_known = match word.by {
                Role::Advertiser => self.hello_a.is_some(),
                Role::Provider => self.hello_p.is_some(),
            };
            if !sender_is_known {
                return Err(absent("verify-sender-unknown"));
            }
            let unsigned = Finding::new("verify-word-unsigned");
            ensure(signed, unsigned.with("message", word.message.name()))?;
        }
        Ok(())
    }

    /// A head that a REFUSE or ABORT lists; frames on their way are in one transcript only.
    ///
    /// Its signer contradicts itself if it signed as many frames under another head.
    fn check_head(&self, head: &StreamHead, by: Signers) -> Checked {
        let by = by.and(self.evidence.of_other(self, head, false));
        require(by, by.is_nobody(), "verify-word-two-heads")?;
        let record = StreamId::from_code(head.stream)
            .and_then(|stream| Some((stream, self.record(stream)?)));
        let recorded = record.and_then(|(stream, record)| record.head_at(stream, head.frames));
        let same = recorded.is_none_or(|recorded| recorded == *head);
        ensure(same, "verify-word-other-frames")
    }

    /// Parties, suite, profile and sizes fit each other and the reader's expectation.
    pub(crate) fn check_parties(
        &self,
        parties: &Parties,
        expected: &Expected,
        limits: &Limits,
    ) -> Checked {
        for (found, wanted, name) in
            [(parties.advertiser, expected.advertiser, A), (parties.provider, expected.provider, P)]
        {
            let other = found.zip(wanted).is_some_and(|(found, wanted)| found != wanted);
            ensure(!other, of_party("verify-party-unexpected", name))?;
        }
        let (hello_a, hello_p) = self.hellos()?;
        let (by_a, by_p) = (self.evidence.hello_a, self.evidence.hello_p);
        let profile = profile(hello_a).map_err(|why| failed(by_a, why))?;
        require(by_a, hello_a.suite == profile.suite().code(), "verify-suite")?;
        shape(profile, hello_a, limits).map_err(|why| failed(by_a, why))?;
        require(by_p, hello_p.protocol == PROTOCOL_VERSION, "verify-protocol-other")?;
        let tags = hello_p.table.tag_count;
        require(by_p, tags != 0 && tags <= TABLE_TAGS_MAX, "verify-tags-range")?;
        let whole = tags.is_multiple_of(u64::from(limits.frame_elements));
        require(by_p, whole, "verify-tags-padding")?;
        // Hellos that do not fit each other are a failure once somebody agreed to both.
        self.terms()?;
        let by = self.evidence.session;
        require(by, parties.advertiser != parties.provider, "verify-one-party")?;
        let spoken = hello_a.protocol_min..=hello_a.protocol_max;
        require(by, spoken.contains(&hello_p.protocol), "verify-protocol-not-offered")?;
        require(by, hello_a.rules_digest == hello_p.rules_digest, "verify-rules-differ")?;
        require(by, hello_a.ledger_head == hello_p.ledger_head, "verify-ledgers-differ")
    }

    /// Manifest and snapshot are the provider's, and the key serves this session.
    pub(crate) fn check_manifest(&self) -> Checked {
        let (hello_a, hello_p) = self.hellos()?;
        let by = self.evidence.hello_p;
        let (manifest, key) = (&hello_p.manifest, &hello_p.attestation_key);
        require(by, manifest.verify(key).is_ok(), "verify-manifest-signature")?;
        require(by, hello_p.snapshot.verify(key).is_ok(), "verify-snapshot-signature")?;
        let body = &manifest.body;
        let provider = PartyId::of(key).0;
        require(by, body.provider == provider, "verify-manifest-provider")?;
        let named = hello_p.snapshot.body.provider == provider;
        require(by, named, "verify-snapshot-provider")?;
        require(by, body.is_within_bounds(), "verify-key-bounds")?;
        Element::decode(&body.public_key).map_err(|why| {
            failed(by, Finding::new("verify-public-key").because(WireCode::Violation(why)))
        })?;
        // Fitting this session is due once somebody agreed to it.
        let terms = &self.terms()?.terms;
        let by = self.evidence.session;
        let partner = PartyId::of(&hello_a.attestation_key).0;
        require(by, body.partner == partner, "verify-manifest-partner")?;
        require(by, body.suite == hello_a.suite, "verify-key-suite")?;
        let enough = elements(hello_a)? <= body.evaluations_max;
        require(by, enough, "verify-key-evaluations")?;
        // The provider alone knows both times for certain when it signs: [D-27] is its duty.
        let by = by.and(Signers::of(Role::Provider));
        require(by, body.covers(terms), "verify-key-lifetime")
    }

    /// Nobody can be accused of an id that is not the session's: it may be of another one.
    pub(crate) fn check_binding(&self) -> Checked {
        let terms = self.terms()?;
        let other = |message| Finding::new("verify-other-id").with("message", message);
        let Some(sid) = self.evidence.sid else {
            return Err(other("TERMS").into());
        };
        let accepted = self.accept.is_none_or(|accept| accept.sid == sid);
        ensure(accepted, other("TERMS_ACCEPT"))?;
        let closed = self.receipt.as_ref().is_none_or(|message| message.receipt.sid == sid);
        ensure(closed && terms.sid == sid, other("RECEIPT"))
    }

    /// Both signatures over the session id hold.
    pub(crate) fn check_terms_signed(&self) -> Checked {
        let (hello_a, hello_p) = self.hellos()?;
        let terms = self.terms()?;
        let accept = self.accept.ok_or_else(|| lacks("TERMS_ACCEPT"))?;
        let signed = SignedTerms::verify(
            terms.terms.clone(),
            profile(hello_a)?,
            terms.sid,
            (&hello_a.attestation_key, &terms.signature),
            (&hello_p.attestation_key, &accept.signature),
        );
        ensure(signed.is_ok(), "verify-terms-signature")
    }

    /// The terms keep the rules against offer, limits and time.
    pub(crate) fn check_terms(&self, limits: &Limits) -> Checked {
        let (hello_a, hello_p) = self.hellos()?;
        let terms = &self.terms()?.terms;
        let by = self.evidence.session;
        terms
            .check(profile(hello_a)?, &hello_p.offer, limits, terms.opened_at)
            .map_err(|why| failed(by, Finding::new("verify-terms").because(wire(why))))?;
        require(by, terms.handles_max <= hello_a.row_slots, "verify-handles-above-rows")?;
        let phones = terms.phone_evaluations_max <= elements(hello_a)?;
        require(by, phones, "verify-phones-above-elements")?;
        let left = hello_p.offer.evaluations_left;
        require(by, elements(hello_a)? <= left, "verify-offer-evaluations")
    }

    /// Checks that the advertiser signed one commitment to its blind before any row, in shuffled
    /// order.
    pub(crate) fn check_blind(&self) -> Checked {
        let Some(blind) = self.blind else {
            return match self.accept.is_some() && self.is_shuffled() {
                true => Err(lacks("SESSION_BLIND")),
                false => self.terms().map(drop),
            };
        };
        let by = self.evidence.blind;
        ensure(!by.is_nobody(), "verify-blind-unsigned")?;
        Element::decode(&blind.k_a).map(drop).map_err(|why| {
            let why = WireCode::Violation(why);
            failed(by, Finding::new("verify-blind-element").because(why))
        })
    }

    pub(crate) fn hellos(&self) -> Checked<(&HelloA, &HelloP)> {
        match (&self.hello_a, &self.hello_p) {
            (Some((hello_a, _)), Some((hello_p, _))) => Ok((hello_a, hello_p)),
            _ => Err(absent("verify-no-hellos")),
        }
    }

    pub(crate) fn terms(&self) -> Checked<&Terms> {
        self.terms.as_ref().ok_or_else(|| lacks("TERMS"))
    }

    pub(crate) fn key(&self, of_advertiser: bool) -> Checked<&[u8; 32]> {
        let (hello_a, hello_p) = self.hellos()?;
        Ok(match of_advertiser {
            true => &hello_a.attestation_key,
            false => &hello_p.attestation_key,
        })
    }

    /// A condition that needs something of the package: whatever is absent is not shown, and no
    /// failure of anybody [T-14].
    pub(crate) fn required<F: Into<Finding>>(
        &self,
        holds: bool,
        otherwise: impl FnOnce() -> F,
    ) -> Checked {
        match (holds, &self.receipt) {
            (true, _) => Ok(()),
            (false, Some(_)) => Err(absent(otherwise())),
            (false, None) => Err(absent("verify-ended-before")),
        }
    }
}

/// The profile of HELLO_A.
pub(crate) fn profile(hello: &HelloA) -> Result<Profile, Finding> {
    Profile::from_code(hello.profile).ok_or(Finding::new("verify-profile-unknown"))
}

/// Padded elements E of the session.
pub(crate) fn elements(hello: &HelloA) -> Result<u64, Finding> {
    hello.elements().ok_or(Finding::new("verify-elements-range"))
}

/// Row width, if it, the sample and the padded rows are as order and profile may have them.
pub(crate) fn shape(
    profile: Profile,
    hello: &HelloA,
    limits: &Limits,
) -> Result<RowWidth, Finding> {
    accept_shape(profile, hello, limits)
        .map_err(|why| Finding::new("verify-shape").because(why.wire().0))
}

/// A check without the message it needs.
pub(crate) fn lacks(message: &'static str) -> Miss {
    absent(Finding::new("verify-no-message").with("message", message))
}

fn of_party(id: &'static str, party: &'static str) -> Finding {
    Finding::new(id).with("party", party)
}

fn wire(why: TermsRejected) -> WireCode {
    match why {
        TermsRejected::Incompatible(why) => WireCode::Incompatibility(why),
        TermsRejected::Refused(why) => WireCode::Refusal(why),
        TermsRejected::Clocks(_) => WireCode::Refusal(Refusal::ClocksDiffer),
    }
}

const A: &str = Role::Advertiser.name();
const P: &str = Role::Provider.name();
