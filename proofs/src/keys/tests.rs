#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::os::unix::fs::PermissionsExt;

use super::*;

const DAY_1: &str = "2026-11-20T12:00:00.000Z";
const DAY_2: &str = "2026-11-21T12:00:00.000Z";
const DAY_3: &str = "2026-11-22T12:00:00.000Z";

fn store() -> (tempfile::TempDir, KeyStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = KeyStore::at(folder.path().join("config/signing.key"));
    (folder, store)
}

/// RFC 8032, section 7.1, test 1.
#[test]
fn a_signature_is_the_one_of_the_standard() {
    let seed = hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
    let key = SigningKey::from_pem(&pem("PRIVATE KEY", &[&PRIVATE_PREFIX[..], &seed].concat())).unwrap();
    assert_eq!(
        hex::encode(key.public().as_bytes()),
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    );
    assert!(hex::encode(key.sign(b"")).starts_with("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"));
    assert!(key.public().signed(b"", &key.sign(b"")) && !key.public().signed(b"x", &key.sign(b"")));
    for text in [key.public().to_string(), key.public().to_pem()] {
        assert_eq!(text.parse::<PublicKey>(), Ok(key.public()));
    }
}

#[test]
fn the_key_is_made_once_for_its_owner_and_refused_for_others() {
    let (_folder, store) = store();
    let (first, history) = store.open_or_create(DAY_1).unwrap();
    assert_eq!(history.keys.len(), 1);
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(store.key_path()), 0o600);
    let (again, same) = store.open_or_create(DAY_2).unwrap();
    assert_eq!((again.public(), same), (first.public(), history));
    for mode in [0o640, 0o604] {
        std::fs::set_permissions(store.key_path(), PermissionsExt::from_mode(mode)).unwrap();
        let error = store.open_or_create(DAY_2).unwrap_err();
        assert_eq!(error, KeyError::Exposed { path: store.key_path().to_owned(), mode });
    }
}

#[test]
fn whoever_trusts_the_first_key_is_led_to_the_last_and_never_back() {
    let (_folder, store) = store();
    let (first, early) = store.open_or_create(DAY_1).unwrap();
    store.rotate(DAY_2).unwrap();
    let history = store.rotate(DAY_3).unwrap();
    let (last, _) = store.open_or_create(DAY_3).unwrap();
    assert_eq!(history.keys.len(), 3);
    assert_eq!(history.keys[0].until.as_deref(), Some(DAY_2));
    assert_eq!(history.current().unwrap().public_key, last.public());
    assert_eq!(KeyHistory::parse(&history.to_json()).unwrap(), history);

    assert!(early.leads_to(&last.public().id(), Some(&history)).is_some(), "step by step");
    assert!(early.leads_to(&last.public().id(), None).is_none(), "nobody tells the way");
    assert!(history.leads_to(&first.public().id(), None).is_some(), "old proof still verifies");
    let newest = KeyHistory::begin(last.public(), DAY_3);
    assert!(newest.leads_to(&first.public().id(), Some(&history)).is_none(), "a key does not vouch for an earlier one");
}

#[test]
fn a_key_that_nobody_introduced_is_not_led_to() {
    let (_folder, store) = store();
    let (_, early) = store.open_or_create(DAY_1).unwrap();
    let history = store.rotate(DAY_2).unwrap();
    let (mallory, _) = SigningKey::generate().unwrap();
    // Her own key in the place of the second one, with the signature that was there; and signed by herself.
    let mut forged = history.clone();
    forged.keys[1].public_key = mallory.public();
    forged.keys[1].id = mallory.public().id();
    let by = forged.keys[0].id;
    let mut own = forged.clone();
    let signature = mallory.sign_base64(own.keys[1].statement(by).as_bytes());
    own.keys[1].introduced = Some(history::Introduction { by, signature });
    // And behind a first key that has the trusted one's name and her bytes.
    let mut renamed = own.clone();
    renamed.keys[0].public_key = mallory.public();
    for history in [&forged, &own, &renamed] {
        assert!(early.leads_to(&mallory.public().id(), Some(history)).is_none());
        assert_eq!(history.check().unwrap_err().code(), "signing-key-history");
    }
}

#[test]
fn a_retired_key_introduces_nobody_else() {
    let (_folder, store) = store();
    let (stolen, early) = store.open_or_create(DAY_1).unwrap();
    let history = store.rotate(DAY_2).unwrap();
    let (mallory, _) = SigningKey::generate().unwrap();
    let mut forged = early.clone();
    forged.introduce(&stolen, mallory.public(), DAY_3).unwrap();
    forged.check().unwrap();
    assert!(history.leads_to(&mallory.public().id(), Some(&forged)).is_none(), "its successor is known");
    assert!(early.leads_to(&mallory.public().id(), Some(&forged)).is_some(), "who knows no successor can not tell");
}

#[test]
fn a_rotation_that_was_interrupted_is_finished_or_forgotten() {
    let (_folder, store) = store();
    let (first, mut history) = store.open_or_create(DAY_1).unwrap();
    let (next, pem) = SigningKey::generate().unwrap();
    let path = store.key_path().with_extension("next");
    std::fs::write(&path, pem).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(store.open_or_create(DAY_2).unwrap().0.public(), first.public(), "not introduced: not taken");
    history.introduce(&first, next.public(), DAY_2).unwrap();
    std::fs::write(store.history_path(), history.to_json()).unwrap();
    assert_eq!(store.open_or_create(DAY_2).unwrap().0.public(), next.public(), "introduced: taken");
    assert!(!path.exists());
}

#[test]
fn a_history_that_was_lost_is_not_begun_anew_and_a_beginning_that_was_cut_short_is_finished() {
    let (_folder, store) = store();
    let (first, _) = store.open_or_create(DAY_1).unwrap();
    let history = store.rotate(DAY_2).unwrap();
    std::fs::remove_file(store.history_path()).unwrap();
    let error = store.open_or_create(DAY_3).unwrap_err();
    assert!(error.code() == "signing-key-history" && error.to_string().contains("is gone"), "{error}");
    assert!(!store.history_path().exists());
    // As it stands beside each proof that this key signed.
    std::fs::write(store.history_path(), history.to_json()).unwrap();
    let (key, found) = store.open_or_create(DAY_3).unwrap();
    assert!(found == history && key.public() != first.public());

    let next = store.key_path().with_extension("next");
    for introduced in [true, false] {
        std::fs::rename(store.key_path(), &next).unwrap();
        if !introduced {
            std::fs::remove_file(store.history_path()).unwrap();
        }
        let (again, found) = store.open_or_create(DAY_3).unwrap();
        assert_eq!(again.public(), key.public(), "what was made is taken");
        assert_eq!(found.current().unwrap().public_key, key.public());
    }
}
