//! Who this node is on the wire, and whom it accepts: keys, pins, and the TLS rules.
//!
//! A node has two Ed25519 keys. The TLS key authenticates connections and is pinned by partners as
//! the SHA-256 of its SubjectPublicKeyInfo; the attestation key signs what auditors later read.
//! Partners exchange both as one line of text, [`PublicIdentity`], with a proof beside it. There
//! are no authorities, host names or tickets: each connection is a full handshake, and the one
//! question is whether the key at the other end is pinned (N19, N21).

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use protocol::attestation::{AttestationKey, PartyId};
use protocol::suite::{ALPN, EXPORTER_LABEL};
use protocol::transcript::Role;
use quinn::crypto::rustls::HandshakeData;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer,
    UnixTime,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ParsedCertificate};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, SignatureScheme};
use session::{ChannelFacts, VerifiedPeer};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use store::os::{self, Clock, OsError, SystemClock};

mod text;

pub use text::{IdentityTextError, Introduction, PublicIdentity, comparison_code};

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
    /// As [`Self::create`].
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

    /// Writes a new certificate for the TLS key that is there; partners keep their pins.
    ///
    /// # Errors
    ///
    /// As [`Self::load`], without those about the certificate.
    pub fn renew_certificate(dir: &Path) -> Result<Self, IdentityError> {
        let files = Files::of(dir);
        let tls = KeyDocument::read(&files.tls_key)?;
        publish_certificate(&files, &tls.certificate(SystemClock::new().now_unix())?)?;
        Self::load(dir)
    }

    /// The text that partners get: the identity line, and the proof that both keys are ours.
    ///
    /// # Errors
    ///
    /// As [`Self::load`], for the two key files.
    pub fn introduction(dir: &Path, role: Role) -> Result<Introduction, IdentityError> {
        let files = Files::of(dir);
        let key = |path| -> Result<AttestationKey, IdentityError> {
            Ok(AttestationKey::from_bytes(&*KeyDocument::read(path)?.seed()?))
        };
        let (attestation, tls) = (key(&files.attestation)?, key(&files.tls_key)?);
        Ok(Introduction::make(role, &attestation, &tls))
    }

    /// What partners pin.
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
        let spki = spki_of(&certificate).map_err(|_| unreadable())?;
        let key = provider()
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
            spki: spki_hash(&spki),
        })
    }

    fn check_validity(&self, files: &Files, now: u64) -> Result<(), IdentityError> {
        let path = || files.certificate.clone();
        let certificate = self
            .tls
            .end_entity_cert()
            .map_err(|_| IdentityError::CertificateMalformed { path: path() })?;
        match check_certificate(certificate, unix(now)) {
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

/// Why this node's own keys cannot be used; the operator acts, exit status 78.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file or directory is not as it must be.
    #[error(transparent)]
    World(#[from] OsError),
    /// There is an identity already.
    #[error("an identity is in {} already; try: keep it, partners have pinned it", path.display())]
    Exists {
        /// The directory of the keys.
        path: PathBuf,
    },
    /// A file of the identity is absent.
    #[error(
        "{} is missing; try: restore it from the backup of this directory, or run `init` in an \
         empty one and have partners pin the new identity",
        path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A key file is damaged or of another kind.
    #[error(
        "{} is not an Ed25519 key in PKCS#8 version 1 (PEM); try: restore it from the backup",
        path.display()
    )]
    KeyMalformed {
        /// The file.
        path: PathBuf,
    },
    /// The certificate file is damaged.
    #[error(
        "{} is not a usable certificate; try: delete it, and it is made anew from tls.key",
        path.display()
    )]
    CertificateMalformed {
        /// The file.
        path: PathBuf,
    },
    /// The certificate is another key's.
    #[error(
        "{} belongs to another key than tls.key beside it; try: restore both from one backup, or \
         delete the certificate if tls.key is the right one",
        path.display()
    )]
    KeyMismatch {
        /// The certificate.
        path: PathBuf,
    },
    /// The certificate is no longer valid.
    #[error(
        "{} has expired; try: delete it, and it is made anew; partners need to do nothing",
        path.display()
    )]
    Expired {
        /// The certificate.
        path: PathBuf,
    },
    /// The certificate is not valid yet.
    #[error("{} is not valid yet; try: check the clock of this machine", path.display())]
    NotYetValid {
        /// The certificate.
        path: PathBuf,
    },
    /// The cryptographic library refused its own work.
    #[error("the TLS library failed to make a certificate: {0}")]
    Library(String),
}

/// The partners this node accepts, by the SPKI hash of their TLS key.
///
/// Clones share one set. A change holds for the next handshake; connections that stand are closed
/// by [`close_unpinned`].
///
/// [`close_unpinned`]: crate::quic::ProviderEndpoint::close_unpinned
#[derive(Clone, Default)]
pub struct Pins(Arc<PinSet>);

#[derive(Default)]
struct PinSet {
    /// Attestation keys by the hash of the TLS key.
    keys: RwLock<BTreeMap<[u8; 32], [u8; 32]>>,
    verifier_calls: AtomicU64,
}

impl Pins {
    /// Pins these identities.
    #[must_use]
    pub fn new(identities: impl IntoIterator<Item = PublicIdentity>) -> Self {
        let pins = Self::default();
        pins.replace(identities);
        pins
    }

    /// Pins these identities and no other.
    pub fn replace(&self, identities: impl IntoIterator<Item = PublicIdentity>) {
        let keys = identities.into_iter().map(|one| (one.spki, one.attestation_key)).collect();
        *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// The party whose TLS key has this SPKI hash.
    #[must_use]
    pub fn party(&self, spki: &[u8; 32]) -> Option<PartyId> {
        self.attestation_key(spki).map(|key| PartyId::of(&key))
    }

    /// The attestation key of that party.
    #[must_use]
    pub fn attestation_key(&self, spki: &[u8; 32]) -> Option<[u8; 32]> {
        self.0.keys.read().unwrap_or_else(PoisonError::into_inner).get(spki).copied()
    }

    /// How often a certificate was checked against this set; equals the number of handshakes that
    /// came that far, because nothing is resumed (N21).
    #[must_use]
    pub fn verifier_calls(&self) -> u64 {
        self.0.verifier_calls.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Pins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.keys.read().unwrap_or_else(PoisonError::into_inner).len();
        write!(f, "Pins({count})")
    }
}

/// The check of a handshake that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Check {
    /// The TLS key is not among the pins.
    #[error("the TLS key is not pinned")]
    Unpinned,
    /// The certificate is no longer valid.
    #[error("the certificate has expired")]
    Expired,
    /// The certificate is not valid yet.
    #[error("the certificate is not valid yet")]
    NotYetValid,
    /// The peer says that ours is outside its validity, without saying on which side.
    #[error("the certificate is outside its period of validity")]
    Validity,
    /// The key is not an Ed25519 key, or the certificate forbids this use.
    #[error("the certificate is not for an Ed25519 key that may sign handshakes")]
    KeyType,
    /// The certificate cannot be read, is not signed by its own key, or came with others.
    #[error("the certificate is not a self-signed one that can be read")]
    Certificate,
    /// The handshake was not signed by the key of the certificate.
    #[error("the handshake is not signed by the key of the certificate")]
    Signature,
    /// There was no certificate.
    #[error("no certificate was shown")]
    Missing,
    /// Another application protocol, or none.
    #[error("the application protocol (ALPN) is not veilmatch/2")]
    Alpn,
    /// No common key exchange or cipher suite: X25519MLKEM768 is the only one we offer.
    #[error("no common key exchange: X25519MLKEM768 is required")]
    KeyExchange,
    /// No common version of QUIC or TLS.
    #[error("no common version of QUIC and TLS 1.3")]
    Version,
    /// Another TLS alert.
    #[error("TLS alert {0}")]
    Alert(u8),
}

impl Check {
    /// The check behind a TLS alert.
    #[must_use]
    pub const fn from_alert(alert: u8) -> Self {
        match alert {
            40 => Self::KeyExchange,
            42 | 46 | 48 => Self::Certificate,
            43 => Self::KeyType,
            45 => Self::Validity,
            49 => Self::Unpinned,
            51 => Self::Signature,
            70 => Self::Version,
            116 => Self::Missing,
            120 => Self::Alpn,
            other => Self::Alert(other),
        }
    }

    /// Whether the nodes do not fit together, rather than one not trusting the other.
    #[must_use]
    pub const fn is_incompatibility(self) -> bool {
        matches!(self, Self::Alpn | Self::KeyExchange | Self::Version | Self::Alert(_))
    }

    /// What rustls tells the peer: distinct alerts, so that the other side can name the check too.
    fn alert(self) -> rustls::Error {
        let error = match self {
            Self::Unpinned => CertificateError::ApplicationVerificationFailure,
            Self::Expired => CertificateError::Expired,
            Self::NotYetValid => CertificateError::NotValidYet,
            Self::KeyType => CertificateError::InvalidPurpose,
            Self::Signature => CertificateError::BadSignature,
            _ => CertificateError::BadEncoding,
        };
        rustls::Error::InvalidCertificate(error)
    }
}

/// The check that failed in one handshake, kept aside because QUIC carries errors as text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Verdict(Arc<OnceLock<Check>>);

impl Verdict {
    /// The first check that failed, if one of ours did.
    pub(crate) fn failed(&self) -> Option<Check> {
        self.0.get().copied()
    }

    fn refuse(&self, check: Check) -> rustls::Error {
        let _ = self.0.set(check);
        check.alert()
    }
}

/// TLS rules of the provider for one connection (N17, N21, N23).
///
/// # Errors
///
/// [`rustls::Error`] if the library refuses the configuration; a defect.
pub(crate) fn server_tls(
    identity: &NodeIdentity,
    pins: &Pins,
) -> Result<(rustls::ServerConfig, Verdict), rustls::Error> {
    let (verifier, verdict) = PinVerifier::new(pins);
    let mut config = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&identity.tls))));
    // [G31]
    config.alpn_protocols = vec![ALPN.to_vec()];
    // [G30]
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok((config, verdict))
}

/// TLS rules of the advertiser for one connection (N17, N21, N23).
///
/// # Errors
///
/// [`rustls::Error`] if the library refuses the configuration; a defect.
pub(crate) fn client_tls(
    identity: &NodeIdentity,
    pins: &Pins,
) -> Result<(rustls::ClientConfig, Verdict), rustls::Error> {
    let (verifier, verdict) = PinVerifier::new(pins);
    let mut config = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&identity.tls))));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    // The name in a ClientHello is readable on the path, and nothing here depends on names.
    config.enable_sni = false;
    Ok((config, verdict))
}

/// Turns a finished handshake into the fact that sessions rest on; the one place that does.
///
/// Takes the certificate the peer proved, looks its key up once more, and derives the exporter
/// that binds the session to this connection.
///
/// # Errors
///
/// The [`Check`] that failed; nothing of a session may start then.
pub fn verified_peer(
    connection: &quinn::Connection,
    own: &NodeIdentity,
    role: Role,
    pins: &Pins,
) -> Result<VerifiedPeer, Check> {
    let protocol = connection
        .handshake_data()
        .and_then(|data| data.downcast::<HandshakeData>().ok())
        .and_then(|data| data.protocol);
    // [G31]
    if protocol.as_deref() != Some(ALPN) {
        return Err(Check::Alpn);
    }
    let chain = connection
        .peer_identity()
        .and_then(|chain| chain.downcast::<Vec<CertificateDer<'static>>>().ok())
        .ok_or(Check::Missing)?;
    let certificate = chain.first().ok_or(Check::Missing)?;
    let spki = spki_hash(&spki_of(certificate)?);
    let key = pins.attestation_key(&spki).ok_or(Check::Unpinned)?;
    let mut exporter = [0; 32];
    connection
        .export_keying_material(&mut exporter, EXPORTER_LABEL, b"")
        .map_err(|_| Check::Version)?;
    let (spki_advertiser, spki_provider) = match role {
        Role::Advertiser => (own.spki, spki),
        Role::Provider => (spki, own.spki),
    };
    Ok(VerifiedPeer::assertion(key, ChannelFacts { exporter, spki_advertiser, spki_provider }))
}

/// SHA-256 of the SubjectPublicKeyInfo that the peer of a connection proved.
pub(crate) fn peer_spki(peer: &VerifiedPeer, role: Role) -> [u8; 32] {
    match role {
        Role::Advertiser => peer.channel().spki_provider,
        Role::Provider => peer.channel().spki_advertiser,
    }
}

/// True if a key exchange without ML-KEM is among those offered, which no release does.
#[must_use]
pub fn offers_classical() -> bool {
    provider().kx_groups.iter().any(|group| group.name() != rustls::NamedGroup::X25519MLKEM768)
}

/// The provider of cryptography: one key exchange, TLS 1.3 suites only (A24).
///
/// quinn does not report the negotiated group, so the policy is kept by offering nothing else.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| {
        let mut provider = aws_lc_rs::default_provider();
        provider.kx_groups = vec![aws_lc_rs::kx_group::X25519MLKEM768];
        provider.cipher_suites.retain(|suite| suite.tls13().is_some());
        Arc::new(provider)
    }))
}

/// Accepts a certificate if its key is pinned, it is valid now, and the handshake is signed by it.
#[derive(Debug)]
struct PinVerifier {
    pins: Pins,
    verdict: Verdict,
}

impl PinVerifier {
    fn new(pins: &Pins) -> (Self, Verdict) {
        let verdict = Verdict::default();
        (Self { pins: pins.clone(), verdict: verdict.clone() }, verdict)
    }

    fn check(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        self.pins.0.verifier_calls.fetch_add(1, Ordering::Relaxed);
        self.examine(certificate, others, now).map_err(|check| self.verdict.refuse(check))
    }

    fn examine(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Check> {
        if !others.is_empty() {
            return Err(Check::Certificate);
        }
        let spki = spki_of(certificate)?;
        if !is_ed25519(&spki) {
            return Err(Check::KeyType);
        }
        self.pins.party(&spki_hash(&spki)).ok_or(Check::Unpinned)?;
        check_certificate(certificate, now)
    }

    fn check_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if signature.scheme != SignatureScheme::ED25519 {
            return Err(self.verdict.refuse(Check::KeyType));
        }
        let algorithms = &provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
            .map_err(|_| self.verdict.refuse(Check::Signature))
    }
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.check(end_entity, intermediates, now).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(self.verdict.refuse(Check::Version))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.check_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ClientCertVerifier for PinVerifier {
    fn client_auth_mandatory(&self) -> bool {
        // [G29]
        true
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.check(end_entity, intermediates, now).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(self.verdict.refuse(Check::Version))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.check_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

/// Whether a certificate is signed by its own key, valid at `now`, and may sign handshakes.
///
/// The certificate is its own trust anchor here: the pin says whose key it is, and webpki then
/// reads the dates and the purposes, so that no parser of ours meets a peer's bytes. Purposes are
/// checked as a server's on both sides, since certificates of nodes serve both.
fn check_certificate(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Check> {
    let parsed = ParsedCertificate::try_from(certificate).map_err(|_| Check::Certificate)?;
    let mut anchors = rustls::RootCertStore::empty();
    anchors.add(certificate.clone().into_owned()).map_err(|_| Check::Certificate)?;
    let algorithms = provider().signature_verification_algorithms.all;
    verify_server_cert_signed_by_trust_anchor(&parsed, &anchors, &[], now, algorithms).map_err(
        |error| match error {
            rustls::Error::InvalidCertificate(why) => match why {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    Check::Expired
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    Check::NotYetValid
                }
                CertificateError::InvalidPurpose
                | CertificateError::InvalidPurposeContext { .. } => Check::KeyType,
                _ => Check::Certificate,
            },
            _ => Check::Certificate,
        },
    )
}

fn spki_of(certificate: &CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'static>, Check> {
    ParsedCertificate::try_from(certificate)
        .map(|parsed| parsed.subject_public_key_info())
        .map_err(|_| Check::Certificate)
}

fn spki_hash(spki: &SubjectPublicKeyInfoDer<'_>) -> [u8; 32] {
    Sha256::digest(spki.as_ref()).into()
}

fn is_ed25519(spki: &SubjectPublicKeyInfoDer<'_>) -> bool {
    spki.len() == SPKI_ED25519.len() + 32 && spki.starts_with(&SPKI_ED25519)
}

fn unix(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds))
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
        let body = Zeroizing::new(data_encoding::BASE64.encode(&self.0));
        to.write_all(b"-----BEGIN PRIVATE KEY-----\n")?;
        to.write_all(body.as_bytes())?;
        to.write_all(b"\n-----END PRIVATE KEY-----\n")
    }

    fn seed(&self) -> Result<Zeroizing<[u8; 32]>, IdentityError> {
        self.0
            .last_chunk::<32>()
            .map(|seed| Zeroizing::new(*seed))
            .ok_or_else(|| IdentityError::Library("short key".into()))
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
        let (year, month, day) = date(now.saturating_sub(DAY_S))?;
        params.not_before = rcgen::date_time_ymd(year, month, day);
        let (year, month, day) = date(now.saturating_add(CERTIFICATE_DAYS * DAY_S))?;
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
fn date(seconds: u64) -> Result<(i32, u8, u8), IdentityError> {
    let range = || IdentityError::Library("date out of range".into());
    let timestamp = i64::try_from(seconds)
        .ok()
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
/// Everything before the key in the SubjectPublicKeyInfo of an Ed25519 key.
const SPKI_ED25519: [u8; 12] =
    [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00];
const COMMON_NAME: &str = "veilmatch";
/// Three years: renewing is a local act, because partners pin the key and not the certificate.
const CERTIFICATE_DAYS: u64 = 3 * 365;
const DAY_S: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn fixed() -> PublicIdentity {
        PublicIdentity { attestation_key: [7; 32], spki: [9; 32] }
    }

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
            let renewed = NodeIdentity::renew_certificate(home).expect("renewed");
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
        let message = |home: &Path| NodeIdentity::load(home).expect_err("refused").to_string();
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
            assert!(!shown.contains(&data_encoding::HEXLOWER.encode(seed)));
        });
    }

    #[test]
    fn tls_rules_offer_one_group_and_nothing_to_resume() {
        // N21, N23, A24, arch-6, arch-8, arch-10
        with_node(|_, identity| {
            let pins = Pins::new([fixed()]);
            let (server, _) = server_tls(&identity, &pins).expect("server");
            let (client, _) = client_tls(&identity, &pins).expect("client");
            assert_eq!(server.send_tls13_tickets, 0);
            assert_eq!(server.max_early_data_size, 0);
            assert!(!server.session_storage.can_cache());
            assert!(!client.enable_early_data);
            assert!(!client.enable_sni);
            assert_eq!(server.alpn_protocols, [b"veilmatch/2"]);
            assert_eq!(client.alpn_protocols, [b"veilmatch/2"]);
            for provider in [server.crypto_provider(), client.crypto_provider()] {
                let groups: Vec<_> = provider.kx_groups.iter().map(|group| group.name()).collect();
                assert_eq!(groups, [rustls::NamedGroup::X25519MLKEM768]);
                let suites: Vec<_> = provider.cipher_suites.iter().map(|s| s.suite()).collect();
                assert!(suites.contains(&rustls::CipherSuite::TLS13_AES_128_GCM_SHA256));
            }
        });
    }

    #[test]
    fn pins_change_for_every_holder() {
        let pins = Pins::new([fixed()]);
        let held = pins.clone();
        assert_eq!(held.party(&[9; 32]), Some(fixed().party()));
        pins.replace([]);
        assert_eq!(held.party(&[9; 32]), None);
        assert_eq!(format!("{held:?}"), "Pins(0)");
    }
}
