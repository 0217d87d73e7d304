//! Identities of nodes: the keys of this one, the pins of its partners, and the rules of TLS.
//!
//! A node has two Ed25519 keys. The TLS key authenticates connections and is pinned by partners as
//! the SHA-256 of its SubjectPublicKeyInfo; the attestation key signs what auditors later read.
//! Partners exchange both as one line of text, [`PublicIdentity`], with a proof beside it. There
//! are no authorities, host names or tickets: each connection is a full handshake, and the one
//! question is whether the key at the other end is pinned (N19, N21).

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::BASE64;
use protocol::attestation::{AttestationKey, PartyId};
use protocol::error::Bug;
use protocol::transcript::Role;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use store::os::{self, Clock, OsError, SystemClock};
use zeroize::Zeroizing;

mod error;
mod pins;
mod text;
mod tls;

pub use error::IdentityError;
pub use pins::Pins;
pub use text::{IdentityTextError, Introduction, LineKind, PublicIdentity, comparison_code};
pub use tls::{Check, offers_classical, verified_peer};
pub(crate) use tls::{Verdict, client_tls, peer_spki, server_tls};

/// The keys of this node; secret, and cheap to clone.
#[derive(Clone)]
pub struct NodeIdentity {
    attestation: Arc<AttestationKey>,
    tls: Arc<CertifiedKey>,
    spki: [u8; 32],
}

impl NodeIdentity {
    /// Makes both keys and a certificate under `dir/keys`, each readable by its owner alone.
    ///
    /// # Errors
    ///
    /// [`IdentityError::Exists`] if there is an identity already: a second one would end every
    /// pin that partners have. Otherwise storage or randomness failed; ours.
    pub fn create(dir: &Path) -> Result<Self, IdentityError> {
        Self::create_at(dir, SystemClock::new().now_unix())
    }

    /// Does what [`Self::create`] does, with the certificate dated as if it were `now`.
    ///
    /// # Errors
    ///
    /// The same as of [`Self::create`].
    pub fn create_at(dir: &Path, now: u64) -> Result<Self, IdentityError> {
        let files = Files::of(dir);
        if files.attestation.exists() || files.tls_key.exists() {
            return Err(IdentityError::Exists { path: files.keys });
        }
        os::create_private_dir(&files.keys)?;
        let attestation = KeyDocument::generate()?;
        let tls = KeyDocument::generate()?;
        let certificate = tls.certificate(now)?;
        os::publish_new(&files.attestation, 0o600, |to| attestation.write(to))?;
        os::publish_new(&files.tls_key, 0o600, |to| tls.write(to))?;
        publish_certificate(&files, &certificate)?;
        Self::assemble(&files, &attestation, &tls, certificate.as_bytes())
    }

    /// Reads the identity under `dir/keys`; a certificate that is absent is made anew.
    ///
    /// Partners pin the key and not the certificate, so a new one changes nothing for them.
    ///
    /// # Errors
    ///
    /// Files that others can read, that are absent or damaged, a certificate of another key, or
    /// one outside its validity; each error says the exact fix. The operator acts.
    pub fn load(dir: &Path) -> Result<Self, IdentityError> {
        let files = Files::of(dir);
        let attestation = KeyDocument::read(&files.attestation)?;
        let tls = KeyDocument::read(&files.tls_key)?;
        let now = SystemClock::new().now_unix();
        let certificate = match read(&files.certificate) {
            Err(IdentityError::Missing { .. }) => {
                let made = tls.certificate(now)?;
                publish_certificate(&files, &made)?;
                Zeroizing::new(made.into_bytes())
            }
            other => other?,
        };
        let identity = Self::assemble(&files, &attestation, &tls, &certificate)?;
        identity.check_validity(&files, now)?;
        Ok(identity)
    }

    /// The text that partners get: the identity line, and the proof that both keys are ours.
    ///
    /// # Errors
    ///
    /// The same as of [`Self::load`], for the two key files.
    pub fn introduction(dir: &Path, role: Role) -> Result<Introduction, IdentityError> {
        let files = Files::of(dir);
        let key = |path| -> Result<AttestationKey, IdentityError> {
            Ok(AttestationKey::from_bytes(&*KeyDocument::read(path)?.seed()?))
        };
        let (attestation, tls) = (key(&files.attestation)?, key(&files.tls_key)?);
        Ok(Introduction::make(role, &attestation, &tls))
    }

    /// Public keys, which partners pin.
    #[must_use]
    pub fn public(&self) -> PublicIdentity {
        PublicIdentity { attestation_key: self.attestation.public(), spki: self.spki }
    }

    /// The party this node acts for.
    #[must_use]
    pub fn party(&self) -> PartyId {
        self.attestation.party()
    }

    /// The key that signs terms, checkpoints and receipts.
    #[must_use]
    pub fn attestation_key(&self) -> Arc<AttestationKey> {
        Arc::clone(&self.attestation)
    }

    fn assemble(
        files: &Files,
        attestation: &KeyDocument,
        tls: &KeyDocument,
        certificate: &[u8],
    ) -> Result<Self, IdentityError> {
        let unreadable = || IdentityError::CertificateMalformed { path: files.certificate.clone() };
        let certificate =
            CertificateDer::from_pem_slice(certificate).map_err(|_| unreadable())?.into_owned();
        let spki = tls::spki_of(&certificate).map_err(|_| unreadable())?;
        let key = tls::provider()
            .key_provider
            .load_private_key(PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(tls.0.to_vec())))
            .map_err(|_| IdentityError::KeyMalformed { path: files.tls_key.clone() })?;
        let tls = CertifiedKey::new(vec![certificate], key);
        tls.keys_match()
            .map_err(|_| IdentityError::KeyMismatch { path: files.certificate.clone() })?;
        let seed = attestation.seed()?;
        Ok(Self {
            attestation: Arc::new(AttestationKey::from_bytes(&seed)),
            tls: Arc::new(tls),
            spki: tls::spki_hash(&spki),
        })
    }

    fn check_validity(&self, files: &Files, now: u64) -> Result<(), IdentityError> {
        let path = || files.certificate.clone();
        let certificate = self
            .tls
            .end_entity_cert()
            .map_err(|_| IdentityError::CertificateMalformed { path: path() })?;
        match tls::check_certificate(certificate, tls::unix(now)) {
            Ok(()) => Ok(()),
            Err(Check::Expired) => Err(IdentityError::Expired { path: path() }),
            Err(Check::NotYetValid) => Err(IdentityError::NotYetValid { path: path() }),
            Err(_) => Err(IdentityError::CertificateMalformed { path: path() }),
        }
    }
}

impl fmt::Debug for NodeIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeIdentity({})", self.public())
    }
}

/// Places of the three files.
struct Files {
    keys: PathBuf,
    attestation: PathBuf,
    tls_key: PathBuf,
    certificate: PathBuf,
}

impl Files {
    fn of(dir: &Path) -> Self {
        let keys = dir.join("keys");
        Self {
            attestation: keys.join("attestation.key"),
            tls_key: keys.join("tls.key"),
            certificate: keys.join("tls.crt"),
            keys,
        }
    }
}

fn publish_certificate(files: &Files, pem: &str) -> Result<(), IdentityError> {
    os::publish_atomically(&files.certificate, 0o600, |to| to.write_all(pem.as_bytes()))?;
    Ok(())
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
    match os::read_private(path) {
        Err(OsError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Err(IdentityError::Missing { path: path.into() })
        }
        other => Ok(other?),
    }
}

/// An Ed25519 key as PKCS#8 version 1: version 2, which rcgen writes, is refused by other readers.
struct KeyDocument(Zeroizing<Vec<u8>>);

impl KeyDocument {
    fn generate() -> Result<Self, IdentityError> {
        let seed = Zeroizing::new(os::entropy::<32>()?);
        let mut document = Zeroizing::new(Vec::with_capacity(PKCS8_V1.len() + 32));
        document.extend_from_slice(&PKCS8_V1);
        document.extend_from_slice(seed.as_ref());
        Ok(Self(document))
    }

    fn read(path: &Path) -> Result<Self, IdentityError> {
        let malformed = || IdentityError::KeyMalformed { path: path.into() };
        let pem = read(path)?;
        let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|_| malformed())?;
        let document = Self(Zeroizing::new(der.secret_pkcs8_der().to_vec()));
        if document.0.len() != PKCS8_V1.len() + 32 || !document.0.starts_with(&PKCS8_V1) {
            return Err(malformed());
        }
        Ok(document)
    }

    fn write(&self, to: &mut dyn Write) -> std::io::Result<()> {
        let body = Zeroizing::new(BASE64.encode(&self.0));
        to.write_all(b"-----BEGIN PRIVATE KEY-----\n")?;
        to.write_all(body.as_bytes())?;
        to.write_all(b"\n-----END PRIVATE KEY-----\n")
    }

    fn seed(&self) -> Result<Zeroizing<[u8; 32]>, IdentityError> {
        self.0
            .last_chunk::<32>()
            .map(|seed| Zeroizing::new(*seed))
            .ok_or_else(|| Bug::invariant().into())
    }

    /// A self-signed certificate in PEM; it names nobody, since the pin is what counts.
    fn certificate(&self, now: u64) -> Result<String, IdentityError> {
        let library = |error: rcgen::Error| IdentityError::Library(error.to_string());
        let der = PrivatePkcs8KeyDer::from(self.0.as_slice());
        let key = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&der, &rcgen::PKCS_ED25519)
            .map_err(library)?;
        let mut params =
            rcgen::CertificateParams::new(vec![COMMON_NAME.into()]).map_err(library)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, COMMON_NAME);
        // A clock that was never set stands at 1970, and so does the certificate.
        let (year, month, day) = date(Some(now.saturating_sub(DAY_S)))?;
        params.not_before = rcgen::date_time_ymd(year, month, day);
        let (year, month, day) = date(now.checked_add(CERTIFICATE_DAYS * DAY_S))?;
        params.not_after = rcgen::date_time_ymd(year, month, day);
        params.serial_number = Some(rcgen::SerialNumber::from_slice(&os::entropy::<16>()?));
        params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            rcgen::ExtendedKeyUsagePurpose::ServerAuth,
            rcgen::ExtendedKeyUsagePurpose::ClientAuth,
        ];
        Ok(params.self_signed(&key).map_err(library)?.pem())
    }
}

/// Day of a Unix time in UTC.
fn date(seconds: Option<u64>) -> Result<(i32, u8, u8), IdentityError> {
    let range = || IdentityError::Clock;
    let timestamp = seconds
        .and_then(|seconds| i64::try_from(seconds).ok())
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .ok_or_else(range)?;
    let day = jiff::tz::TimeZone::UTC.to_datetime(timestamp).date();
    let month = u8::try_from(day.month()).map_err(|_| range())?;
    let of_month = u8::try_from(day.day()).map_err(|_| range())?;
    Ok((i32::from(day.year()), month, of_month))
}

/// Everything before the seed in RFC 8410's version 1 form.
const PKCS8_V1: [u8; 16] = [
    0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
const COMMON_NAME: &str = "veilmatch";
/// Three years: renewing is a local act, because partners pin the key and not the certificate.
const CERTIFICATE_DAYS: u64 = 3 * 365;
const DAY_S: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;
    use report::{Failure, Reader};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn with_node(test: impl FnOnce(&Path, NodeIdentity)) {
        let dir = tempfile::tempdir().expect("temporary directory");
        let home = dir.path().join("node");
        let identity = NodeIdentity::create(&home).expect("created");
        test(&home, identity);
    }

    #[test]
    fn identity_survives_its_files() {
        with_node(|home, made| {
            let loaded = NodeIdentity::load(home).expect("loaded");
            assert_eq!(loaded.public(), made.public());
            assert_eq!(loaded.party(), made.public().party());
            for name in ["attestation.key", "tls.key", "tls.crt"] {
                let mode = fs::metadata(home.join("keys").join(name)).expect("there").mode_bits();
                assert_eq!(mode, 0o600, "{name}");
            }
            assert!(matches!(NodeIdentity::create(home), Err(IdentityError::Exists { .. })));
        });
    }

    trait ModeBits {
        fn mode_bits(&self) -> u32;
    }

    impl ModeBits for fs::Metadata {
        fn mode_bits(&self) -> u32 {
            self.permissions().mode() & 0o777
        }
    }

    #[test]
    fn renewal_keeps_the_pin() {
        with_node(|home, made| {
            let before = fs::read(home.join("keys/tls.crt")).expect("read");
            fs::remove_file(home.join("keys/tls.crt")).expect("removed");
            let renewed = NodeIdentity::load(home).expect("made anew");
            assert_eq!(renewed.public(), made.public());
            assert_ne!(fs::read(home.join("keys/tls.crt")).expect("read"), before);
        });
    }

    #[test]
    fn keys_are_pkcs8_version_1_that_a_second_library_reads() {
        // arch-9
        with_node(|home, made| {
            for name in ["attestation.key", "tls.key"] {
                let pem = fs::read(home.join("keys").join(name)).expect("read");
                let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).expect("PEM");
                let der = der.secret_pkcs8_der();
                assert_eq!(der[..PKCS8_V1.len()], PKCS8_V1, "{name}");
                let pair = ::aws_lc_rs::signature::Ed25519KeyPair::from_pkcs8_maybe_unchecked(der);
                let pair = pair.expect("aws-lc reads it");
                let seed: &[u8; 32] = der.last_chunk().expect("seed");
                let second = AttestationKey::from_bytes(seed).public();
                let first = ::aws_lc_rs::signature::KeyPair::public_key(&pair);
                assert_eq!(first.as_ref(), second, "{name}");
            }
            let pem = fs::read_to_string(home.join("keys/attestation.key")).expect("read");
            let pair = rcgen::KeyPair::from_pem(&pem).expect("rcgen reads it");
            assert_eq!(pair.public_key_raw(), made.public().attestation_key);
        });
    }

    #[test]
    fn load_names_the_file_and_the_fix() {
        // D11, M33
        let message = |home: &Path| {
            Failure::from(NodeIdentity::load(home).expect_err("refused")).lines(&Reader::LOG)
        };
        with_node(|home, _| {
            let key = home.join("keys/tls.key");
            fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("chmod");
            assert!(message(home).contains("chmod 600"), "{}", message(home));
            fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("chmod");
            fs::write(&key, "garbage").expect("write");
            assert!(message(home).contains("tls.key is not an Ed25519 key"), "{}", message(home));
            fs::remove_file(&key).expect("remove");
            assert!(message(home).contains("tls.key is missing"), "{}", message(home));
        });
        with_node(|home, _| {
            with_node(|other, _| {
                fs::copy(other.join("keys/tls.crt"), home.join("keys/tls.crt")).expect("copy");
            });
            assert!(message(home).contains("belongs to another key"), "{}", message(home));
            fs::write(home.join("keys/tls.crt"), "garbage").expect("write");
            assert!(message(home).contains("not a usable certificate"), "{}", message(home));
        });
        let dir = tempfile::tempdir().expect("temporary directory");
        let past = dir.path().join("past");
        let made = NodeIdentity::create_at(&past, 1_500_000_000).expect("created").public();
        assert!(message(&past).contains("has expired"), "{}", message(&past));
        assert!(message(&past).contains("delete it"));
        fs::remove_file(past.join("keys/tls.crt")).expect("removed");
        assert_eq!(NodeIdentity::load(&past).expect("made anew").public(), made);
        assert!(past.join("keys/tls.crt").exists());
        let future = dir.path().join("future");
        NodeIdentity::create_at(&future, 4_000_000_000).expect("created");
        assert!(message(&future).contains("not valid yet"), "{}", message(&future));
    }

    #[test]
    fn debug_shows_public_keys_only() {
        with_node(|home, made| {
            let shown = format!("{made:?}");
            assert_eq!(shown, format!("NodeIdentity({})", made.public()));
            let pem = fs::read(home.join("keys/tls.key")).expect("read");
            let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).expect("PEM");
            let seed: &[u8; 32] = der.secret_pkcs8_der().last_chunk().expect("seed");
            assert!(!shown.contains(&HEXLOWER.encode(seed)));
        });
    }
}
