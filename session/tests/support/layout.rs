//! The layout of every control message, written from the specification and not from the code.
//!
//! An encoder of its own, field by field: integers little-endian at full width, lists with a u64
//! length, nothing else. The tests hold it against the crate's.

use protocol::attestation::Signature;
use protocol::ledger::LedgerEntry;
use protocol::manifest::{ManifestBody, SignedManifest, SignedSnapshot, SnapshotBody};
use protocol::message::{
    Abort, Checkpoint, Control, HelloA, HelloP, Program, ReceiptAck, Refuse, Released,
    SessionBlind, SignedReceipt, TableDescriptor, Terms, TermsAccept,
};
use protocol::purpose::Purpose;
use protocol::terms::{LinkFilter, MatchTerms, Offer};
use protocol::transcript::receipt::{Receipt, StreamHead};

/// Name and bytes of each field.
pub(crate) type Fields = Vec<(String, Vec<u8>)>;

/// One message of every kind, with a value of its own in every field.
pub(crate) fn samples() -> Vec<Control> {
    vec![
        Control::HelloA(hello_a()),
        Control::HelloP(Box::new(hello_p())),
        Control::Terms(Terms { terms: terms(), sid: [0x91; 32], signature: signature(0x92) }),
        Control::TermsAccept(TermsAccept { sid: [0x91; 32], signature: signature(0x94) }),
        Control::Refuse(refuse(0x0305, 3_600)),
        Control::Checkpoint(checkpoint(17, 0x97)),
        Control::CheckpointAck(checkpoint(17, 0x99)),
        Control::Receipt(SignedReceipt { receipt: receipt(), signature: signature(0xB1) }),
        Control::ReceiptAck(ReceiptAck { signature: signature(0xB3) }),
        Control::Abort(abort(0x010B, 18, 7)),
        Control::Released(Released {
            handles_known: 1,
            handles_unknown: 2,
            release_head: [0xB5; 32],
            signature: signature(0xB6),
        }),
        Control::SessionBlind(SessionBlind { k_a: [0xB8; 32], signature: signature(0xB9) }),
    ]
}

/// The fields of a message's body, in wire order.
pub(crate) fn fields(message: &Control) -> Fields {
    let mut out = Layout::default();
    match message {
        Control::HelloA(m) => out.hello_a(m),
        Control::HelloP(m) => out.hello_p(m),
        Control::Terms(m) => {
            out.match_terms(&m.terms);
            out.bytes("sid", &m.sid);
            out.signature("signature", &m.signature);
        }
        Control::TermsAccept(m) => {
            out.bytes("sid", &m.sid);
            out.signature("signature", &m.signature);
        }
        Control::Refuse(m) => {
            out.u16("code", m.code);
            out.u32("retry_after", m.retry_after);
            out.bytes("ledger_head", &m.ledger_head);
            out.u64("sent_at", m.sent_at);
            out.heads(&m.streams);
            out.signature("signature", &m.signature);
        }
        Control::Checkpoint(m) | Control::CheckpointAck(m) => {
            out.head(&StreamHead {
                stream: m.stream,
                frames: m.frames,
                elements: m.elements,
                root: m.root,
            });
            out.signature("signature", &m.signature);
        }
        Control::Receipt(m) => {
            out.receipt(&m.receipt);
            out.signature("signature", &m.signature);
        }
        Control::ReceiptAck(m) => out.signature("signature", &m.signature),
        Control::Abort(m) => {
            out.u16("code", m.code);
            out.u8("stream", m.stream);
            out.u32("index", m.index);
            out.heads(&m.streams);
            out.signature("signature", &m.signature);
        }
        Control::Released(m) => {
            out.u64("handles_known", m.handles_known);
            out.u32("handles_unknown", m.handles_unknown);
            out.bytes("release_head", &m.release_head);
            out.signature("signature", &m.signature);
        }
        Control::SessionBlind(m) => {
            out.bytes("k_a", &m.k_a);
            out.signature("signature", &m.signature);
        }
    }
    out.0
}

/// The encoding of a ledger entry.
pub(crate) fn ledger_bytes(entry: &LedgerEntry) -> Vec<u8> {
    let mut out = Layout::default();
    out.ledger("", entry);
    concat(&out.0)
}

/// The encoding of a receipt, without a signature.
pub(crate) fn receipt_bytes(receipt: &Receipt) -> Vec<u8> {
    let mut out = Layout::default();
    out.receipt(receipt);
    concat(&out.0)
}

/// The encoding of terms.
pub(crate) fn terms_bytes(terms: &MatchTerms) -> Vec<u8> {
    let mut out = Layout::default();
    out.match_terms(terms);
    concat(&out.0)
}

pub(crate) fn concat(fields: &Fields) -> Vec<u8> {
    fields.iter().flat_map(|(_, bytes)| bytes.clone()).collect()
}

#[derive(Default)]
struct Layout(Fields);

impl Layout {
    fn bytes(&mut self, name: &str, bytes: &[u8]) {
        self.0.push((name.to_owned(), bytes.to_vec()));
    }

    fn u8(&mut self, name: &str, value: u8) {
        self.bytes(name, &[value]);
    }

    fn u16(&mut self, name: &str, value: u16) {
        self.bytes(name, &value.to_le_bytes());
    }

    fn u32(&mut self, name: &str, value: u32) {
        self.bytes(name, &value.to_le_bytes());
    }

    fn u64(&mut self, name: &str, value: u64) {
        self.bytes(name, &value.to_le_bytes());
    }

    fn signature(&mut self, name: &str, signature: &Signature) {
        self.bytes(&format!("{name}.r"), &signature.r);
        self.bytes(&format!("{name}.s"), &signature.s);
    }

    fn hello_a(&mut self, m: &HelloA) {
        self.u16("protocol_min", m.protocol_min);
        self.u16("protocol_max", m.protocol_max);
        self.u16("suite", m.suite);
        self.u16("profile", m.profile);
        self.u8("row_width", m.row_width);
        self.u64("row_slots", m.row_slots);
        self.u64("sample_rows", m.sample_rows);
        self.bytes("attestation_key", &m.attestation_key);
        self.bytes("seed_commitment", &m.seed_commitment);
        self.bytes("input_commitment", &m.input_commitment);
        self.bytes("rules_digest", &m.rules_digest);
        self.bytes("suppression_epoch", &m.suppression_epoch);
        self.bytes("ledger_head", &m.ledger_head);
        self.u64("sent_at", m.sent_at);
        self.program(&m.program);
        self.signature("signature", &m.signature);
    }

    fn program(&mut self, program: &Program) {
        self.u8("program.role", program.role);
        self.u16("program.flags", program.flags);
        self.u32("program.version", program.version);
        self.bytes("program.digest", &program.digest);
    }

    fn hello_p(&mut self, m: &HelloP) {
        self.u16("protocol", m.protocol);
        self.bytes("attestation_key", &m.attestation_key);
        self.bytes("nonce", &m.nonce);
        let body = &m.manifest.body;
        self.bytes("manifest.provider", &body.provider);
        self.bytes("manifest.partner", &body.partner);
        self.u16("manifest.suite", body.suite);
        self.bytes("manifest.key_id", &body.key_id);
        self.bytes("manifest.public_key", &body.public_key);
        self.bytes("manifest.key_seed_commitment", &body.key_seed_commitment);
        self.u64("manifest.not_before", body.not_before);
        self.u64("manifest.not_after", body.not_after);
        self.u64("manifest.evaluations_max", body.evaluations_max);
        self.signature("manifest.signature", &m.manifest.signature);
        let body = &m.snapshot.body;
        self.bytes("snapshot.provider", &body.provider);
        self.u32("snapshot.day", body.day);
        self.u16("snapshot.edition", body.edition);
        self.bytes("snapshot.commitment", &body.commitment);
        self.bytes("snapshot.previous", &body.previous);
        self.signature("snapshot.signature", &m.snapshot.signature);
        self.u64("table.tag_count", m.table.tag_count);
        self.bytes("table.root", &m.table.root);
        self.bytes("rules_digest", &m.rules_digest);
        self.bytes("suppression_epoch", &m.suppression_epoch);
        self.bytes("ledger_head", &m.ledger_head);
        self.u32("offer.n_min", m.offer.n_min);
        self.u32("offer.k_min", m.offer.k_min);
        self.u32("offer.group_min", m.offer.group_min);
        self.u32("offer.epsilon_left_milli", m.offer.epsilon_left_milli);
        self.u64("offer.evaluations_left", m.offer.evaluations_left);
        self.u64("offer.expires_at", m.offer.expires_at);
        self.u64("sent_at", m.sent_at);
        self.program(&m.program);
        self.signature("signature", &m.signature);
    }

    fn match_terms(&mut self, t: &MatchTerms) {
        self.u16("purpose", t.purpose.code());
        self.u32("flags", t.flags);
        self.bytes("auditor", &t.auditor);
        self.u8("ruleset", t.ruleset);
        self.u64("kinds.len", t.kinds.len() as u64);
        self.bytes("kinds", &t.kinds);
        self.u32("n_min", t.n_min);
        self.u32("k_min", t.k_min);
        self.u32("group_min", t.group_min);
        self.u32("epsilon_milli", t.epsilon_milli);
        self.u32("epsilon_epoch_milli", t.epsilon_epoch_milli);
        self.u8("noise_unit", t.noise_unit);
        self.u8("rate_precision", t.rate_precision);
        self.u8("rate_cap", t.rate_cap);
        self.u32("count_rounding", t.count_rounding);
        self.u32("cell_min", t.cell_min);
        self.u16("link_filter.max_age_days", t.link_filter.max_age_days);
        self.u16("link_filter.evidence_mask", t.link_filter.evidence_mask);
        self.u16("link_filter.device_mask", t.link_filter.device_mask);
        self.u8("link_filter.level", t.link_filter.level);
        self.u8("link_filter.min_logins", t.link_filter.min_logins);
        self.u8("link_filter.max_persons", t.link_filter.max_persons);
        self.u16("consent_max_age_days", t.consent_max_age_days);
        self.u16("ids_valid_days", t.ids_valid_days);
        self.u64("handles_max", t.handles_max);
        self.u16("ids_per_record_max", t.ids_per_record_max);
        self.u64("namespaces.len", t.namespaces.len() as u64);
        let namespaces: Vec<u8> = t.namespaces.iter().flat_map(|n| n.to_le_bytes()).collect();
        self.bytes("namespaces", &namespaces);
        self.u8("table_delivery", t.table_delivery);
        self.u64("opened_at", t.opened_at);
        self.u64("expires_at", t.expires_at);
        self.u64("audit_until", t.audit_until);
        self.u8("audit_levels", t.audit_levels);
        self.u32("audit_sample_max", t.audit_sample_max);
        self.u64("phone_evaluations_max", t.phone_evaluations_max);
        self.bytes("notice", &t.notice);
    }

    fn head(&mut self, head: &StreamHead) {
        self.u8("stream", head.stream);
        self.u32("frames", head.frames);
        self.u64("elements", head.elements);
        self.bytes("root", &head.root);
    }

    fn heads(&mut self, heads: &[StreamHead]) {
        self.u64("streams.len", heads.len() as u64);
        for head in heads {
            self.head(head);
        }
    }

    fn receipt(&mut self, r: &Receipt) {
        self.bytes("sid", &r.sid);
        self.u16("outcome", r.outcome);
        self.heads(&r.streams);
        self.bytes("result_commitment", &r.result_commitment);
        self.bytes("report_commitment", &r.report_commitment);
        self.u64("handles_known", r.handles_known);
        self.u32("handles_unknown", r.handles_unknown);
        self.u64("ids_returned", r.ids_returned);
        self.bytes("release_head", &r.release_head);
        self.ledger("ledger.", &r.ledger);
        self.u64("closed_at", r.closed_at);
    }

    fn ledger(&mut self, prefix: &str, entry: &LedgerEntry) {
        let name = |field: &str| format!("{prefix}{field}");
        self.u64(&name("seq"), entry.seq);
        self.bytes(&name("previous"), &entry.previous);
        self.bytes(&name("sid"), &entry.sid);
        self.u8(&name("kind"), entry.kind);
        self.u16(&name("profile"), entry.profile);
        self.u64(&name("evaluations"), entry.evaluations);
        self.u64(&name("handles"), entry.handles);
        self.u64(&name("ids"), entry.ids);
        self.u32(&name("epsilon_milli"), entry.epsilon_milli);
        self.u64(&name("at"), entry.at);
    }
}

pub(crate) fn hello_a() -> HelloA {
    HelloA {
        protocol_min: 2,
        protocol_max: 3,
        suite: 0x0001,
        profile: 2,
        row_width: 1,
        row_slots: 32_768,
        sample_rows: 0,
        attestation_key: [0x61; 32],
        seed_commitment: [0x62; 32],
        input_commitment: [0x63; 32],
        rules_digest: [0x64; 32],
        suppression_epoch: [0x65; 32],
        ledger_head: [0x66; 32],
        sent_at: 1_799_999_998,
        program: program(0, 0x67),
        signature: signature(0x68),
    }
}

fn program(role: u8, byte: u8) -> Program {
    Program { role, flags: 1 + u16::from(role), version: 0x0102_0304, digest: [byte; 32] }
}

pub(crate) fn hello_p() -> HelloP {
    HelloP {
        protocol: 3,
        attestation_key: [0x71; 32],
        nonce: [0x72; 32],
        manifest: SignedManifest {
            body: ManifestBody {
                provider: [0x73; 32],
                partner: [0x74; 32],
                suite: 0x0001,
                key_id: [0x75; 16],
                public_key: [0x76; 32],
                key_seed_commitment: [0x77; 32],
                not_before: 1_800_000_000,
                not_after: 1_802_592_000,
                evaluations_max: 1 << 30,
            },
            signature: signature(0x78),
        },
        snapshot: SignedSnapshot {
            body: SnapshotBody {
                provider: [0x73; 32],
                day: 20_833,
                edition: 258,
                commitment: [0x7A; 32],
                previous: [0x7B; 32],
            },
            signature: signature(0x7C),
        },
        table: TableDescriptor { tag_count: 65_536, root: [0x7E; 32] },
        rules_digest: [0x64; 32],
        suppression_epoch: [0x7F; 32],
        ledger_head: [0x66; 32],
        offer: Offer {
            n_min: 1_000,
            k_min: 100,
            group_min: 1_001,
            epsilon_left_milli: 8_000,
            evaluations_left: 10_000_000,
            expires_at: 1_800_086_400,
        },
        sent_at: 1_799_999_999,
        program: program(1, 0x6A),
        signature: signature(0x6B),
    }
}

pub(crate) fn terms() -> MatchTerms {
    MatchTerms {
        purpose: Purpose::Suppress,
        flags: 0,
        auditor: [0x81; 32],
        ruleset: 1,
        kinds: vec![1, 3],
        n_min: 1_000,
        k_min: 100,
        group_min: 1_001,
        epsilon_milli: 250,
        epsilon_epoch_milli: 7_000,
        noise_unit: 4,
        rate_precision: 1,
        rate_cap: 85,
        count_rounding: 10,
        cell_min: 50,
        link_filter: LinkFilter {
            max_age_days: 90,
            evidence_mask: 0x000F,
            device_mask: 0xFFFE,
            level: 1,
            min_logins: 2,
            max_persons: 5,
        },
        consent_max_age_days: 1_095,
        ids_valid_days: 30,
        handles_max: 9,
        ids_per_record_max: 10,
        namespaces: vec![0x0102, 0x0304],
        table_delivery: 1,
        opened_at: 1_800_000_000,
        expires_at: 1_800_086_400,
        audit_until: 1_807_862_400,
        audit_levels: 3,
        audit_sample_max: 3_000,
        phone_evaluations_max: 32_768,
        notice: [0x82; 32],
    }
}

pub(crate) fn receipt() -> Receipt {
    Receipt {
        sid: [0x91; 32],
        outcome: 1,
        streams: vec![
            StreamHead { stream: 17, frames: 1, elements: 32_768, root: [0xA1; 32] },
            StreamHead { stream: 18, frames: 2, elements: 32_769, root: [0xA2; 32] },
        ],
        result_commitment: [0xA3; 32],
        report_commitment: [0xA4; 32],
        handles_known: 1,
        handles_unknown: 2,
        ids_returned: 3,
        release_head: [0xB7; 32],
        ledger: LedgerEntry {
            seq: 2,
            previous: [0xA5; 32],
            sid: [0x91; 32],
            kind: 2,
            profile: 2,
            evaluations: 32_768,
            handles: 5,
            ids: 6,
            epsilon_milli: 250,
            at: 1_800_000_007,
        },
        closed_at: 1_800_000_008,
    }
}

pub(crate) fn refuse(code: u16, retry_after: u32) -> Refuse {
    let (ledger_head, sent_at) = ([0x96; 32], 1_800_000_003);
    let (streams, signature) = (vec![head(17)], signature(0x9B));
    Refuse { code, retry_after, ledger_head, sent_at, streams, signature }
}

pub(crate) fn abort(code: u16, stream: u8, index: u32) -> Abort {
    let streams = vec![head(17), head(18)];
    Abort { code, stream, index, streams, signature: signature(0x9D) }
}

fn head(stream: u8) -> StreamHead {
    StreamHead { stream, frames: 1, elements: 32_768, root: [0xA1; 32] }
}

fn checkpoint(stream: u8, byte: u8) -> Checkpoint {
    let signature = signature(byte);
    Checkpoint { stream, frames: 1, elements: 32_768, root: [0xA1; 32], signature }
}

/// A signature whose halves are one byte and the next, thirty-two times each.
pub(crate) fn signature(byte: u8) -> Signature {
    Signature { r: [byte; 32], s: [byte + 1; 32] }
}
