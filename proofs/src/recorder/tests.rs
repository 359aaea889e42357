#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests stop at the first surprise; a store that takes its time is played by sleeping"
)]

use std::sync::mpsc;
use std::time::Duration;

use futures_executor::block_on;

use super::*;
use crate::hash::Sha256;
use crate::store::DirectoryStore;

fn artifact(number: usize) -> NewArtifact {
    NewArtifact {
        kind: ArtifactKind::Receipt,
        step: format!("step-{number}"),
        phase: "receipt".to_owned(),
        media_type: "text/plain".to_owned(),
        bytes: format!("evidence {number}").into_bytes(),
        at: "2026-11-20T12:00:00Z".to_owned(),
    }
}

/// A store that does for each object what it is told to, once it is told.
struct Told {
    orders: Mutex<mpsc::Receiver<Result<(), StoreError>>>,
}

impl Store for Told {
    fn put(&self, bytes: &[u8]) -> Result<Sha256, StoreError> {
        let order = self.orders.lock().unwrap().recv();
        order.unwrap_or(Ok(())).map(|()| Sha256::of(bytes))
    }

    fn get(&self, _: &Sha256) -> Result<Vec<u8>, StoreError> {
        panic!("a recorder never reads")
    }

    fn has(&self, _: &Sha256) -> Result<bool, StoreError> {
        panic!("a recorder never reads")
    }
}

/// The orders are dropped first: a recorder whose store waits for them would not end, and a test that fails would hang.
fn told() -> (Recorder, mpsc::Sender<Result<(), StoreError>>) {
    let (orders, receiver) = mpsc::channel();
    (Recorder::new(Arc::new(Told { orders: Mutex::new(receiver) })).unwrap(), orders)
}

fn full() -> StoreError {
    StoreError::from_io("/proofs".as_ref(), std::io::Error::from_raw_os_error(28))
}

#[test]
fn everything_kept_is_durable_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = DirectoryStore::open(folder.path()).unwrap();
    let recorder = Recorder::new(Arc::new(store.clone())).unwrap();
    assert_eq!(block_on(recorder.durable()).unwrap(), vec![]);
    for round in 1..=3 {
        for number in 0..10 {
            recorder.keep(artifact(number));
        }
        let kept = block_on(recorder.durable()).unwrap();
        assert_eq!(kept.len(), round * 10);
        for (index, reference) in kept.iter().enumerate() {
            assert_eq!(reference.step, format!("step-{}", index % 10));
            assert_eq!(store.get(&reference.sha256).unwrap().len() as u64, reference.bytes);
        }
    }
    assert_eq!(recorder.so_far().len(), 30);
}

#[test]
fn a_dom_snapshot_gets_its_hashes() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(Arc::new(DirectoryStore::open(folder.path()).unwrap())).unwrap();
    let html = "<main><p>text</p></main>";
    recorder.keep(NewArtifact { kind: ArtifactKind::Dom, bytes: html.into(), ..artifact(0) });
    recorder.keep(artifact(1));
    let kept = block_on(recorder.durable()).unwrap();
    assert_eq!(kept[0].dom, Some(dom_hashes(html)));
    assert_eq!(kept[1].dom, None);
}

#[test]
fn keeping_does_not_wait_for_the_disk_and_durable_does() {
    let (recorder, orders) = told();
    // The store has not answered yet, and never would: did it wait, this would not return.
    (0..3).for_each(|number| recorder.keep(artifact(number)));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| block_on(recorder.durable()));
        for _ in 0..3 {
            std::thread::sleep(Duration::from_millis(20));
            assert!(!waiting.is_finished());
            orders.send(Ok(())).unwrap();
        }
        assert_eq!(waiting.join().unwrap().unwrap().len(), 3);
    });
}

#[test]
fn the_first_error_stays_and_what_could_be_written_is_known() {
    let (recorder, orders) = told();
    for outcome in [Ok(()), Err(full()), Ok(())] {
        orders.send(outcome).unwrap();
    }
    (0..3).for_each(|number| recorder.keep(artifact(number)));
    for _ in 0..2 {
        assert_eq!(block_on(recorder.durable()).unwrap_err().code(), "store-full");
    }
    orders.send(Ok(())).unwrap();
    recorder.keep(artifact(3));
    assert_eq!(block_on(recorder.durable()).unwrap_err().code(), "store-full");
    let steps: Vec<String> = recorder.so_far().into_iter().map(|reference| reference.step).collect();
    assert_eq!(steps, ["step-0", "step-2", "step-3"]);
}

#[test]
fn a_disk_that_hangs_is_a_backlog_and_not_a_wait() {
    let (recorder, orders) = told();
    // One more may have been taken from the queue by the writer already.
    (0..WAITING_MAX + 2).for_each(|number| recorder.keep(artifact(number)));
    drop(orders);
    assert_eq!(block_on(recorder.durable()).unwrap_err().code(), "store-backlog");
}

#[test]
fn dropping_it_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = DirectoryStore::open(folder.path()).unwrap();
    let recorder = Recorder::new(Arc::new(store.clone())).unwrap();
    (0..40).for_each(|number| recorder.keep(artifact(number)));
    drop(recorder);
    for number in 0..40 {
        assert!(store.has(&Sha256::of(&artifact(number).bytes)).unwrap(), "{number}");
    }
}

#[test]
fn a_writer_that_dies_leaves_nobody_waiting() {
    struct Dies;
    impl Store for Dies {
        fn put(&self, _: &[u8]) -> Result<Sha256, StoreError> {
            std::thread::sleep(Duration::from_millis(50));
            panic!("the store has a defect")
        }
        fn get(&self, _: &Sha256) -> Result<Vec<u8>, StoreError> {
            panic!("a recorder never reads")
        }
        fn has(&self, _: &Sha256) -> Result<bool, StoreError> {
            panic!("a recorder never reads")
        }
    }
    let recorder = Recorder::new(Arc::new(Dies)).unwrap();
    recorder.keep(artifact(0));
    assert_eq!(block_on(recorder.durable()).unwrap_err().code(), "store-writer-stopped");
    recorder.keep(artifact(1));
    assert_eq!(block_on(recorder.durable()).unwrap_err().code(), "store-writer-stopped");
}

#[test]
fn waiting_can_be_given_up() {
    let (recorder, orders) = told();
    recorder.keep(artifact(0));
    let given_up = recorder.durable();
    drop(given_up);
    orders.send(Ok(())).unwrap();
    assert_eq!(block_on(recorder.durable()).unwrap().len(), 1);
}
