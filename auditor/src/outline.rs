//! The messages and streams of a transcript, one line each, for reading along.

use protocol::codec::StreamId;
use protocol::message::Control;
use protocol::terms::MatchTerms;
use protocol::transcript::{Record, Transcript};
use report::{Arg, Reader, Text};

use crate::page::Page;
use crate::statement::about;

/// Consecutive frames of one stream.
struct Run {
    stream: StreamId,
    frames: usize,
    elements: Option<u64>,
}

/// Tells the outline of a transcript line by line: it is as long as its holder made it.
///
/// Counts of matched records are rounded as the terms say.
pub fn outline(
    transcript: &Transcript,
    terms: Option<&MatchTerms>,
    reader: &Reader,
    say: impl Fn(&str),
) {
    let mut page = Page::new(reader);
    let opening = &transcript.opening;
    let protocol = Arg::Number(opening.protocol.into());
    let title = Text::new("audit-transcript").with("party", opening.role);
    page.say(0, &title.with("protocol", protocol));
    let mut run: Option<Run> = None;
    for record in &transcript.records {
        match record {
            Record::Bulk { header, .. } => {
                let elements = u64::from(header.elements);
                match &mut run {
                    Some(run) if run.stream == header.stream => {
                        run.frames += 1;
                        run.elements = run.elements.and_then(|all| all.checked_add(elements));
                    }
                    _ => {
                        flush(&mut page, run.take(), terms);
                        let elements = Some(elements);
                        run = Some(Run { stream: header.stream, frames: 1, elements });
                    }
                }
            }
            Record::Control(frame) => {
                flush(&mut page, run.take(), terms);
                let from = if frame.header.stream.from_advertiser() { "A ->" } else { "<- P" };
                let text = match Control::decode(frame) {
                    Ok(message) => Text::new("audit-message").with("name", message.name()),
                    Err(_) => Text::new("audit-message-undecodable"),
                };
                let text = page.words(&text.with("bytes", frame.payload.len()));
                page.line(2, &format!("{from}  {text}"));
            }
        }
        say(&page.take());
    }
    flush(&mut page, run, terms);
    say(&page.finish());
}

fn flush(page: &mut Page<'_>, run: Option<Run>, terms: Option<&MatchTerms>) {
    let Some(Run { stream, frames, elements }) = run else { return };
    let from = if stream.from_advertiser() { "A =>" } else { "<= P" };
    let elements = match (stream, elements) {
        (StreamId::Handles | StreamId::Ids, _) | (_, None) => {
            about("audit-count-elements", elements, terms)
        }
        (_, Some(elements)) => {
            Text::new("audit-count-elements").with("how", "exact").with("n", elements)
        }
    };
    let text = Text::new("audit-stream").with("name", stream.name()).with("frames", frames);
    let text = page.words(&text.with("elements", elements));
    page.line(2, &format!("{from}  {text}"));
}
