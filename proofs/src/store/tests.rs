#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn store() -> (tempfile::TempDir, DirectoryStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = DirectoryStore::open(folder.path().join("proofs")).unwrap();
    (folder, store)
}

/// Every file below a folder, with its rights.
fn files(folder: &Path) -> Vec<(PathBuf, u32)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        if path.is_dir() {
            assert_eq!(mode, 0o700, "{path:?}");
            found.extend(files(&path));
        } else {
            found.push((path, mode));
        }
    }
    found
}

#[test]
fn what_is_put_is_got_and_nothing_else_lies_there() {
    let (_folder, store) = store();
    let sha256 = store.put(b"evidence").unwrap();
    assert_eq!(sha256, Sha256::of(b"evidence"));
    assert_eq!(store.put(b"evidence").unwrap(), sha256, "the second time changes nothing");
    assert_eq!(store.get(&sha256).unwrap(), b"evidence");
    assert!(store.has(&sha256).unwrap());
    assert_eq!(files(store.root()), vec![(store.object_path(&sha256), 0o600)]);
    let digits = sha256.to_string();
    assert!(store.object_path(&sha256).ends_with(format!("objects/{}/{}", &digits[..2], &digits[2..])));
}

#[test]
fn the_same_evidence_from_many_threads_is_one_object() {
    let (_folder, store) = store();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..20_u8).for_each(|n| assert_eq!(store.put(&[n; 100]).unwrap(), Sha256::of(&[n; 100]))));
        }
    });
    assert_eq!(files(store.root()).len(), 20);
}

#[test]
fn an_object_that_is_not_there_is_missing() {
    let (_folder, store) = store();
    let sha256 = Sha256::of(b"never kept");
    assert!(!store.has(&sha256).unwrap());
    assert_eq!(store.get(&sha256).unwrap_err().code(), "store-missing");
}

#[test]
fn a_changed_object_is_corrupt_and_is_not_replaced() {
    let (_folder, store) = store();
    let sha256 = store.put(b"evidence").unwrap();
    let path = store.object_path(&sha256);

    fs::write(&path, b"evidencE").unwrap();
    assert_eq!(store.get(&sha256).unwrap_err().code(), "store-corrupt");

    fs::write(&path, b"evi").unwrap();
    let error = store.put(b"evidence").unwrap_err();
    assert_eq!(error.code(), "store-corrupt");
    assert!(error.to_string().contains("3 bytes instead of 8"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"evi");
}

#[test]
fn a_store_can_be_opened_again_and_takes_away_what_others_may_see() {
    let (_folder, store) = store();
    let sha256 = store.put(b"evidence").unwrap();
    let objects = store.root().join("objects");
    fs::set_permissions(&objects, fs::Permissions::from_mode(0o755)).unwrap();
    let again = DirectoryStore::open(store.root()).unwrap();
    assert_eq!(again.get(&sha256).unwrap(), b"evidence");
    assert_eq!(fs::metadata(&objects).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn what_an_interrupted_writer_left_does_not_disturb() {
    let (_folder, store) = store();
    let folder = store.object_path(&Sha256::of(b"evidence")).parent().unwrap().to_owned();
    durable::make_private_folder(&folder).unwrap();
    for number in 0..3 {
        fs::write(folder.join(format!("{}{}-{number}", durable::TEMPORARY_PREFIX, std::process::id())), b"half")
            .unwrap();
    }
    let sha256 = store.put(b"evidence").unwrap();
    assert_eq!(store.get(&sha256).unwrap(), b"evidence");
}

#[test]
fn a_file_in_the_way_is_an_error_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("objects"), b"not a folder").unwrap();
    let error = DirectoryStore::open(folder.path()).unwrap_err();
    assert_eq!(error.code(), "store-io");
    assert!(error.to_string().contains("objects"), "{error}");
}

#[test]
fn what_the_system_says_is_sorted_by_what_can_be_done() {
    for (number, code) in [
        (28, "store-full"),      // ENOSPC
        (122, "store-full"),     // EDQUOT
        (27, "store-full"),      // EFBIG
        (30, "store-read-only"), // EROFS
        (13, "store-read-only"), // EACCES
        (5, "store-io"),         // EIO
    ] {
        let error = StoreError::from_io(Path::new("/proofs"), io::Error::from_raw_os_error(number));
        assert_eq!(error.code(), code);
        assert!(error.to_string().contains("/proofs"), "{error}");
    }
}
