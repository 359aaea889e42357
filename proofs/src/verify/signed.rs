//! The part of the check that looks at signatures, the keys beside them, approvals and time stamps.

use super::{Expected, Verification, read};
use crate::files::Files;
use crate::hash::Sha256;
use crate::keys::{KeyEntry, KeyHistory};
use crate::manifest::Manifest;
use crate::retention::Deletions;
use crate::signature::Envelope;
use crate::stamp::{StampRequest, mark};
use crate::sums::{
    self, DELETED_ENVELOPE_FILE, DELETED_FILE, ENVELOPE_FILE, KEYS_FILE, MANIFEST_FILE, STAMPS_FOLDER, SUMS_FILE,
    SignedFiles,
};

/// Most files of time stamps that are looked at: two authorities make four for each sealing.
const STAMP_FILES_MAX: usize = 1_000;

/// Whose signature vouches for the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureGuard {
    /// It was never signed.
    Absent,
    /// It is signed, by a key (its id) that the verifier did not name: anybody can make such a signature.
    Unknown(Sha256),
    /// It is signed by this key, which the verifier named, or which one of those that were named leads to.
    Known(Sha256),
    /// It says that it is signed, and the signature does not hold: see the problems.
    Nothing,
}

/// A time stamp of the signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundStamp {
    /// Its name, without its ending.
    pub name: String,
    /// When the authority says that the signature was there, RFC 3339.
    pub at: String,
    /// Whether its signature leads to an authority that the verifier named. False where none was named.
    pub known: bool,
}

/// The hashes that the list has for the signed files.
pub(super) fn listed(sums: Option<&str>) -> Option<SignedFiles> {
    let line = |name| sums.and_then(|sums| sums::hash_of(sums, name));
    Some(SignedFiles { envelope: line(ENVELOPE_FILE)?, keys: line(KEYS_FILE)? })
}

/// Checks signature, approvals and time stamps. Returns the hashes that the two files' lines must have.
pub(super) fn check(
    files: &dyn Files,
    present: &[String],
    manifest: &Manifest,
    manifest_hash: Sha256,
    expected: &Expected<'_>,
    sums: Option<&str>,
    found: &mut Verification,
) -> Option<SignedFiles> {
    for approval in manifest.intent.approvals.iter().filter(|approval| !approval.verifies()) {
        found.problem(MANIFEST_FILE, format!("{}'s approval in it is not what {0} signed", approval.approver));
    }
    let is_there = |name: &str| present.iter().any(|present| present == name);
    if !is_there(ENVELOPE_FILE) && !is_there(KEYS_FILE) && manifest.signer.is_none() {
        if expected.signed {
            found.problem(ENVELOPE_FILE, "is missing: this proof was never signed");
        }
        return None;
    }
    found.signature = SignatureGuard::Nothing;
    let envelope = read(files, ENVELOPE_FILE, found);
    let keys = read(files, KEYS_FILE, found);
    let vouched = envelope.as_deref().is_some_and(|envelope| {
        let keys = keys.as_deref().and_then(|keys| read_keys(keys, found));
        check_envelope(envelope, keys.as_ref(), manifest, manifest_hash, expected, found)
    });
    if let Some(envelope) = &envelope {
        check_stamps(files, present, &Sha256::of(envelope), expected, found);
    }
    let envelope_hash = check_line(ENVELOPE_FILE, envelope.as_deref(), vouched, sums, found);
    let keys_hash = check_line(KEYS_FILE, keys.as_deref(), false, sums, found);
    Some(SignedFiles { envelope: envelope_hash?, keys: keys_hash? })
}

/// Whether the signature holds with the keys beside it, whosoever they are, and the stamps of it that hold as far as that can be said.
pub(crate) fn signature_and_stamps(
    files: &dyn Files,
    present: &[String],
    manifest: &Manifest,
    manifest_hash: Sha256,
) -> (SignatureGuard, Vec<FoundStamp>) {
    let mut found = Verification::begin();
    check(files, present, manifest, manifest_hash, &Expected::default(), None, &mut found);
    (found.signature, found.stamps)
}

fn read_keys(json: &[u8], found: &mut Verification) -> Option<KeyHistory> {
    let keys = std::str::from_utf8(json).map_err(|error| error.to_string());
    let keys = keys.and_then(|text| KeyHistory::parse(text).map_err(|error| error.to_string()));
    match keys {
        // One content has one byte form, as in everything that is sealed.
        Ok(keys) if keys.to_json().as_bytes() == json => Some(keys),
        Ok(_) => {
            found.problem(KEYS_FILE, "was not written by this program: it says the same in other bytes");
            None
        }
        Err(why) => {
            found.problem(KEYS_FILE, why);
            None
        }
    }
}

/// Whether the signature holds, whoever made it.
fn check_envelope(
    json: &[u8],
    keys: Option<&KeyHistory>,
    manifest: &Manifest,
    manifest_hash: Sha256,
    expected: &Expected<'_>,
    found: &mut Verification,
) -> bool {
    let Some(envelope) = read_envelope(ENVELOPE_FILE, json, found) else { return false };
    let (entry, known) = match whose(ENVELOPE_FILE, &envelope, keys, expected, found) {
        Ok(signer) => signer,
        Err(vouched) => return vouched,
    };
    if manifest.signer != Some(entry.id) || envelope.key_ids() != [entry.id.to_string()] {
        found.problem(ENVELOPE_FILE, format!("is signed by {}, which is not the key that it is said to be", entry.id));
        return true;
    }
    if let Err(error) = envelope.is_about(manifest, manifest_hash) {
        // The signature holds, so what it is of was changed, or exchanged.
        found.problem(MANIFEST_FILE, format!("is not what was signed: {ENVELOPE_FILE} {error}"));
        return true;
    }
    if let Some(until) = retired_before(entry, manifest) {
        found.problem(
            ENVELOPE_FILE,
            format!("is signed by {}, which was retired at {until}, before what it tells of was over", entry.id),
        );
        return true;
    }
    found.signature = if known { SignatureGuard::Known(entry.id) } else { SignatureGuard::Unknown(entry.id) };
    true
}

fn read_envelope(name: &str, json: &[u8], found: &mut Verification) -> Option<Envelope> {
    match Envelope::from_json(json) {
        Ok(envelope) if envelope.to_json().is_ok_and(|canonical| canonical == json) => Some(envelope),
        Ok(_) => {
            found.problem(name, "was not written by this program: it says the same in other bytes");
            None
        }
        Err(error) => {
            found.problem(name, error.to_string());
            None
        }
    }
}

/// The key that signed an envelope, and whether it is one that the verifier knows; or, where that is a problem, whether the signature holds
/// all the same.
fn whose<'k>(
    name: &str,
    envelope: &Envelope,
    keys: Option<&'k KeyHistory>,
    expected: &Expected<'k>,
    found: &mut Verification,
) -> Result<(&'k KeyEntry, bool), bool> {
    let own = keys.and_then(|keys| envelope.signed_by(keys));
    let Some(trusted) = expected.keys else {
        return match own {
            Some(entry) => Ok((entry, false)),
            // Where the keys can not be read that has been said, and nothing can be said of the signature.
            None if keys.is_none() => Err(true),
            None => {
                found.problem(name, format!("its signature is of no key in {KEYS_FILE}: it was changed"));
                Err(false)
            }
        };
    };
    let entry = envelope
        .signed_by(trusted)
        .or_else(|| own.and_then(|entry| trusted.leads_to(&entry.id, keys)))
        .filter(|entry| own.is_none_or(|own| own.public_key == entry.public_key));
    match (entry, own) {
        (Some(entry), _) => Ok((entry, true)),
        (None, Some(own)) => {
            let what = format!("is signed by a key that is not known: {}; the proof may be anybody's", own.id);
            found.problem(name, what);
            Err(true)
        }
        (None, None) => {
            found.problem(name, "its signature is of no key that is known: it was changed");
            Err(false)
        }
    }
}

/// Checks who says that a rule deleted something: of a signed episode its own key, or one that followed it. Returns
/// whether that holds, and the hash that the signature's line must have.
pub(super) fn check_deletions(
    files: &dyn Files,
    manifest: &Manifest,
    (deletions, file): (&Deletions, Sha256),
    expected: &Expected<'_>,
    sums: Option<&str>,
    found: &mut Verification,
) -> (bool, Option<Sha256>) {
    let Some(sealed_by) = manifest.signer else { return (true, None) };
    let Ok(json) = files.read(DELETED_ENVELOPE_FILE) else {
        found.problem(DELETED_FILE, format!("is not signed: {DELETED_ENVELOPE_FILE} is missing"));
        return (false, sums.and_then(|sums| sums::hash_of(sums, DELETED_ENVELOPE_FILE)));
    };
    found.checked += 1;
    let before = found.problems.len();
    let keys = files.read(KEYS_FILE).ok().and_then(|keys| KeyHistory::parse(&String::from_utf8_lossy(&keys)).ok());
    let vouched = read_envelope(DELETED_ENVELOPE_FILE, &json, found).is_some_and(|envelope| {
        let (entry, _) = match whose(DELETED_ENVELOPE_FILE, &envelope, keys.as_ref(), expected, found) {
            Ok(signer) => signer,
            Err(vouched) => return vouched,
        };
        let place = |id: &Sha256| keys.as_ref()?.keys.iter().position(|key| key.id == *id);
        let last = deletions.deleted.iter().map(|deleted| deleted.at.as_str()).max().unwrap_or_default();
        if place(&entry.id).is_none() || place(&entry.id) < place(&sealed_by) {
            let what = format!("is signed by {}, which does not follow the key that sealed the episode", entry.id);
            found.problem(DELETED_ENVELOPE_FILE, what);
        } else if envelope.key_ids() != [entry.id.to_string()] {
            let what = format!("is signed by {}, which is not the key that it is said to be", entry.id);
            found.problem(DELETED_ENVELOPE_FILE, what);
        } else if let Err(error) = envelope.is_about_deletions(file) {
            found.problem(DELETED_FILE, format!("is not what was signed: {DELETED_ENVELOPE_FILE} {error}"));
        } else if let Some(until) = entry.until.as_deref().filter(|until| until.len() == last.len() && last > *until) {
            let what = format!("is signed by {}, which was retired at {until}, before the deletion", entry.id);
            found.problem(DELETED_ENVELOPE_FILE, what);
        }
        true
    });
    let line = check_line(DELETED_ENVELOPE_FILE, Some(&json), vouched, sums, found);
    (vouched && found.problems.len() == before, line)
}

/// When the key was retired, where the manifest tells of something later. Times of one form are compared as texts.
fn retired_before<'k>(key: &'k KeyEntry, manifest: &Manifest) -> Option<&'k str> {
    let until = key.until.as_deref()?;
    let audit = manifest.audit.iter().map(|event| event.at.as_str());
    let steps = manifest.steps.iter().map(|step| step.at.as_str());
    let reads = manifest.verification.iter().map(|read| read.at.as_str());
    let last = audit.chain(steps).chain(reads).filter(|at| at.len() == until.len()).max()?;
    (last > until).then_some(until)
}

fn check_stamps(
    files: &dyn Files,
    present: &[String],
    envelope: &Sha256,
    expected: &Expected<'_>,
    found: &mut Verification,
) {
    let below = format!("{STAMPS_FOLDER}/");
    let names: Vec<&str> = present.iter().filter_map(|name| name.strip_prefix(&below)).collect();
    if names.len() > STAMP_FILES_MAX {
        return found.problem(STAMPS_FOLDER, format!("has {} files", names.len()));
    }
    for file in &names {
        let path = format!("{STAMPS_FOLDER}/{file}");
        match file.rsplit_once('.') {
            // A request without an answer: the authority has not been reached yet.
            Some((name, "tsq")) if !name.is_empty() => {}
            Some((name, "tsr")) if names.contains(&format!("{name}.tsq").as_str()) => {
                check_stamp(files, name, &path, envelope, expected, found);
            }
            _ => found.problem(path, "does not belong to a sealed episode"),
        }
    }
}

fn check_stamp(
    files: &dyn Files,
    name: &str,
    path: &str,
    envelope: &Sha256,
    expected: &Expected<'_>,
    found: &mut Verification,
) {
    if !name.starts_with(&mark(envelope)) {
        // Of an envelope that was replaced when the episode was sealed again: there is nothing to hold it against.
        return;
    }
    let request = read(files, &format!("{STAMPS_FOLDER}/{name}.tsq"), found);
    let (Some(request), Some(answer)) = (request, read(files, path, found)) else { return };
    let stamp = match StampRequest::from_der(&request).answer(envelope, &answer) {
        Ok(stamp) => stamp,
        Err(error) => return found.problem(path, error.to_string()),
    };
    if let Some(authorities) = expected.authorities
        && let Err(error) = stamp.signed_by(authorities)
    {
        return found.problem(path, error.to_string());
    }
    found.stamps.push(FoundStamp { name: name.to_owned(), at: stamp.at, known: expected.authorities.is_some() });
}

/// Compares a file with its line; returns the hash that its line must have. `vouched`: the file holds by itself, so the line is wrong.
fn check_line(
    name: &str,
    bytes: Option<&[u8]>,
    vouched: bool,
    sums: Option<&str>,
    found: &mut Verification,
) -> Option<Sha256> {
    let listed = sums.and_then(|sums| sums::hash_of(sums, name));
    let actual = bytes.map(Sha256::of);
    match (actual, listed) {
        (Some(actual), Some(listed)) if actual != listed && !vouched => {
            let known = found.problems.iter().any(|problem| problem.file == name);
            found.problem(name, format!("its hash is {actual}, {SUMS_FILE} has {listed}: one of the two was changed"));
            if !known {
                found.problem(SUMS_FILE, format!("its line for {name} does not fit: one of the two was changed"));
            }
            Some(listed)
        }
        (actual, listed) => actual.or(listed),
    }
}
