//! Whose signature it is: certificates that lead to an authority which the verifier named.

use std::time::Duration;

use der::asn1::ObjectIdentifier;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert, ring as algorithm};

use super::StampError;
use super::asn1::{OID_SHA256, OID_SHA384, OID_SHA512};

/// The key purpose `timeStamping`, 1.3.6.1.5.5.7.3.8, as DER.
const TIME_STAMPING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const RSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const RSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// Most certificates of a file and of a token.
const CERTIFICATES_MAX: usize = 200;

type Algorithm = &'static dyn SignatureVerificationAlgorithm;

/// With what certificates may be signed.
const OF_CERTIFICATES: &[Algorithm] = &[
    algorithm::RSA_PKCS1_2048_8192_SHA256,
    algorithm::RSA_PKCS1_2048_8192_SHA384,
    algorithm::RSA_PKCS1_2048_8192_SHA512,
    algorithm::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    algorithm::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    algorithm::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
    algorithm::ECDSA_P256_SHA256,
    algorithm::ECDSA_P256_SHA384,
    algorithm::ECDSA_P384_SHA256,
    algorithm::ECDSA_P384_SHA384,
    algorithm::ED25519,
];

/// The certificate authorities that a verifier trusts with time.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorities {
    certificates: Vec<CertificateDer<'static>>,
}

impl std::fmt::Debug for Authorities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Authorities({})", self.certificates.len())
    }
}

impl Authorities {
    /// The certificates of a PEM file, each trusted by itself.
    ///
    /// # Errors
    /// [`StampError::Authorities`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, StampError> {
        let wrong = |why: String| StampError::Authorities(why);
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
            .take(CERTIFICATES_MAX)
            .collect::<Result<_, _>>()
            .map_err(|error| wrong(error.to_string()))?;
        if certificates.is_empty() {
            return Err(wrong("there is none".to_owned()));
        }
        for certificate in &certificates {
            anchor_from_trusted_cert(certificate).map_err(|error| wrong(error.to_string()))?;
        }
        Ok(Self { certificates })
    }
}

/// What a signature of this algorithm may be checked with.
pub(super) fn algorithms(signature: ObjectIdentifier, digest: ObjectIdentifier) -> Vec<Algorithm> {
    match (signature, digest) {
        (RSA, OID_SHA256) | (RSA_SHA256, _) => vec![algorithm::RSA_PKCS1_2048_8192_SHA256],
        (RSA, OID_SHA384) | (RSA_SHA384, _) => vec![algorithm::RSA_PKCS1_2048_8192_SHA384],
        (RSA, OID_SHA512) | (RSA_SHA512, _) => vec![algorithm::RSA_PKCS1_2048_8192_SHA512],
        (ECDSA_SHA256, _) => vec![algorithm::ECDSA_P256_SHA256, algorithm::ECDSA_P384_SHA256],
        (ECDSA_SHA384, _) => vec![algorithm::ECDSA_P256_SHA384, algorithm::ECDSA_P384_SHA384],
        (ED25519, _) => vec![algorithm::ED25519],
        _ => Vec::new(),
    }
}

/// Whether a certificate of the token that the signed attributes name made the signature, and leads to an authority at that time.
pub(super) fn check(
    certificates: &[Vec<u8>],
    authorities: &Authorities,
    unix_s: u64,
    named: impl Fn(&[u8]) -> bool,
    algorithms: &[Algorithm],
    signed: &[u8],
    signature: &[u8],
) -> Result<(), StampError> {
    let wrong = |what: String| Err(StampError::Signature(what));
    if algorithms.is_empty() {
        return wrong("its algorithm is not one that is known here".to_owned());
    }
    let certificates: Vec<CertificateDer<'_>> =
        certificates.iter().take(CERTIFICATES_MAX).map(|der| CertificateDer::from(der.as_slice())).collect();
    let Some(signer) = certificates.iter().find(|certificate| named(certificate.as_ref())) else {
        return wrong("it does not name the certificate that made it, or that one is missing".to_owned());
    };
    let signer = match EndEntityCert::try_from(signer) {
        Ok(signer) => signer,
        Err(error) => return wrong(format!("its certificate can not be read: {error}")),
    };
    if !algorithms.iter().any(|with| signer.verify_signature(*with, signed, signature).is_ok()) {
        return wrong("it was not made with its certificate's key".to_owned());
    }
    // What was checked when the file was read is an anchor.
    let anchors: Vec<_> =
        authorities.certificates.iter().filter_map(|one| anchor_from_trusted_cert(one).ok()).collect();
    let time = UnixTime::since_unix_epoch(Duration::from_secs(unix_s));
    let usage = KeyUsage::required(TIME_STAMPING);
    match signer.verify_for_usage(OF_CERTIFICATES, &anchors, &certificates, time, usage, None, None) {
        Ok(_) => Ok(()),
        Err(error) => wrong(format!("its certificate does not lead to an authority that was named: {error}")),
    }
}
