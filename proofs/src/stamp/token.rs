//! A token: what the authority says, and its signature over it.

use der::asn1::{Any, ObjectIdentifier, OctetString};
use der::{Decode as _, Encode as _, Tag, Tagged as _};
use ring::digest;

use super::asn1::{
    Attribute, ContentInfo, EssCertId, EssCertId2, OID_CONTENT_TYPE, OID_MESSAGE_DIGEST, OID_SHA256, OID_SHA384,
    OID_SHA512, OID_SIGNED_DATA, OID_SIGNING_CERTIFICATE, OID_SIGNING_CERTIFICATE_2, OID_TST_INFO, SignedData,
    SignerInfo, SigningCertificate, TstInfo,
};
use super::chain::{self, Authorities};
use super::{StampError, malformed};

/// A signed token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) info: TstInfo,
    /// The bytes that the signed attributes name by their digest.
    content: Vec<u8>,
    signer: SignerInfo,
    /// The certificates that came with it, DER.
    certificates: Vec<Vec<u8>>,
}

impl Token {
    pub(super) fn read(token: &ContentInfo) -> Result<Self, StampError> {
        let wrong = |what: &str| StampError::Malformed(what.to_owned());
        if token.content_type != OID_SIGNED_DATA {
            return Err(wrong("the token is not signed"));
        }
        let signed: SignedData = token.content.decode_as().map_err(malformed)?;
        if signed.encap_content_info.content_type != OID_TST_INFO {
            return Err(wrong("the token signs something else than a time"));
        }
        let content = signed.encap_content_info.content.ok_or_else(|| wrong("the token holds no time"))?;
        let info = TstInfo::from_der(content.as_bytes()).map_err(malformed)?;
        let [signer] = signed.signer_infos.as_slice() else { return Err(wrong("a token has one signature")) };
        let certificates = signed.certificates.into_iter().flatten().map(|one| one.to_der().map_err(malformed));
        Ok(Self {
            info,
            content: content.into_bytes(),
            signer: signer.clone(),
            certificates: certificates.collect::<Result<_, _>>()?,
        })
    }

    /// The time, as RFC 3339 and in seconds since 1970. Fractions of a second are dropped.
    pub(super) fn time(&self) -> Result<(String, u64), StampError> {
        let time = &self.info.gen_time;
        let text = std::str::from_utf8(time.value()).ok().filter(|_| time.tag() == Tag::GeneralizedTime);
        let read = || {
            let (digits, rest) = text?.split_at_checked(14)?;
            let fraction = rest.strip_suffix('Z')?;
            let fits = fraction.is_empty() || fraction.strip_prefix('.')?.bytes().all(|byte| byte.is_ascii_digit());
            let number = |range: std::ops::Range<usize>| digits.get(range)?.parse::<u16>().ok();
            let byte = |range| number(range).and_then(|number| u8::try_from(number).ok());
            let (month, day, hour, minute, second) =
                (byte(4..6)?, byte(6..8)?, byte(8..10)?, byte(10..12)?, byte(12..14)?);
            let at = der::DateTime::new(number(0..4)?, month, day, hour, minute, second).ok().filter(|_| fits)?;
            Some((at.to_string(), at.unix_duration().as_secs()))
        };
        read().ok_or_else(|| StampError::Malformed("its time can not be read".to_owned()))
    }

    /// See [`super::Stamp::signed_by`].
    pub(super) fn signed_by(&self, authorities: &Authorities, unix_s: u64) -> Result<(), StampError> {
        let wrong = |what: &str| StampError::Signature(what.to_owned());
        let attributes =
            self.signer.signed_attributes.as_deref().ok_or_else(|| wrong("it has no signed attributes"))?;
        let read: Vec<Attribute> =
            attributes.iter().map(|one| one.decode_as()).collect::<Result<_, _>>().map_err(malformed)?;
        let kind: ObjectIdentifier =
            only(&read, OID_CONTENT_TYPE).and_then(|value| value.decode_as().ok()).ok_or_else(|| wrong("no type"))?;
        let named: OctetString = only(&read, OID_MESSAGE_DIGEST)
            .and_then(|value| value.decode_as().ok())
            .ok_or_else(|| wrong("no digest"))?;
        let algorithm = digest_of(self.signer.digest_algorithm.oid).ok_or_else(|| wrong("an unknown digest"))?;
        if kind != OID_TST_INFO || digest::digest(algorithm, &self.content).as_ref() != named.as_bytes() {
            return Err(wrong("what was signed is not the time that it tells"));
        }
        // What is signed is the attributes as a SET OF (RFC 5652, section 5.4), in the order in which they stand.
        let mut inner = Vec::new();
        for attribute in attributes {
            inner.extend(attribute.to_der().map_err(malformed)?);
        }
        let signed = Any::new(Tag::Set, inner).and_then(|set| set.to_der()).map_err(malformed)?;
        let signature = self.signer.signature.as_bytes();
        let algorithms = chain::algorithms(self.signer.signature_algorithm.oid, self.signer.digest_algorithm.oid);
        let named = |certificate: &[u8]| names(&read, certificate);
        chain::check(&self.certificates, authorities, unix_s, named, &algorithms, &signed, signature)
    }
}

/// The one value of an attribute that is there once.
fn only(attributes: &[Attribute], oid: ObjectIdentifier) -> Option<&Any> {
    let mut found = attributes.iter().filter(|attribute| attribute.oid == oid);
    let (first, more) = (found.next()?, found.next());
    first.values.as_slice().first().filter(|_| more.is_none() && first.values.len() == 1)
}

/// Whether the signed attributes name this certificate as the signer's (RFC 3161, section 2.4.2; RFC 5816).
fn names(attributes: &[Attribute], certificate: &[u8]) -> bool {
    let first = |oid| {
        let certificates: SigningCertificate = only(attributes, oid)?.decode_as().ok()?;
        certificates.certificates.into_iter().next()
    };
    if let Some(id) = first(OID_SIGNING_CERTIFICATE_2).and_then(|id| id.decode_as::<EssCertId2>().ok()) {
        let algorithm = digest_of(id.hash_algorithm.map_or(OID_SHA256, |algorithm| algorithm.oid));
        return algorithm.is_some_and(|with| digest::digest(with, certificate).as_ref() == id.hash.as_bytes());
    }
    let id = first(OID_SIGNING_CERTIFICATE).and_then(|id| id.decode_as::<EssCertId>().ok());
    let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, certificate);
    id.is_some_and(|id| id.hash.as_bytes() == sha1.as_ref())
}

fn digest_of(oid: ObjectIdentifier) -> Option<&'static digest::Algorithm> {
    match oid {
        OID_SHA256 => Some(&digest::SHA256),
        OID_SHA384 => Some(&digest::SHA384),
        OID_SHA512 => Some(&digest::SHA512),
        _ => None,
    }
}
