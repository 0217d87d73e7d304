//! Forecast of a run: its shape, the bytes that go over the wire, and the time it takes.
//!
//! `check` and `plan` make it by the same rules. The shape is that of the profile that will run;
//! speed is measured on this machine, in a second.

use crm::Shape;
use node::console::Progress;
use node::engine::Engine;
use node::failure::Failure;
use node::invite::Invitation;
use node::status;
use protocol::error::{Error, Refusal};
use protocol::limits::Limits;
use protocol::suite::{Profile, SuiteId};
use report::{Arg, Line, Text};
use serde_json::{Value, json};
use std::time::Duration;

use crate::Home;

/// Forecast of a run.
pub(super) struct Forecast {
    profile: Profile,
    shape: Shape,
    /// Tags of the last table of the provider, if one was seen.
    tags: Option<u64>,
    bytes_sent: u64,
    bytes_received: u64,
    /// Handles, in the profiles that send them: at most.
    handles_bytes_max: u64,
    /// Seconds in which the files were read.
    read_s: f64,
    speed: Speed,
}

/// Speed of this machine.
struct Speed {
    /// Elements a second that are blinded, checked and unblinded.
    elements_per_s: f64,
    backend: String,
    threads: usize,
}

impl Forecast {
    /// Looks up the size of the provider's table, and measures the arithmetic: for a second if the
    /// run will take longer than some.
    pub(super) fn make(
        home: &Home,
        invitation: Option<&Invitation>,
        (profile, shape): (Profile, Shape),
        read_s: f64,
        progress: &Progress,
    ) -> Result<Self, Failure> {
        let tags = match (invitation, status::ledger(home)?) {
            (Some(invitation), Some(ledger)) => {
                ledger.last_table(&invitation.provider.party().0)?.map(|table| table.tag_count)
            }
            _ => None,
        };
        progress.stage("measure");
        let engine = Engine::start(home.config.common.threads);
        let briefly = engine.measure(MEASURE_BRIEFLY);
        let is_short = shape.elements as f64 <= briefly * SHORT_RUN_S;
        let speed = Speed {
            elements_per_s: if is_short { briefly } else { engine.measure(MEASURE) },
            backend: engine.backend(),
            threads: engine.threads(),
        };
        Self::of((profile, shape), tags, read_s, speed)
    }

    fn of(
        (profile, shape): (Profile, Shape),
        tags: Option<u64>,
        read_s: f64,
        speed: Speed,
    ) -> Result<Self, Failure> {
        let too_large = || Failure::from(Error::from(Refusal::SizeOutOfRange));
        let bytes = |of: u64, each: u64| of.checked_mul(each).ok_or_else(too_large);
        let blind = bytes(shape.elements, ELEMENT_BYTES)?;
        let frames = Limits::STANDARD.frames(shape.elements).ok_or_else(too_large)?;
        let proofs = match profile.suite() {
            SuiteId::Aligned => bytes(frames.into(), PROOF_BYTES)?,
            SuiteId::Shuffled => 0,
        };
        let table = tags.map_or(Ok(0), |tags| bytes(tags, TAG_BYTES))?;
        let handles = if profile.sends_handles() { shape.rows } else { 0 };
        Ok(Self {
            profile,
            shape,
            tags,
            bytes_sent: blind,
            bytes_received: blind + proofs + table,
            handles_bytes_max: bytes(handles, HANDLE_BYTES)?,
            read_s,
            speed,
        })
    }

    /// Seconds of arithmetic here.
    fn arithmetic_s(&self) -> f64 {
        self.shape.elements as f64 / self.speed.elements_per_s.max(1.0)
    }

    /// Seconds of arithmetic at the provider, if its machine is like this one: it multiplies each
    /// element once, where we hash, multiply, check and multiply again.
    fn provider_s(&self) -> f64 {
        self.arithmetic_s() / 2.0
    }

    fn total_s(&self) -> f64 {
        self.read_s + self.arithmetic_s() + self.provider_s()
    }

    /// The line for `check`, with the reasons for it below.
    pub(super) fn check_lines(&self, provider: Option<&str>) -> Vec<Line> {
        let Shape { width, padded_rows, elements, .. } = self.shape;
        let size = match self.profile.suite() {
            SuiteId::Aligned => Text::new("check-size-elements").with("elements", elements),
            SuiteId::Shuffled => Text::new("check-size-rows")
                .with("rows", padded_rows)
                .with("slots", u32::from(width.get())),
        };
        let head = match provider {
            Some(provider) => Text::new("check-forecast").with("provider", provider),
            None => Text::new("check-forecast-alone"),
        };
        let head = head
            .with("profile", self.profile.name())
            .with("size", size)
            .with("seconds", Arg::Number(self.total_s().ceil() as u64))
            .with("sent", Arg::Size(self.bytes_sent))
            .with("received", Arg::Size(self.bytes_received));
        let elements = Text::new("check-elements").with("elements", elements);
        let mut lines = vec![Line::of(head), Line::under(elements), Line::under(self.time())];
        if self.tags.is_none() {
            lines.push(Line::under(Text::new("check-network-without-table")));
        }
        lines.extend(self.handle_line());
        lines
    }

    /// The network and the time, for `plan`.
    pub(super) fn plan_lines(&self) -> Vec<Line> {
        let network = match self.tags {
            Some(tags) => Text::new("plan-network").with("tags", tags),
            None => Text::new("plan-network-without-table"),
        };
        let network = network
            .with("sent", Arg::Size(self.bytes_sent))
            .with("received", Arg::Size(self.bytes_received));
        let mut lines = vec![Line::of(network)];
        lines.extend(self.handle_line());
        lines.push(Line::of(self.time()));
        lines
    }

    fn handle_line(&self) -> Option<Line> {
        let handles = Text::new("plan-handles").with("handles", Arg::Size(self.handles_bytes_max));
        (self.handles_bytes_max > 0).then(|| Line::under(handles))
    }

    fn time(&self) -> Text {
        Text::new("forecast-time")
            .with("total", decimal(self.total_s(), 1))
            .with("read", decimal(self.read_s, 1))
            .with("arithmetic", decimal(self.arithmetic_s(), 1))
            .with("provider", decimal(self.provider_s(), 1))
            .with("rate", self.speed.elements_per_s as u64)
            .with("threads", self.speed.threads)
            .with("backend", &self.speed.backend)
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "profile": self.profile.name(),
            "rows": self.shape.rows,
            "padded_rows": self.shape.padded_rows,
            "row_width": self.shape.width.get(),
            "elements": self.shape.elements,
            "evaluations": self.shape.elements,
            "bytes_sent": self.bytes_sent,
            "bytes_received": self.bytes_received,
            "handles_bytes_max": self.handles_bytes_max,
            "table_tags": self.tags,
            "seconds": self.total_s(),
            "seconds_read": self.read_s,
            "seconds_arithmetic": self.arithmetic_s(),
            "seconds_provider": self.provider_s(),
            "elements_per_s": self.speed.elements_per_s,
            "threads": self.speed.threads,
            "backend": self.speed.backend,
        })
    }
}

/// A measured figure with so many decimals.
pub(super) fn decimal(value: f64, places: u32) -> Arg {
    Arg::Decimal((value * 10_f64.powi(places.cast_signed())).round() as u64, places)
}

/// Time for which the engine is measured, and the time that is enough for a short run.
const MEASURE: Duration = Duration::from_secs(1);
const MEASURE_BRIEFLY: Duration = Duration::from_millis(50);
const SHORT_RUN_S: f64 = 5.0;
/// About what a tag of a table takes on the wire.
const TAG_BYTES: u64 = 7;
const ELEMENT_BYTES: u64 = 32;
const PROOF_BYTES: u64 = 64;
const HANDLE_BYTES: u64 = 16;

#[cfg(test)]
mod tests {
    use report::Reader;

    use super::*;
    use crate::request::Request;

    fn forecast(profile: &str, tags: Option<u64>) -> Forecast {
        let request = Request::parse(profile, None).unwrap();
        // Twenty thousand rows of eight slots, with thirty thousand identifiers.
        let shape = request.shape_of(15_705, 30_000, 8).unwrap();
        let speed = Speed { elements_per_s: 16_384.0, backend: "portable".into(), threads: 2 };
        Forecast::of((request.profile, shape), tags, 2.0, speed).unwrap()
    }

    fn told(lines: &[Line]) -> String {
        lines.iter().map(|line| line.render(&Reader::LOG)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn check_forecasts_the_profile_that_will_run() {
        let rate = told(&forecast("match-rate", Some(100_000)).check_lines(Some("regie-b")));
        let head = "match-rate with regie-b: 32,768 rows of 8 slots, about 26 s, 8.4 MB sent, \
                    9.1 MB received";
        assert_eq!(rate.lines().next(), Some(head), "{rate}");
        assert!(rate.contains("262,144 evaluations") && !rate.contains("handles"), "{rate}");
        for part in ["2.0 s to read", "16.0 s of arithmetic here", "8.0 s at the provider"] {
            assert!(rate.contains(part), "{rate}");
        }
        let rows = told(&forecast("matched-rows", None).check_lines(None));
        let head = "matched-rows: 32,768 identifiers after padding, about 5 s, 1.0 MB sent, \
                    1.0 MB received";
        assert_eq!(rows.lines().next(), Some(head), "{rows}");
        assert!(rows.contains("size is not known yet"), "{rows}");
        let ids = told(&forecast("digital-ids", None).check_lines(None));
        assert!(ids.contains("at most 251.3 kB of handles"), "{ids}");
    }

    #[test]
    fn machines_get_every_figure_of_the_forecast() {
        let json = forecast("match-rate", Some(100_000)).json();
        for (key, value) in [
            ("profile", json!("match-rate")),
            ("rows", json!(15_705)),
            ("padded_rows", json!(32_768)),
            ("row_width", json!(8)),
            ("elements", json!(262_144)),
            ("bytes_sent", json!(8_388_608)),
            ("bytes_received", json!(9_088_608)),
            ("table_tags", json!(100_000)),
            ("seconds", json!(26.0)),
        ] {
            assert_eq!(json[key], value, "{key}");
        }
    }
}
