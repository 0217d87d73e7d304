//! R10: whatever is altered in a small transcript or its frames, the auditor finds it.
//!
//! Bits are flipped, the file is cut, records are swapped; once as a damaged disk would do it, and
//! once as a liar would, who makes every checksum right again. The only alterations that pass are
//! those that change nothing: another interleaving of streams that ran at the same time.

#[path = "../../session/tests/support/mod.rs"]
mod support;

use protocol::attestation::Signature;
use protocol::codec::{FrameHeader, RawFrame, StreamId};
use protocol::group::Portable;
use protocol::limits::Limits;
use protocol::suite::Profile;
use protocol::transcript::{Record, Transcript};
use support::*;
use verify::rules::T0;
use verify::{
    CheckResult, Conclusion, Expected, FrameSource, FrameUnreadable, Signers, Verdict, verify,
};

#[test]
fn every_flipped_bit_of_the_file_is_noticed() {
    let [aligned, shuffled] = small_sessions();
    for side in [&aligned.advertiser, &aligned.provider, &shuffled.provider] {
        let mut bytes = side.transcript.clone();
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Transcript::parse(&bytes).is_err(), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn every_prefix_is_an_interrupted_session_and_no_failure_of_anybody() {
    for ended in small_sessions() {
        for side in [&ended.advertiser, &ended.provider] {
            let bytes = &side.transcript;
            let (mut judged, mut between) = (0, 0);
            for cut in 0..bytes.len() {
                let Ok((transcript, torn)) = Transcript::parse_prefix(&bytes[..cut]) else {
                    // Nothing is there before the opening.
                    assert_eq!(judged, 0, "cut at {cut}");
                    continue;
                };
                judged += 1;
                // A torn record says nothing: what comes before was judged when it was whole.
                if torn.is_some() {
                    continue;
                }
                between += 1;
                for frames in [&[][..], &side.frames] {
                    let verdict = judge(&transcript, frames);
                    let conclusion = verdict.conclusion();
                    assert_eq!(conclusion, Conclusion::Interrupted, "cut at {cut}: {verdict:?}");
                }
            }
            assert!(between > 10 && judged > 100 * between, "{judged}, {between}");
        }
    }
}

#[test]
fn every_altered_byte_of_a_record_fails_a_rule_with_right_checksums() {
    let mut altered = 0;
    for ended in small_sessions() {
        altered += alter_every_byte(&ended.provider.parsed());
    }
    assert!(altered > 4_000, "{altered}");
}

fn alter_every_byte(honest: &Transcript) -> u32 {
    let mut altered = 0;
    for at in 0..honest.records.len() {
        for byte in 0..content_len(&honest.records[at]) {
            let mut transcript = honest.clone();
            flip(&mut transcript.records[at], byte, byte % 8);
            let verdict = judge(&transcript, &[]);
            assert!(fails(&verdict), "record {at}, byte {byte}: {verdict:?}");
            assert_eq!(verdict.accused(), Signers::NOBODY, "record {at}, byte {byte}");
            altered += 1;
        }
    }
    for flip in [0_usize, 31] {
        for field in 0..3 {
            let mut transcript = honest.clone();
            let opening = &mut transcript.opening;
            let fields =
                [&mut opening.exporter, &mut opening.spki_advertiser, &mut opening.spki_provider];
            fields.into_iter().nth(field).unwrap()[flip] ^= 1;
            let verdict = judge(&transcript, &[]);
            assert!(fails(&verdict), "opening, field {field}");
            assert_eq!(verdict.accused(), Signers::NOBODY, "opening, field {field}");
        }
    }
    altered
}

#[test]
fn a_swap_of_two_records_fails_unless_every_stream_keeps_its_order() {
    let [aligned, shuffled] = small_sessions();
    let sessions = [&aligned, &shuffled];
    let (mut failed, mut same) = (0, 0);
    for side in sessions.iter().flat_map(|ended| [&ended.advertiser, &ended.provider]) {
        let honest = side.parsed();
        for first in 0..honest.records.len() {
            for second in first + 1..honest.records.len() {
                let mut transcript = honest.clone();
                transcript.records.swap(first, second);
                let unchanged = by_stream(&transcript) == by_stream(&honest);
                let verdict = judge(&transcript, &[]);
                assert!(unchanged || fails(&verdict), "records {first} and {second}");
                assert_eq!(verdict.accused(), Signers::NOBODY, "records {first} and {second}");
                if unchanged { same += 1 } else { failed += 1 }
            }
        }
    }
    assert!(failed > 150 && same < failed / 2, "{failed} failed, {same} are other interleavings");
}

#[test]
fn every_altered_frame_is_found() {
    small_sessions().iter().for_each(|ended| alter_frames(&ended.advertiser));
}

fn alter_frames(side: &Side) {
    let transcript = side.parsed();
    assert!(judge(&transcript, &side.frames).is_accepted());
    for at in 0..side.frames.len() {
        // A step that is coprime to 32 meets every position within an element.
        for byte in (0..side.frames[at].payload.len()).step_by(29) {
            let mut frames = side.frames.clone();
            let mut payload = frames[at].payload.to_vec();
            payload[byte] ^= 1 << (byte % 8);
            frames[at].payload = payload.into();
            let verdict = judge(&transcript, &frames);
            assert!(is_failed(&verdict, "T0-20"), "frame {at}, byte {byte}");
            assert_eq!(verdict.accused(), Signers::NOBODY, "frame {at}, byte {byte}");
        }
    }
}

/// Sessions of both orders; the shuffled one has every stream.
fn small_sessions() -> [Ended; 2] {
    let world = World::five_by_seven();
    [world.clone(), world.shuffled(Profile::DigitalIds, 2)].map(|world| {
        let ended = run(world.setup());
        ended.expect_honest();
        ended
    })
}

/// The verdict over these frames; over none, the checks that need frames are not made.
fn judge(transcript: &Transcript, frames: &[RawFrame]) -> Verdict {
    let mut frames = Beside(frames);
    let expected = Expected::default();
    verify(&T0, transcript, &mut frames, &Portable, &Limits::SMALL, 1 << 10, &expected).unwrap()
}

struct Beside<'a>(&'a [RawFrame]);

impl FrameSource for Beside<'_> {
    fn frame(&mut self, stream: StreamId, index: u32) -> Result<Option<RawFrame>, FrameUnreadable> {
        let mut frames = self.0.iter();
        Ok(frames.find(|f| f.header.stream == stream && f.header.index == index).cloned())
    }
}

/// True if a rule is broken, not merely unchecked.
fn fails(verdict: &Verdict) -> bool {
    assert!(!verdict.is_accepted());
    verdict.checks.iter().any(|check| matches!(check.result, CheckResult::Failed(_)))
}

fn is_failed(verdict: &Verdict, rule: &str) -> bool {
    let mut checks = verdict.checks.iter();
    checks.any(|check| check.rule == rule && matches!(check.result, CheckResult::Failed(_)))
}

/// Bytes of a record that a flip can alter: a message's body, or a frame's leaf and signature.
fn content_len(record: &Record) -> usize {
    match record {
        // Kinds that no rule judges yet.
        Record::Control(frame) if [13, 14].contains(&frame.header.kind) => 0,
        Record::Control(frame) => frame.payload.len(),
        Record::Bulk { leaf, .. } => leaf.len() + Signature::LEN,
    }
}

fn flip(record: &mut Record, byte: usize, bit: usize) {
    match record {
        Record::Control(frame) => {
            let mut payload = frame.payload.to_vec();
            payload[byte] ^= 1 << bit;
            frame.payload = payload.into();
        }
        Record::Bulk { leaf, .. } if byte < leaf.len() => leaf[byte] ^= 1 << bit,
        Record::Bulk { leaf, signature, .. } => {
            let mut bytes = signature.to_bytes();
            bytes[byte - leaf.len()] ^= 1 << bit;
            *signature = Signature::from_bytes(&bytes);
        }
    }
}

/// Headers of the records, stream by stream.
fn by_stream(transcript: &Transcript) -> Vec<Vec<FrameHeader>> {
    let header = |record: &Record| match record {
        Record::Control(frame) => frame.header,
        Record::Bulk { header, .. } => *header,
    };
    let streams = [
        StreamId::ControlAdvertiser,
        StreamId::ControlProvider,
        StreamId::Table,
        StreamId::Blind,
        StreamId::Eval,
        StreamId::Handles,
        StreamId::Ids,
    ];
    streams
        .into_iter()
        .map(|stream| {
            let headers = transcript.records.iter().map(header);
            headers.filter(|header| header.stream == stream).collect()
        })
        .collect()
}
