//! The structures of RFC 3161 and of the part of RFC 5652 (CMS) that a token needs, as far as they are looked at.

use der::asn1::{Any, BitString, Int, ObjectIdentifier, OctetString, SetOfVec, Utf8StringRef};
use der::{Sequence, ValueOrd};

pub(super) const OID_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
pub(super) const OID_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
pub(super) const OID_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
pub(super) const OID_SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
pub(super) const OID_TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
pub(super) const OID_CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
pub(super) const OID_MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
/// ESS signing certificate, by SHA-1 (RFC 2634).
pub(super) const OID_SIGNING_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12");
/// ESS signing certificate, version 2 (RFC 5035).
pub(super) const OID_SIGNING_CERTIFICATE_2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Sequence, ValueOrd)]
pub(super) struct AlgorithmIdentifier {
    pub(super) oid: ObjectIdentifier,
    pub(super) parameters: Option<Any>,
}

impl AlgorithmIdentifier {
    pub(super) fn sha256() -> Self {
        Self { oid: OID_SHA256, parameters: Some(Any::null()) }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct MessageImprint {
    pub(super) hash_algorithm: AlgorithmIdentifier,
    pub(super) hashed_message: OctetString,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct TimeStampReq {
    pub(super) version: u8,
    pub(super) message_imprint: MessageImprint,
    #[asn1(optional = "true")]
    pub(super) req_policy: Option<ObjectIdentifier>,
    #[asn1(optional = "true")]
    pub(super) nonce: Option<Int>,
    #[asn1(default = "no")]
    pub(super) cert_req: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct TimeStampResp {
    pub(super) status: StatusInfo,
    #[asn1(optional = "true")]
    pub(super) time_stamp_token: Option<ContentInfo>,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct StatusInfo {
    /// 0 granted, 1 granted with modifications, others refused.
    pub(super) status: u8,
    #[asn1(optional = "true")]
    pub(super) status_string: Option<Vec<Any>>,
    #[asn1(optional = "true")]
    pub(super) fail_info: Option<BitString>,
}

impl StatusInfo {
    /// What the authority says, bounded: it is shown to a person.
    pub(super) fn words(&self) -> String {
        let said = self.status_string.iter().flatten().filter_map(|text| {
            let text = text.decode_as::<Utf8StringRef<'_>>().ok()?;
            Some(text.as_str().chars().filter(|c| !c.is_control()).take(200).collect::<String>())
        });
        said.take(3).map(|text| format!(", {text:?}")).collect()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct ContentInfo {
    pub(super) content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(super) content: Any,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct SignedData {
    pub(super) version: u8,
    pub(super) digest_algorithms: Any,
    pub(super) encap_content_info: EncapsulatedContentInfo,
    /// A SET OF; as a list, so that its elements stay the bytes that were signed, in whatever order.
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) certificates: Option<Vec<Any>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) crls: Option<Vec<Any>>,
    pub(super) signer_infos: SetOfVec<SignerInfo>,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct EncapsulatedContentInfo {
    pub(super) content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) content: Option<OctetString>,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence, ValueOrd)]
pub(super) struct SignerInfo {
    pub(super) version: u8,
    /// Not looked at: the certificate is the one that verifies and that the signed attributes name.
    pub(super) sid: Any,
    pub(super) digest_algorithm: AlgorithmIdentifier,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) signed_attributes: Option<Vec<Any>>,
    pub(super) signature_algorithm: AlgorithmIdentifier,
    pub(super) signature: OctetString,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) unsigned_attributes: Option<Vec<Any>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct Attribute {
    pub(super) oid: ObjectIdentifier,
    pub(super) values: SetOfVec<Any>,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct TstInfo {
    pub(super) version: u8,
    pub(super) policy: ObjectIdentifier,
    pub(super) message_imprint: MessageImprint,
    pub(super) serial_number: Int,
    /// A GeneralizedTime; as it is, because authorities may give fractions of a second.
    pub(super) gen_time: Any,
    #[asn1(optional = "true")]
    pub(super) accuracy: Option<Accuracy>,
    #[asn1(default = "no")]
    pub(super) ordering: bool,
    #[asn1(optional = "true")]
    pub(super) nonce: Option<Int>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) tsa: Option<Any>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) extensions: Option<Vec<Any>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct Accuracy {
    #[asn1(optional = "true")]
    pub(super) seconds: Option<u32>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) millis: Option<u16>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) micros: Option<u16>,
}

/// ESS signing certificate: the first is the signer's. Policies are not looked at.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct SigningCertificate {
    pub(super) certificates: Vec<Any>,
    #[asn1(optional = "true")]
    pub(super) policies: Option<Vec<Any>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct EssCertId {
    pub(super) hash: OctetString,
    #[asn1(optional = "true")]
    pub(super) issuer_serial: Option<Vec<Any>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct EssCertId2 {
    /// SHA-256 where it is absent.
    #[asn1(optional = "true")]
    pub(super) hash_algorithm: Option<AlgorithmIdentifier>,
    pub(super) hash: OctetString,
    #[asn1(optional = "true")]
    pub(super) issuer_serial: Option<Vec<Any>>,
}

/// The default of booleans.
fn no() -> bool {
    false
}
