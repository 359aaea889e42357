//! Time stamps (RFC 3161): an authority's signed word that the proof's envelope was there at a time.
//!
//! Owns the request, the check of an answer, and the check of its signature against certificates that the verifier brings. It opens no
//! connection and reads no clock: callers send what [`StampRequest`] gives and hand in what came back.

mod asn1;
mod chain;
mod spool;
mod token;

use der::asn1::{Int, OctetString};
use der::{Decode as _, Encode as _};
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::hash::Sha256;
use asn1::{AlgorithmIdentifier, MessageImprint, OID_SHA256, TimeStampReq, TimeStampResp};

pub use chain::Authorities;
pub(crate) use spool::mark;
pub use spool::{DueStamp, SpoolError};

/// Of a request, as RFC 3161, section 3.4, names it.
pub const REQUEST_TYPE: &str = "application/timestamp-query";
/// Of an answer.
pub const ANSWER_TYPE: &str = "application/timestamp-reply";
/// Longest answer: a token with some certificates is 3 to 8 KB.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What an authority is asked: SHA-256 of the envelope, with a nonce, and for its certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StampRequest {
    der: Vec<u8>,
}

/// What an authority attested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// When, RFC 3339, UTC, to the second.
    pub at: String,
    /// The same in seconds since 1970.
    pub unix_s: u64,
    /// The token's number at its authority, hexadecimal.
    pub serial: String,
    /// The policy under which it was given, as a dotted OID.
    pub policy: String,
    /// The signed answer: its token.
    token: token::Token,
}

/// Why an answer is no stamp of what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StampError {
    /// It can not be read.
    #[error("the time stamp can not be read: {0}")]
    Malformed(String),
    /// The authority refused.
    #[error("the authority did not grant a time stamp: {0}")]
    Refused(String),
    /// It is about other bytes.
    #[error("the time stamp is of other bytes than the proof's envelope")]
    Imprint,
    /// It answers another request.
    #[error("the time stamp answers another request than the one beside it")]
    Nonce,
    /// Its signature does not hold against the certificates that were brought.
    #[error("the time stamp's signature does not hold: {0}")]
    Signature(String),
    /// The certificates can not be read.
    #[error("the file holds no certificates that can be read: {0}")]
    Authorities(String),
}

impl StampError {
    /// The stable code; also the anchor in `docs/errors.md`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "stamp-malformed",
            Self::Refused(_) => "stamp-refused",
            Self::Imprint => "stamp-imprint",
            Self::Nonce => "stamp-nonce",
            Self::Signature(_) => "stamp-signature",
            Self::Authorities(_) => "stamp-authorities",
        }
    }
}

fn malformed(error: der::Error) -> StampError {
    StampError::Malformed(error.to_string())
}

impl StampRequest {
    /// A request for these bytes' hash, with a fresh nonce.
    ///
    /// # Errors
    /// [`StampError::Malformed`], when the system gives no random numbers.
    pub fn new(of: Sha256) -> Result<Self, StampError> {
        let mut nonce = [0; 8];
        SystemRandom::new()
            .fill(&mut nonce)
            .map_err(|_| StampError::Malformed("the system gave no random numbers for a request".to_owned()))?;
        // Positive, and in as few bytes as there can be: not zero.
        nonce[0] = nonce[0] & 0x7f | 0x40;
        let request = TimeStampReq {
            version: 1,
            message_imprint: MessageImprint {
                hash_algorithm: AlgorithmIdentifier::sha256(),
                hashed_message: OctetString::new(of.as_bytes().to_vec()).map_err(malformed)?,
            },
            req_policy: None,
            nonce: Some(Int::new(&nonce).map_err(malformed)?),
            cert_req: true,
        };
        Ok(Self { der: request.to_der().map_err(malformed)? })
    }

    /// One that was made before.
    #[must_use]
    pub fn from_der(der: &[u8]) -> Self {
        Self { der: der.to_vec() }
    }

    /// The bytes that are sent.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// Reads an answer to this request, for these bytes' hash: that it was granted, that its imprint is this hash, that its nonce is the
    /// request's. Who signed it is asked by [`Stamp::signed_by`].
    ///
    /// # Errors
    /// [`StampError`].
    pub fn answer(&self, of: &Sha256, answer: &[u8]) -> Result<Stamp, StampError> {
        if answer.len() > ANSWER_BYTES_MAX {
            return Err(StampError::Malformed(format!("it has {} bytes", answer.len())));
        }
        let request = TimeStampReq::from_der(&self.der).map_err(malformed)?;
        let response = TimeStampResp::from_der(answer).map_err(malformed)?;
        if response.status.status > 1 {
            let words = response.status.words();
            return Err(StampError::Refused(format!("status {}{words}", response.status.status)));
        }
        let token =
            token::Token::read(&response.time_stamp_token.ok_or(StampError::Malformed("no token".to_owned()))?)?;
        let imprint = &token.info.message_imprint;
        if imprint.hash_algorithm.oid != OID_SHA256 || imprint.hashed_message.as_bytes() != of.as_bytes() {
            return Err(StampError::Imprint);
        }
        if token.info.nonce != request.nonce || request.message_imprint.hashed_message != imprint.hashed_message {
            return Err(StampError::Nonce);
        }
        let (at, unix_s) = token.time()?;
        Ok(Stamp {
            at,
            unix_s,
            serial: hex::encode(token.info.serial_number.as_bytes()),
            policy: token.info.policy.to_string(),
            token,
        })
    }
}

impl Stamp {
    /// Checks the token's signature: over exactly these attributes, which name exactly this content, by a certificate
    /// for time stamping that leads to one of `authorities` at the stamp's own time.
    ///
    /// # Errors
    /// [`StampError::Signature`], [`StampError::Malformed`].
    pub fn signed_by(&self, authorities: &Authorities) -> Result<(), StampError> {
        self.token.signed_by(authorities, self.unix_s)
    }
}

#[cfg(test)]
mod tests;
