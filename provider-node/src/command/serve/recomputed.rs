//! Recomputation of sessions from the files that the provider's node keeps, as an auditor of T2
//! makes it; and of the blind, as one of T1 does.
//!
//! Whatever goes in is read from the disk: transcripts and frames, key seeds, the snapshot, indexes
//! and tables, the class file before and after, the secret in front of it, the policy. The formulas
//! of the rules are written out here a second time, by the words of `spec/`. Called are the rule
//! of releases itself (`classes`, which has tests of its own), the stream of its choices, the OPRF,
//! and thresholds that no vector lists. Objections at the provider do not occur.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use classes::{ClassFile, ClassId, Delivered, Rule, Sighting, Standing};
use disclosure::noise::Noise;
use graph::bundles::BundleId;
use graph::handles::HandleEntry;
use protocol::codec::StreamId;
use protocol::group::{Element, Encoded, SecretScalar};
use protocol::identifier::PrfInput;
use protocol::oprf::{Blind, MatchTag, PrfKey, PrfOutput};
use protocol::purpose::Purpose;
use protocol::seed::{KeyDerivation, KeySeed, SessionSeed};
use protocol::suite::{Profile, Shuffled};
use protocol::table::TableReader;
use protocol::transcript::{Record, Transcript};
use sha2::{Digest as _, Sha256, Sha512, Sha512_256};
use store::journal::{Frames, read_ended};
use store::seal::open_bytes;
use store::sealed::open_sealed;

use super::tests::{Partners, Question, day_before};
use super::*;

/// `H(label; x)` of `spec/keys.md`.
fn h(label: &str, parts: &[&[u8]]) -> [u8; 32] {
    let label = format!("VEILMATCH-1-{label}");
    let mut hash = Sha512_256::new_with_prefix([u8::try_from(label.len()).unwrap()]);
    hash.update(label);
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// HMAC with SHA-512 (RFC 2104), of a key no longer than a block.
fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 64] {
    let pad = |byte: u8| {
        let mut block = [byte; 128];
        block.iter_mut().zip(key).for_each(|(to, key)| *to ^= key);
        block
    };
    let mut inner = Sha512::new_with_prefix(pad(0x36));
    parts.iter().for_each(|part| inner.update(part));
    Sha512::new_with_prefix(pad(0x5c)).chain_update(inner.finalize()).finalize().into()
}

/// `KDF(prk, label; ctx, 64)` of `spec/keys.md`, and with fewer bytes its beginning: the first
/// block of HKDF-Expand.
fn kdf(prk: &[u8; 64], label: &str, context: &[&[u8]]) -> [u8; 64] {
    let label = format!("VEILMATCH-1-{label}");
    let len = [u8::try_from(label.len()).unwrap()];
    hmac(prk, &[&[&len, label.as_bytes()], context, &[&[1]]].concat())
}

/// A group's history on disk, [R-03].
#[derive(Clone, PartialEq, Eq)]
struct Classes {
    secret: [u8; 32],
    head: [u8; 32],
    file: Vec<u8>,
}

impl Classes {
    /// Reads it; none before the first release.
    fn read(partners: &Partners) -> Option<Self> {
        let path = partners.world.group().path("classes");
        let mut bytes = Vec::new();
        let mut reader = path
            .exists()
            .then(|| open_sealed(&path, &partners.service.home.storage, "classes").unwrap())?;
        while let Some(block) = reader.next_block().unwrap() {
            bytes.extend_from_slice(block);
        }
        let (secret, rest) = bytes.split_first_chunk().unwrap();
        let (head, file) = rest.split_first_chunk().unwrap();
        Some(Self { secret: *secret, head: *head, file: file.to_vec() })
    }

    /// The history before the first release, under the secret that it is going to have.
    fn none(secret: [u8; 32]) -> Self {
        let file = [&b"veilmatch classes 3\n"[..], &[0; 16]].concat();
        Self { secret, head: [0; 32], file }
    }

    fn digest(&self) -> [u8; 32] {
        h("class-file", &[&self.secret, &self.file])
    }

    /// Head after a session, which left `after` behind.
    fn head_after(&self, after: &Self, sid: &[u8; 32]) -> [u8; 32] {
        h("release", &[&self.head, &self.digest(), &after.digest(), sid])
    }

    /// Names with their marks.
    fn marks(&self) -> BTreeMap<[u8; 16], u8> {
        let entries = self.file[HEAD_LEN..].as_chunks::<28>();
        assert!(entries.1.is_empty() && entries.0.is_sorted_by(|one, next| one[..16] < next[..16]));
        entries.0.iter().map(|one| (*one.first_chunk().unwrap(), one[27])).collect()
    }

    /// Day of the last release.
    fn last_day(&self) -> u32 {
        u32::from_le_bytes(*self.file[HEAD_LEN - 16..].first_chunk().unwrap())
    }
}

const HEAD_LEN: usize = 20 + 16;

/// Key of a session, from the seed in its file alone.
struct RunKeys {
    /// prk_K of `spec/keys.md`.
    prk: [u8; 64],
    derivation: KeyDerivation,
    prf: PrfKey<Shuffled>,
    id: [u8; 16],
    commitment: [u8; 32],
}

impl RunKeys {
    fn read(partners: &Partners, id: &[u8; 16]) -> Self {
        let home = &partners.service.home;
        let path = partners.world.tenant.path(&format!("keys/run-{}.key", store::hex(id)));
        let sealed = std::fs::read(path).unwrap();
        let bytes = open_bytes(&home.storage, "prf-key-seed", &sealed).unwrap();
        let seed: [u8; 32] = *bytes[16..].first_chunk().unwrap();
        let (provider, partner) =
            (home.identity.party().0, partners.world.tenant.identity.party().0);
        let derivation = KeySeed::from_bytes(seed).key_derivation(id, &provider, &partner);
        let prf = PrfKey::derive(&derivation, &provider, &partner, id).unwrap();
        let prk = hmac(&[&id[..], &provider, &partner].concat(), &[&seed]);
        Self { prk, derivation, prf, id: *id, commitment: h("key-seed", &[&seed]) }
    }

    /// Output of hit scalar `number`, which is F over s·K [E-05], [E-08].
    fn of_hit(&self, number: u64) -> PrfOutput<Shuffled> {
        let scalar = self.scalar(true, number);
        let element = Element::decode(self.prf.public()).unwrap().multiply(&scalar).encode();
        PrfOutput::of_unblinded(self.prf.public(), &element)
    }

    /// A scalar of the noise [E-05].
    fn scalar(&self, hits: bool, number: u64) -> SecretScalar {
        let label = if hits { "noise-hit" } else { "noise-miss" };
        let wide = kdf(&self.prk, label, &[&number.to_le_bytes()]);
        SecretScalar::from_wide_bytes(&wide).unwrap()
    }
}

/// A draw X by its bytes, 16 of these [E-02], [E-04].
fn drawn(thresholds: &[u64], bytes: &[u8; 64]) -> i64 {
    let [word, sign] = [0, 8].map(|at| u64::from_le_bytes(*bytes[at..].first_chunk().unwrap()));
    let distance = thresholds.iter().filter(|threshold| word < **threshold).count() as i64;
    if sign & 1 == 1 { -distance } else { distance }
}

/// Thresholds and bound mu for these losses and units: mu by the table of [E-03], the thresholds of
/// 0.25 and 4 by a file of another program.
fn thresholds(epsilon_milli: u32, unit: u8) -> (Vec<u64>, i64) {
    let computed = || Noise::of(epsilon_milli, unit).unwrap().thresholds().collect();
    match (epsilon_milli, unit) {
        (250, 4) => {
            let path =
                concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/vectors/noise/thresholds-250-4.json");
            let listed: Vec<String> =
                serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
            (listed.iter().map(|word| u64::from_str_radix(word, 16).unwrap()).collect(), 244)
        }
        (250, 1) => (computed(), 55),
        (125, 4) => (computed(), 487),
        _ => panic!("no session of these tests"),
    }
}

/// Noise tags of the tables here, U = mu·w·(w + 1): rows of up to two slots, for a loss of 0.125
/// and four identifiers a person [E-08].
const NOISE_TAGS: u64 = 487 * 2 * 3;

/// A session, with what lay on the provider's disk around it.
struct Audited<'a> {
    partners: &'a Partners,
    question: Question,
    directory: PathBuf,
    transcript: Transcript,
    sid: [u8; 32],
    terms: MatchTerms,
    keys: RunKeys,
    before: Classes,
    after: Classes,
    /// Entries of the index of its table, and the tags of the table.
    index: Vec<HandleEntry>,
    tags: BTreeSet<MatchTag>,
}

impl<'a> Audited<'a> {
    /// Runs a session of both parties.
    fn run(partners: &'a Partners, question: Question) -> Self {
        partners.wait_for_table(Profile::DigitalIds);
        partners.wait_for_table(Profile::Activation);
        let (home, tenant) = (&partners.service.home, partners.tenant());
        let now = SystemClock::new().now_unix();
        let snapshot = Published::current(home).unwrap().unwrap();
        let table = tables::ready(home, &tenant, &snapshot, question.profile, &[], now);
        let mut table = table.unwrap().expect("it is ready");
        let mut handles = table.handles.take().expect("profiles with handles");
        let index = core::iter::from_fn(|| handles.next_entry().unwrap()).collect();
        let mut reader = TableReader::new(&table.table);
        let frames = core::iter::from_fn(|| table.frames.next_frame().unwrap());
        let tags = frames.flat_map(|frame| reader.read(&frame).unwrap()).collect();
        let before = Classes::read(partners);
        let (asked, served) = partners.ask(&question);
        asked.expect("the advertiser ends well");
        let ended = served.expect("so does the provider");
        let after = Classes::read(partners).expect("a class file");
        let transcript = read_ended(&ended.directory).unwrap();
        let controls = controls(&transcript);
        let terms = controls.iter().find_map(|message| match message {
            Control::Terms(terms) => Some(terms.terms.clone()),
            _ => None,
        });
        Self {
            partners,
            question,
            directory: ended.directory,
            sid: ended.sid,
            terms: terms.unwrap(),
            keys: RunKeys::read(partners, table.key_id()),
            before: before.unwrap_or_else(|| Classes::none(after.secret)),
            after,
            index,
            tags,
            transcript,
        }
    }

    /// The one control message that `pick` takes.
    fn message<T>(&self, pick: impl Fn(&Control) -> Option<T>) -> T {
        let mut picked: Vec<T> = controls(&self.transcript).iter().filter_map(pick).collect();
        assert_eq!(picked.len(), 1);
        picked.remove(0)
    }

    fn k_a(&self) -> Encoded {
        self.message(|message| match message {
            Control::SessionBlind(blind) => Some(blind.k_a),
            _ => None,
        })
    }

    /// Elements of a stream whose frames lie beside the transcript.
    fn elements<const LEN: usize>(&self, stream: StreamId) -> Vec<[u8; LEN]> {
        let frames = Frames::open(&self.directory, stream).unwrap();
        frames.flat_map(|frame| frame.unwrap().payload.as_chunks::<LEN>().0.to_vec()).collect()
    }

    /// [K-03]: the key is that of the manifest, and its seed the committed one.
    fn key_is_the_committed_one(&self) {
        let manifest = self.message(|message| match message {
            Control::HelloP(hello) => Some(hello.manifest.body.clone()),
            _ => None,
        });
        assert_eq!(manifest.key_id, self.keys.id);
        assert_eq!(manifest.key_seed_commitment, self.keys.commitment);
        assert_eq!(manifest.public_key, *self.keys.prf.public());
    }

    /// Records of the snapshot by the handles of their identifiers under the key of the session.
    fn records(&self) -> BTreeMap<[u8; 16], u64> {
        let mut leaves = self.partners.world.snapshot.stored.leaves().unwrap();
        let leaves = core::iter::from_fn(|| leaves.next_leaf().unwrap());
        leaves
            .map(|leaf| {
                let output = self.keys.prf.output(&PrfInput::of(&leaf.identifier));
                (*output.handle().expose_bytes(), leaf.record)
            })
            .collect()
    }

    /// [E-08], the last part of [E-14]: the index names the records of the snapshot's identifiers,
    /// and nobody for the first U hit scalars; tags of all of them stand in the table.
    fn table_is_that_of_the_snapshot_and_the_noise(&self) {
        let mut expected = self.records();
        let mut leaves = self.partners.world.snapshot.stored.leaves().unwrap();
        while let Some(leaf) = leaves.next_leaf().unwrap() {
            let tag = self.keys.prf.output(&PrfInput::of(&leaf.identifier)).tag();
            assert!(self.tags.contains(&tag), "a leaf has no tag");
        }
        for number in 0..NOISE_TAGS {
            let output = self.keys.of_hit(number);
            assert!(self.tags.contains(&output.tag()), "hit scalar {number} has no tag");
            expected.insert(*output.handle().expose_bytes(), u64::MAX);
        }
        assert_eq!(self.tags.len(), 32_768);
        let index: BTreeMap<[u8; 16], u64> =
            self.index.iter().map(|entry| (entry.handle, entry.record.get())).collect();
        assert!(index == expected && self.index.len() == expected.len());
    }

    /// [E-04] to [E-06], [E-14]: N_1, by the key seed and K_a; the noise rows that follow are rows
    /// of EVAL, and no other is there besides the answers to BLIND. [E-12]: the handles that name
    /// no record are those of the noise rows that hit. Returns the records that are named.
    fn noise_is_that_of_the_seed(&self) -> BTreeSet<u64> {
        let (thresholds, mu) = thresholds(self.terms.epsilon_milli, self.terms.noise_unit);
        let k_a = self.k_a();
        // w = 1, so that N_1 = X + mu.
        let hits = drawn(&thresholds, &kdf(&self.keys.prk, "noise-draw", &[&[1], &k_a])) + mu;
        let blind = Element::decode(&k_a).unwrap();
        let mut asked: Vec<Encoded> = self.elements(StreamId::Blind);
        assert_eq!(asked.len(), 32_768);
        asked.extend((0..2 * mu).map(|row| {
            let scalar = self.keys.scalar(row < hits, row as u64);
            blind.multiply(&scalar).encode()
        }));
        let mut answers = vec![[0; 32]; asked.len()];
        let arithmetic = self.partners.service.engine.arithmetic();
        self.keys.prf.evaluate_each(arithmetic, &asked, &mut answers).unwrap();
        answers.sort_unstable();
        assert!(
            answers == self.elements(StreamId::Eval),
            "EVAL is not made of BLIND and the noise"
        );

        let handles: BTreeSet<[u8; 16]> = self.elements(StreamId::Handles).into_iter().collect();
        let records = self.records();
        let of_noise: BTreeSet<[u8; 16]> =
            (0..hits).map(|n| *self.keys.of_hit(n as u64).handle().expose_bytes()).collect();
        let (named, other): (Vec<[u8; 16]>, _) =
            handles.iter().partition(|handle| records.contains_key(*handle));
        assert!(other == of_noise.into_iter().collect::<Vec<_>>(), "handles of no noise row");
        let released = self.message(|message| match message {
            Control::Released(released) => Some(*released),
            _ => None,
        });
        let known = (released.handles_known, released.handles_unknown);
        assert_eq!(known, (handles.len() as u64, 0));
        assert_eq!(named.len(), self.question.leaves.len());
        named.iter().map(|handle| records[handle]).collect()
    }

    /// [E-13]: a of the session seed, which the advertiser shows at T1, is the blind of K_a and of
    /// the rows asked for.
    fn blind_is_the_committed_one(&self) {
        let seed = SessionSeed::from_bytes(self.question.seed);
        let a = seed.session_keys(&self.sid).session_blind().unwrap();
        assert_eq!(Element::multiply_base(&a).encode(), self.k_a());
        let rows: BTreeSet<Encoded> = self.elements(StreamId::Blind).into_iter().collect();
        let blind = Blind::<Shuffled>::from_scalar(a);
        let mut leaves = self.partners.world.snapshot.stored.leaves().unwrap();
        let leaves = core::iter::from_fn(|| leaves.next_leaf().unwrap());
        for (at, leaf) in leaves.enumerate() {
            let row = blind.blind(&PrfInput::of(&leaf.identifier)).encode();
            assert_eq!(rows.contains(&row), self.question.leaves.contains(&at), "leaf {at}");
        }
    }

    /// the head follows from the head before, both digests and the sid; RELEASED and the
    /// receipt state it.
    fn head_follows(&self) {
        let head = self.before.head_after(&self.after, &self.sid);
        assert_eq!(self.after.head, head);
        assert_eq!(self.after.secret, self.before.secret);
        let stated = self.message(|message| match message {
            Control::Released(released) => Some(released.release_head),
            _ => None,
        });
        let receipt = self.message(|message| match message {
            Control::Receipt(receipt) => Some(receipt.receipt.release_head),
            _ => None,
        });
        assert_eq!([stated, receipt], [head; 2]);
    }

    /// Name of a digital ID in the class file.
    fn name(&self, one: &BundleId) -> [u8; 16] {
        let key = partner_names(self.partners);
        let namespace = one.id.listed_as().as_bytes();
        let len = [u8::try_from(namespace.len()).unwrap()];
        *h("class-id", &[&key, &len, namespace, one.id.value().as_bytes()]).first_chunk().unwrap()
    }

    /// The live digital IDs of a record: of a namespace and with evidence that the group
    /// admits, usable for as long as all of a bag are, the newest up to the cap.
    fn live<'b>(&self, ids: &'b [BundleId], day: u32) -> Vec<&'b BundleId> {
        let policy = &self.partners.tenant().policy;
        let mut live: Vec<&BundleId> = ids
            .iter()
            .filter(|one| policy.namespaces.iter().any(|name| name == one.id.listed_as()))
            .filter(|one| one.evidence & 0x000F != 0)
            .filter(|one| {
                let ends = one.last_day + u32::from(policy.max_age_days);
                ends >= day + u32::from(policy.ids_valid_days)
            })
            .collect();
        live.sort_by_key(|one| (core::cmp::Reverse(one.last_day), one.id.clone()));
        live.truncate(policy.ids_per_person.into());
        live
    }

    /// Sightings of a release, with the value of each, by name; the persons are those of
    /// the snapshot.
    fn sightings(&self, matched: &BTreeSet<u64>, day: u32) -> Vec<(Sighting, String)> {
        let stored = &self.partners.world.snapshot.stored;
        let (mut bundles, mut persons) = (stored.bundles().unwrap(), stored.persons().unwrap());
        let released = self.before.marks();
        let mut seen = BTreeMap::<[u8; 16], (Sighting, String)>::new();
        while let Some(bundle) = bundles.next_bundle().unwrap() {
            let person = persons.next_record().unwrap().person;
            let live = self.live(&bundle.ids, day);
            for one in &bundle.ids {
                let id = self.name(one);
                let is_live = live.contains(&one);
                let wanted = is_live && matched.contains(&bundle.record);
                if !wanted && !released.contains_key(&id) {
                    continue;
                }
                let standing = if is_live { Standing::Live } else { Standing::Resting };
                let sighting = Sighting { id: ClassId(id), person, standing, wanted };
                let (known, _) = seen.entry(id).or_insert((sighting, one.id.value().to_owned()));
                assert_eq!(known.person, person, "records of one digital ID are one person's");
                known.wanted |= wanted;
                if is_live {
                    known.standing = Standing::Live;
                }
            }
        }
        seen.into_values().collect()
    }

    /// to: bag and class file after, byte for byte; counts of the annex.
    fn release_is_that_of_the_rule(&self, matched: &BTreeSet<u64>) -> Vec<String> {
        let day = self.after.last_day();
        assert_eq!(day, day_of(SystemClock::new().now_unix()));
        let policy = &self.partners.tenant().policy;
        let rule = Rule {
            group_min: policy.group_min,
            drop_delay: policy.drop_delay_days,
            objection_cover: policy.objection_cover,
            forget_after: 90,
            // The cap of, which is not reached here.
            ids_max: self.terms.handles_max * u64::from(policy.ids_per_person),
            covered: policy.drop_cover,
        };
        // g is the noise of one identifier at the loss of the session, shifted by mu.
        let (thresholds, mu) = thresholds(self.terms.epsilon_milli, 1);
        let hold = drawn(&thresholds, &kdf(&self.keys.prk, "release-hold", &[&self.sid])) + mu;
        let sightings = self.sightings(matched, day);
        let (only, values): (Vec<Sighting>, Vec<String>) = sightings.into_iter().unzip();
        let before = ClassFile::from_bytes(&self.before.file).unwrap();
        let choices = &mut self.keys.derivation.release_choices(&self.sid);
        let release = rule.release(before, day, &only, hold as u64, choices).unwrap();
        assert!(release.file.to_bytes() == self.after.file, "another class file after");
        let value = |one: &Delivered| values[one.sighting].clone();
        let mut bag: Vec<String> = release.bag.iter().map(value).collect();
        bag.sort_unstable();
        self.bag_left(&bag);

        let annex = self.partners.world.group().path("annexes");
        let annex = annex.join(format!("{}.json", store::hex(&self.sid)));
        let annex: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(annex).unwrap()).unwrap();
        assert_eq!(annex["release_head"], store::hex(&self.after.head));
        let counts = release.counts;
        for (name, count) in [
            ("persons_delivered", counts.delivered),
            ("persons_held", counts.held),
            ("persons_kept", counts.kept),
            ("persons_covered", counts.covered),
            ("digital_ids_closed", counts.closed),
        ] {
            assert_eq!(annex[name], count, "{name}");
        }
        let handles: Vec<[u8; 16]> = self.elements(StreamId::Handles);
        assert_eq!(annex["noise_handles"], handles.len() - self.question.leaves.len());
        bag
    }

    /// [W-12], [T-03]: the one frame of IDS that these values make has the leaf on record.
    fn bag_left(&self, values: &[String]) {
        let mut payload = Vec::new();
        for value in values {
            payload.extend([0x01, 0x00, 0, 0, 0, 0, u8::try_from(value.len()).unwrap()]);
            payload.extend(value.as_bytes());
        }
        let [elements, len] = [values.len(), payload.len()].map(|n| u32::try_from(n).unwrap());
        let mut header = vec![20, 1, 0, 0];
        header.extend([elements, 0, len].into_iter().flat_map(u32::to_le_bytes));
        let leaf: [u8; 32] = Sha256::new_with_prefix([0])
            .chain_update(header)
            .chain_update(payload)
            .finalize()
            .into();
        let of_ids = self.transcript.records.iter().filter_map(|record| match record {
            Record::Bulk { header, leaf, .. } if header.stream == StreamId::Ids => Some(*leaf),
            _ => None,
        });
        assert_eq!(of_ids.collect::<Vec<_>>(), [leaf]);
    }

    /// departures mark the digital IDs of the subjects of the records named, and change
    /// nothing else.
    fn departures_are_marked(&self, named: &BTreeSet<u64>) -> BTreeSet<String> {
        let mut bundles = self.partners.world.snapshot.stored.bundles().unwrap();
        let bundles: Vec<_> = core::iter::from_fn(|| bundles.next_bundle().unwrap()).collect();
        let subjects = subjects(self.partners);
        let of = |record: u64| subjects[usize::try_from(record).unwrap()];
        let named: BTreeSet<u32> = named.iter().map(|record| of(*record)).collect();
        let bundles = bundles.into_iter().filter(|bundle| named.contains(&of(bundle.record)));
        let ids: Vec<BundleId> = bundles.flat_map(|bundle| bundle.ids).collect();
        let names: BTreeSet<[u8; 16]> = ids.iter().map(|one| self.name(one)).collect();
        let mut expected = self.before.file.clone();
        for entry in expected[HEAD_LEN..].as_chunks_mut::<28>().0 {
            if names.contains(&entry[..16]) && entry[27] & 1 == 0 {
                entry[27] |= 8;
            }
        }
        assert!(expected == self.after.file, "another class file after the departures");
        assert!(expected != self.before.file, "nobody departs");
        ids.iter().map(|one| one.id.value().to_owned()).collect()
    }
}

/// Secret key of the names in the class files of this provider.
fn partner_names(partners: &Partners) -> [u8; 32] {
    partners.service.home.storage.keyed_hash("class-names").unwrap().of(&[])
}

fn controls(transcript: &Transcript) -> Vec<Control> {
    let frames = transcript.records.iter().filter_map(|record| match record {
        Record::Control(frame) => Some(frame),
        Record::Bulk { .. } => None,
    });
    frames.map(|frame| Control::decode(frame).unwrap()).collect()
}

/// A graph of 400 persons: each has a cookie, every seventh one of a namespace that is not the
/// group's, every eleventh one that was last seen too long ago, every tenth a second persona, and
/// two of a hundred share a cookie.
fn lines() -> String {
    let (today, past) = (day_before(0), day_before(70));
    let mut lines = String::new();
    for n in 0..400 {
        let identifier = format!("p{n},a{n},email,n{n}@exemple.fr,cookie");
        let mut line = |rest: String| lines += &format!("{rest}\n");
        line(format!("{identifier},a.example,value-{n:05},login,{today}"));
        if n % 7 == 0 {
            line(format!("{identifier},b.example,other-{n:05},login,{today}"));
        }
        if n % 11 == 0 {
            line(format!("{identifier},a.example,past-{n:05},login,{past}"));
        }
        if n % 10 == 0 {
            let second = format!("p{n},b{n},email,m{n}@exemple.fr,cookie");
            line(format!("{second},a.example,more-{n:05},purchase,{today}"));
        }
        if n % 100 == 1 {
            line(format!("{identifier},a.example,value-{:05},login,{today}", n + 1));
        }
    }
    lines
}

#[test]
fn releases_a_removal_and_their_noise_are_recomputed_from_the_provider_s_files() {
    let partners = Partners::of(&lines());
    let with_noise = |profile, leaves: Vec<usize>| Question {
        epsilon_milli: 250,
        leaves,
        ..Question::of(profile, 0)
    };
    let checked = |question| {
        let audited = Audited::run(&partners, question);
        audited.key_is_the_committed_one();
        audited.table_is_that_of_the_snapshot_and_the_noise();
        audited.blind_is_the_committed_one();
        let records = audited.noise_is_that_of_the_seed();
        audited.head_follows();
        (audited, records)
    };
    let (first, records) = checked(with_noise(Profile::DigitalIds, (0..330).collect()));
    assert!(first.before == Classes::none(first.after.secret));
    let delivered = first.release_is_that_of_the_rule(&records);
    assert!(delivered.len() >= 100, "{}", delivered.len());
    assert!(
        delivered.iter().all(|value| value.starts_with("value-") || value.starts_with("more-"))
    );

    // Five of those who leave have a second record, which no row names.
    let (two, one) = records_of_subjects(&partners);
    let leavers: Vec<usize> = [&two[..5], &one[..5]].concat();
    let removal = Question {
        purpose: Purpose::Remove,
        epsilon_milli: 125,
        ..with_noise(Profile::Activation, leavers.clone())
    };
    let (removal, records) = checked(removal);
    assert!(removal.before == first.after);
    let departed = removal.departures_are_marked(&records);
    assert!(departed.iter().any(|value| value.starts_with("more-")), "{departed:?}");

    // Less than half of the list, and others who are new.
    let list = (0..150).chain(330..430).filter(|at| !leavers.contains(at)).collect();
    let (second, records) = checked(with_noise(Profile::DigitalIds, list));
    assert!(second.before == removal.after);
    let bag = second.release_is_that_of_the_rule(&records);
    assert!(bag.iter().all(|value| !departed.contains(value)), "who departed is delivered");
    let closed = second.after.marks().values().filter(|marks| **marks & 1 == 1).count();
    assert!(closed >= 20, "{closed} left with their cover");
}

/// Subjects of the records, in their order.
fn subjects(partners: &Partners) -> Vec<u32> {
    let stored = &partners.world.snapshot.stored;
    let mut owners = stored.persons().unwrap();
    (0..stored.root().records).map(|_| owners.next_record().unwrap().subject).collect()
}

/// Places of the first leaf of each subject on the list: of those with two records, and with one.
fn records_of_subjects(partners: &Partners) -> (Vec<usize>, Vec<usize>) {
    let subjects = subjects(partners);
    let mut leaves = partners.world.snapshot.stored.leaves().unwrap();
    let leaves = core::iter::from_fn(|| leaves.next_leaf().unwrap()).take(330);
    let (mut met, mut two, mut one) = (BTreeSet::new(), Vec::new(), Vec::new());
    for (at, leaf) in leaves.enumerate() {
        let subject = subjects[usize::try_from(leaf.record).unwrap()];
        let records = subjects.iter().filter(|other| **other == subject).count();
        if met.insert(subject) {
            if records == 2 { two.push(at) } else { one.push(at) }
        }
    }
    (two, one)
}
