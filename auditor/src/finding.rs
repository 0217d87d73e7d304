//! A verdict for people and for machines; every line names its rule.

use std::fmt::Write as _;

use protocol::attestation::PartyId;
use protocol::codec::StreamId;
use protocol::message::Control;
use protocol::transcript::verify::{CheckResult, Parties, Verdict};
use protocol::transcript::{Record, Transcript};
use serde_json::{Value, json};

/// The checklist as text: whose session it is, one line for each check, one with the verdict.
#[must_use]
pub fn checklist(verdict: &Verdict) -> String {
    let mut text = String::new();
    let Parties { advertiser, provider, spki_advertiser, spki_provider } = &verdict.parties;
    for (role, party, spki) in
        [("advertiser", advertiser, spki_advertiser), ("provider  ", provider, spki_provider)]
    {
        let party = party.map_or_else(|| "unknown".to_string(), |party| hex(&party.0));
        let _ = writeln!(text, "{role}  party {party}\n            spki  {}", hex(spki));
    }
    for check in &verdict.checks {
        let mark = match check.result {
            CheckResult::Passed => "ok  ",
            CheckResult::Failed(_) => "FAIL",
            CheckResult::NotChecked(_) => "--  ",
        };
        // Writing to a string cannot fail.
        let _ = write!(text, "{mark} {}  {}", check.rule, check.title);
        if check.result != CheckResult::Passed {
            let _ = write!(text, "\n            {}", check.result);
        }
        text.push('\n');
    }
    text.push_str(&conclusion(verdict));
    text
}

/// The checklist as JSON; carries no personal data.
#[must_use]
pub fn json(verdict: &Verdict, sid: Option<&[u8; 32]>) -> Value {
    let checks: Vec<Value> = verdict
        .checks
        .iter()
        .map(|check| {
            let (result, detail) = match &check.result {
                CheckResult::Passed => ("passed", String::new()),
                CheckResult::Failed(why) => ("failed", why.clone()),
                CheckResult::NotChecked(why) => ("not_checked", (*why).to_string()),
            };
            json!({"rule": check.rule, "title": check.title, "result": result, "detail": detail})
        })
        .collect();
    let parties = &verdict.parties;
    let party = |id: Option<PartyId>, spki: &[u8; 32]| {
        let id = id.map(|id| hex(&id.0));
        json!({"party": id, "spki": hex(spki)})
    };
    json!({
        "level": "T0",
        "advertiser": party(parties.advertiser, &parties.spki_advertiser),
        "provider": party(parties.provider, &parties.spki_provider),
        "accepted": verdict.is_accepted(),
        "session_id": sid.map(|sid| hex(sid)),
        "checks": checks,
    })
}

/// The messages and streams of a transcript, one line each, for reading along.
#[must_use]
pub fn outline(transcript: &Transcript) -> String {
    let opening = &transcript.opening;
    let mut text =
        format!("transcript of the {}, protocol {}\n", opening.role.name(), opening.protocol);
    let mut bulk: Option<(StreamId, u32, u64)> = None;
    for record in &transcript.records {
        match record {
            Record::Bulk { header, .. } => match &mut bulk {
                Some((stream, frames, elements)) if *stream == header.stream => {
                    *frames = frames.saturating_add(1);
                    *elements = elements.saturating_add(u64::from(header.elements));
                }
                _ => {
                    flush(&mut text, bulk.take());
                    bulk = Some((header.stream, 1, u64::from(header.elements)));
                }
            },
            Record::Control(frame) => {
                flush(&mut text, bulk.take());
                let name = Control::decode(frame).map_or("undecodable", |message| message.name());
                let from = if frame.header.stream.from_advertiser() { "A ->" } else { "<- P" };
                let _ = writeln!(text, "  {from}  {name}, {} bytes", frame.payload.len());
            }
        }
    }
    flush(&mut text, bulk);
    text
}

/// The session id of a transcript, as its TERMS states it.
#[must_use]
pub fn session_id(transcript: &Transcript) -> Option<[u8; 32]> {
    transcript.records.iter().find_map(|record| match record {
        Record::Control(frame) => match Control::decode(frame) {
            Ok(Control::Terms(terms)) => Some(terms.sid),
            _ => None,
        },
        Record::Bulk { .. } => None,
    })
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// 32 bytes from 64 hexadecimal digits of either case; `None` for anything else.
#[must_use]
pub fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let digit = |digit: &u8| char::from(*digit).to_digit(16);
        *byte = u8::try_from(digit(high)? << 4 | digit(low)?).ok()?;
    }
    Some(bytes)
}

fn conclusion(verdict: &Verdict) -> String {
    let count = |wanted: fn(&CheckResult) -> bool| {
        verdict.checks.iter().filter(|check| wanted(&check.result)).count()
    };
    let failed = count(|result| matches!(result, CheckResult::Failed(_)));
    let unchecked = count(|result| matches!(result, CheckResult::NotChecked(_)));
    let total = verdict.checks.len();
    match (failed, unchecked) {
        (0, 0) => format!("verdict: accepted, all {total} checks passed\n"),
        (0, unchecked) => format!(
            "verdict: incomplete, {unchecked} of {total} checks could not be made; none failed\n"
        ),
        (failed, _) => format!("verdict: NOT accepted, {failed} of {total} checks failed\n"),
    }
}

fn flush(text: &mut String, bulk: Option<(StreamId, u32, u64)>) {
    if let Some((stream, frames, elements)) = bulk {
        let from = if stream.from_advertiser() { "A =>" } else { "<= P" };
        let name = stream.name();
        let _ = writeln!(text, "  {from}  {name}, {frames} frames, {elements} elements");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn party_ids_read_back_what_the_checklist_prints() {
        let bytes = core::array::from_fn(|at| at as u8 * 8 + 3);
        assert_eq!(unhex(&hex(&bytes)), Some(bytes));
        assert_eq!(unhex(&hex(&bytes).to_uppercase()), Some(bytes));
        for other in ["", "00", &hex(&[0; 33]), &"0g".repeat(32), &"é".repeat(32)] {
            assert_eq!(unhex(other), None, "{other}");
        }
    }

    #[test]
    fn both_forms_of_a_verdict_name_the_parties() {
        let parties = Parties { advertiser: Some(PartyId([0xA1; 32])), ..Parties::default() };
        let verdict = Verdict { parties, checks: Vec::new() };
        let text = checklist(&verdict);
        assert!(text.contains(&"a1".repeat(32)) && text.contains("party unknown"), "{text}");
        let json = json(&verdict, None);
        assert_eq!(json["advertiser"]["party"], "a1".repeat(32));
        assert_eq!(json["provider"]["party"], Value::Null);
    }
}
