//! The rules of TLS: who is accepted, and by which check somebody is refused.

use std::sync::{Arc, OnceLock};

use protocol::suite::{ALPN, EXPORTER_LABEL};
use protocol::transcript::Role;
use quinn::crypto::rustls::HandshakeData;
use report::{Arg, Text};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ParsedCertificate};
use rustls::sign::SingleCertAndKey;
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, SignatureScheme};
use session::{ChannelFacts, VerifiedPeer};
use sha2::{Digest, Sha256};

use super::{NodeIdentity, Pins};

/// The check of a handshake that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// The TLS key is not among the pins.
    Unpinned,
    /// The certificate is no longer valid.
    Expired,
    /// The certificate is not valid yet.
    NotYetValid,
    /// The peer says that ours is outside its validity, without saying on which side.
    Validity,
    /// The key is not an Ed25519 key, or the certificate forbids this use.
    KeyType,
    /// The certificate cannot be read, is not signed by its own key, or came with others.
    Certificate,
    /// The handshake was not signed by the key of the certificate.
    Signature,
    /// There was no certificate.
    Missing,
    /// Another application protocol, or none.
    Alpn,
    /// No common key exchange or cipher suite: X25519MLKEM768 is the only one we offer.
    KeyExchange,
    /// No common version of QUIC or TLS.
    Version,
    /// Another TLS alert.
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

    /// True if the nodes do not fit together, rather than one not trusting the other.
    #[must_use]
    pub const fn is_incompatibility(self) -> bool {
        matches!(self, Self::Alpn | Self::KeyExchange | Self::Version | Self::Alert(_))
    }

    /// The check in words.
    pub(crate) fn text(self) -> Text {
        Text::new(match self {
            Self::Unpinned => "check-unpinned",
            Self::Expired => "check-expired",
            Self::NotYetValid => "check-not-yet-valid",
            Self::Validity => "check-validity",
            Self::KeyType => "check-key-type",
            Self::Certificate => "check-certificate",
            Self::Signature => "check-signature",
            Self::Missing => "check-missing",
            Self::Alpn => "check-alpn",
            Self::KeyExchange => "check-key-exchange",
            Self::Version => "check-version",
            Self::Alert(number) => {
                return Text::new("check-alert").with("number", Arg::Number(number.into()));
            }
        })
    }

    /// The error that rustls turns into an alert: distinct ones, so that the other side can name
    /// the check too.
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
pub(super) fn provider() -> Arc<CryptoProvider> {
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
        self.pins.count_check();
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

/// Checks that a certificate is signed by its own key, valid at `now`, and may sign handshakes.
///
/// The certificate is its own trust anchor here: the pin says whose key it is, and webpki then
/// reads the dates and the purposes, so that no parser of ours meets a peer's bytes. Purposes are
/// checked as a server's on both sides, since certificates of nodes serve both.
pub(super) fn check_certificate(
    certificate: &CertificateDer<'_>,
    now: UnixTime,
) -> Result<(), Check> {
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

pub(super) fn spki_of(
    certificate: &CertificateDer<'_>,
) -> Result<SubjectPublicKeyInfoDer<'static>, Check> {
    ParsedCertificate::try_from(certificate)
        .map(|parsed| parsed.subject_public_key_info())
        .map_err(|_| Check::Certificate)
}

pub(super) fn spki_hash(spki: &SubjectPublicKeyInfoDer<'_>) -> [u8; 32] {
    Sha256::digest(spki.as_ref()).into()
}

fn is_ed25519(spki: &SubjectPublicKeyInfoDer<'_>) -> bool {
    spki.len() == SPKI_ED25519.len() + 32 && spki.starts_with(&SPKI_ED25519)
}

pub(super) fn unix(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds))
}

/// Everything before the key in the SubjectPublicKeyInfo of an Ed25519 key.
pub(super) const SPKI_ED25519: [u8; 12] =
    [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::PublicIdentity;

    fn with_node(test: impl FnOnce(NodeIdentity)) {
        let dir = tempfile::tempdir().expect("temporary directory");
        test(NodeIdentity::create(&dir.path().join("node")).expect("created"));
    }

    #[test]
    fn tls_rules_offer_one_group_and_nothing_to_resume() {
        // N21, N23, A24, arch-6, arch-8, arch-10
        with_node(|identity| {
            let pins = Pins::new([PublicIdentity { attestation_key: [7; 32], spki: [9; 32] }]);
            let (server, _) = server_tls(&identity, &pins).expect("server");
            let (client, _) = client_tls(&identity, &pins).expect("client");
            assert_eq!(server.send_tls13_tickets, 0);
            assert_eq!(server.max_early_data_size, 0);
            assert!(!server.session_storage.can_cache());
            assert!(!client.enable_early_data);
            assert!(!client.enable_sni);
            assert_eq!(server.alpn_protocols, [b"veilmatch/3"]);
            assert_eq!(client.alpn_protocols, [b"veilmatch/3"]);
            for provider in [server.crypto_provider(), client.crypto_provider()] {
                let groups: Vec<_> = provider.kx_groups.iter().map(|group| group.name()).collect();
                assert_eq!(groups, [rustls::NamedGroup::X25519MLKEM768]);
                let suites: Vec<_> = provider.cipher_suites.iter().map(|s| s.suite()).collect();
                assert!(suites.contains(&rustls::CipherSuite::TLS13_AES_128_GCM_SHA256));
            }
        });
    }
}
