//! Every maximum of the protocol, with its arithmetic.
//!
//! The numbers are those of `spec/matching.md` (limits). Constants hold for every session; the few
//! sizes that a test may lower are fields of [`Limits`], which a session carries as a value, so
//! that production, simulation and fuzzing run the same code. Network lengths are compared with
//! these before anything is allocated [W-04].

/// Sizes that depend on whether a session runs with full or with small limits.
///
/// [`Limits::STANDARD`] is the only value outside test builds; the transcript records which one a
/// session used, and the auditor reports any other [T-02].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Elements in a full frame, and the padding class of n̂ and T.
    pub frame_elements: u32,
    /// Least number of canary rows a shuffled session appends, however few rows it has.
    pub canary_rows_min: u64,
    /// Least number of padding tags in a table.
    pub table_padding_min: u64,
    /// Least value of `n_min` in any terms.
    pub n_min_floor: u32,
    /// Least value of `k_min` in any terms.
    pub k_min_floor: u32,
    /// Least value of `group_min` in any terms.
    pub group_min_floor: u32,
    /// Least number of rows a sampled `match-rate` run may draw.
    pub sample_rows_min: u64,
    /// Unit of the slots at which work after EVAL may show, in milliseconds.
    pub slot_ms: u32,
}

impl Limits {
    /// The limits of every real session.
    pub const STANDARD: Self = Self {
        frame_elements: FRAME_ELEMENTS_MAX,
        canary_rows_min: 1_000,
        table_padding_min: 1_024,
        n_min_floor: 1_000,
        k_min_floor: 50,
        group_min_floor: 50,
        sample_rows_min: 100_000,
        slot_ms: 5_000,
    };

    /// Limits at which a session of a dozen rows exists; test builds only.
    #[cfg(any(test, feature = "small-limits"))]
    pub const SMALL: Self = Self {
        frame_elements: 64,
        canary_rows_min: 8,
        table_padding_min: 8,
        n_min_floor: 1,
        k_min_floor: 1,
        group_min_floor: 1,
        sample_rows_min: 4,
        slot_ms: 1,
    };

    /// Rounds a count of elements up to whole frames:
    /// `frame_elements · ceil(count / frame_elements)`.
    ///
    /// `None` when the result does not fit a u64.
    #[must_use]
    pub fn padded(&self, count: u64) -> Option<u64> {
        let class = u64::from(self.frame_elements);
        count.div_ceil(class).checked_mul(class)
    }

    /// Number of frames that `elements` fill; `None` above the u32 of the frame index.
    #[must_use]
    pub fn frames(&self, elements: u64) -> Option<u32> {
        u32::try_from(elements.div_ceil(u64::from(self.frame_elements))).ok()
    }
}

/// Elements in a frame, at most.
pub const FRAME_ELEMENTS_MAX: u32 = 32_768;
/// Bytes in a frame payload, at most: a full aligned EVAL frame with its proof.
pub const FRAME_PAYLOAD_MAX: u32 = 1_048_640;
/// Bytes in a control message body, at most.
pub const CONTROL_BODY_MAX: u32 = 65_536;
/// Bytes in an IDS payload at which a frame closes.
pub const IDS_PAYLOAD_MAX: u32 = 1_048_576;
/// Identifier slots of a row, at most.
pub const ROW_WIDTH_MAX: u8 = 8;
/// Rows asked for that go with one canary row, at most; but see [`Limits::canary_rows_min`].
pub const ROWS_PER_CANARY_ROW: u64 = 64;
/// Padded rows of a shuffled session, at most; of them 64 of 65 may be asked for.
pub const ROWS_SHUFFLED_MAX: u64 = 1 << 24;
/// Padded identifiers of an aligned session, at most.
pub const ELEMENTS_ALIGNED_MAX: u64 = 1 << 30;
/// Evaluations under one key, at most: static Diffie-Hellman costs about 15 bits there.
pub const EVALUATIONS_PER_KEY_MAX: u64 = 1 << 30;
/// Tags of a table, at most.
pub const TABLE_TAGS_MAX: u64 = 1 << 31;
/// Frames a sender may have unanswered, at most.
pub const FRAMES_IN_FLIGHT_MAX: u32 = 64;
/// Sessions in an export of a ledger.
pub const EVIDENCE_SESSIONS_MAX: u32 = 1 << 20;
/// Kinds and namespaces that terms may list, at most.
pub const TERMS_LIST_MAX: usize = 16;
/// Bulk streams a receipt may list, at most.
pub const RECEIPT_STREAMS_MAX: usize = 5;
/// Bytes of a digital ID, at most.
pub const DIGITAL_ID_MAX: u8 = 255;
/// Digital IDs that one record may yield, at most.
pub const IDS_PER_RECORD_MAX: u16 = 64;
/// Unknown handles the provider tolerates before it aborts.
pub const UNKNOWN_HANDLES_MAX: u32 = 4;
/// HELLO_A messages the provider accepts from one partner in a day.
pub const HELLOS_PER_DAY_MAX: u32 = 16;
/// Seconds that an aligned key may be valid: 30 days.
pub const ALIGNED_EPOCH_S_MAX: u64 = 30 * 86_400;
/// Seconds between `opened_at` and `expires_at` of terms, at most: 7 days.
pub const TERMS_LIFETIME_S_MAX: u64 = 7 * 86_400;
/// Default of `audit_until` after `expires_at`: 90 days.
pub const AUDIT_WINDOW_S_DEFAULT: u64 = 90 * 86_400;
/// Default of `n_min`.
pub const N_MIN_DEFAULT: u32 = 1_000;
/// Default of `k_min`.
pub const K_MIN_DEFAULT: u32 = 100;
/// Privacy losses that a run may have, in thousandths; 0, beside them, is a run without noise.
pub const EPSILON_MILLI: [u32; 4] = [125, 250, 500, 1_000];
/// Privacy loss of an epoch of 30 days, at most and by default, in thousandths.
pub const EPSILON_EPOCH_MILLI_MAX: u32 = 8_000;
/// Privacy loss of a run unless a party says otherwise, in thousandths.
pub const EPSILON_MILLI_DEFAULT: u32 = 250;
/// Identifiers of one person that noise hides unless the provider says otherwise.
pub const NOISE_UNIT_DEFAULT: u8 = 4;
/// Rows, padding included, of a run that takes persons out of what was delivered.
pub const REMOVAL_ROWS_MAX: u64 = 32_768;
/// Seconds from one such run of a partner to its next: one a day, whatever the jitter of its clock.
pub const REMOVAL_SPAN_S: u64 = 20 * 3_600;
/// Privacy loss of such a run, in thousandths.
pub const REMOVAL_EPSILON_MILLI: u32 = 125;
/// Privacy loss of such runs in an epoch, beside that of matches, in thousandths.
pub const REMOVAL_EPSILON_EPOCH_MILLI: u32 = 3_750;
/// Identifiers of one person that noise hides, at most.
pub const NOISE_UNIT_MAX: u8 = 8;
/// Default of `group_min`: persons whom releases tell apart, at least.
pub const GROUP_MIN_DEFAULT: u32 = 100;
/// Default of the days that who left a list stays in deliveries.
pub const DROP_DELAY_DAYS_DEFAULT: u32 = 14;
/// Days that who left a list stays in deliveries, at most.
pub const DROP_DELAY_DAYS_MAX: u32 = 30;
/// Default of the persons who leave together when one of them departs for a reason of rights.
pub const OBJECTION_COVER_DEFAULT: u32 = 20;
/// Persons who leave together when one of them departs for a reason of rights, at least.
pub const OBJECTION_COVER_FLOOR: u32 = 10;
/// Default of the days after which a consent is no longer taken: three years.
pub const CONSENT_MAX_AGE_DAYS_DEFAULT: u16 = 1_095;
/// Days after which a consent is no longer taken, at most.
pub const CONSENT_MAX_AGE_DAYS_MAX: u16 = 3_650;
/// Default step of released rates, in percent points.
pub const RATE_PRECISION_DEFAULT: u8 = 1;
/// Default percentage above which a rate is shown as "over".
pub const RATE_CAP_DEFAULT: u8 = 85;
/// Default step of released counts.
pub const COUNT_ROUNDING_DEFAULT: u32 = 100;
/// Default of the least matched rows in a breakdown cell.
pub const CELL_MIN_DEFAULT: u32 = 50;
/// Default of the days a delivered digital ID may be used.
pub const IDS_VALID_DAYS_DEFAULT: u16 = 30;
/// Default of the digital IDs that one record may yield.
pub const IDS_PER_RECORD_DEFAULT: u16 = 10;
/// Default cap on the sample of a T1 audit.
pub const AUDIT_SAMPLE_DEFAULT: u32 = 3_000;
/// Default growth of T that an advertiser accepts between two runs, in percent.
pub const TABLE_GROWTH_PERCENT_DEFAULT: u64 = 125;
/// Seconds by which a peer's clock may differ in signed times.
pub const CLOCK_SKEW_S_MAX: u64 = 300;

// I2OSP(i, 2) numbers the pairs of a frame proof.
const _: () = assert!(FRAME_ELEMENTS_MAX <= 65_535);
const _: () = assert!(32 * FRAME_ELEMENTS_MAX + 64 == FRAME_PAYLOAD_MAX);
// A shuffled session never exceeds the evaluations of its key.
const _: () = assert!(ROWS_SHUFFLED_MAX * ROW_WIDTH_MAX as u64 <= EVALUATIONS_PER_KEY_MAX);
// Expected false matches are E·T / 2^72 <= 2^-11.
const _: () = assert!(ELEMENTS_ALIGNED_MAX.ilog2() + TABLE_TAGS_MAX.ilog2() <= 61);
const _: () = assert!(TABLE_TAGS_MAX / FRAME_ELEMENTS_MAX as u64 <= u32::MAX as u64);
const _: () = assert!(ELEMENTS_ALIGNED_MAX / FRAME_ELEMENTS_MAX as u64 <= u32::MAX as u64);
const _: () = assert!(ELEMENTS_ALIGNED_MAX.checked_mul(FRAME_PAYLOAD_MAX as u64).is_some());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pads_to_whole_frames() {
        let limits = Limits::STANDARD;
        assert_eq!(limits.padded(1), Some(32_768));
        assert_eq!(limits.padded(32_768), Some(32_768));
        assert_eq!(limits.padded(32_769), Some(65_536));
        assert_eq!(limits.padded(u64::MAX), None);
    }
}
