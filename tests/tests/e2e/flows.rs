//! Every other flow of the practice recipe: done once, not done again when it is so already, held when the page shows another
//! object than the order names. Counted at the platform's truth endpoint.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use deed_core::hold::{Failure, HoldReason};
use deed_core::order::{Content, Payload};
use deed_core::state::State;
use deed_core::time::Timestamp;
use deed_fixtures::{Faults, Truth, WriteKind};
use deed_tests::{HANDLE, Stage};

/// One flow, what is ordered of it, and what the platform then has.
struct Case {
    flow: &'static str,
    kind: WriteKind,
    /// What the write carries.
    text: &'static str,
    /// A path of the platform is made absolute; anything else is a handle.
    target: Option<&'static str>,
    /// What an order of it says.
    ordered: &'static str,
    /// Whether the object has its own page, so that level 3 is reached.
    own_page: bool,
    /// What is true of the platform afterwards.
    holds: fn(&Truth) -> bool,
}

/// A post of the account itself, and one of somebody else.
const OWN: &str = "/p/p_seed00";
const OTHERS: &str = "/p/p_seed07";
const WORDS: &str = "Two loaves of rye, please — from seven.";

fn seeded(truth: &Truth, id: &str, so: impl Fn(&deed_fixtures::ObjectRecord) -> bool) -> bool {
    truth.objects.iter().any(|object| object.id == id && so(object))
}

const SCHEDULE: Case = Case {
    flow: "schedule",
    kind: WriteKind::Schedule,
    text: WORDS,
    target: None,
    ordered: WORDS,
    own_page: false,
    holds: |truth| !truth.objects.iter().any(|object| object.text == WORDS),
};
const EDIT: Case = Case {
    flow: "edit",
    kind: WriteKind::Edit,
    text: WORDS,
    target: Some(OWN),
    ordered: WORDS,
    own_page: true,
    holds: |truth| seeded(truth, "p_seed00", |object| object.text == WORDS),
};
const DELETE: Case = Case {
    flow: "delete",
    kind: WriteKind::Delete,
    text: "",
    target: Some(OWN),
    ordered: "",
    own_page: false,
    holds: |truth| {
        truth.objects.iter().filter(|object| object.deleted).count() == 1
            && seeded(truth, "p_seed00", |object| object.deleted)
    },
};
const LIKE: Case = Case {
    flow: "like",
    kind: WriteKind::Like,
    text: "on",
    target: Some(OTHERS),
    ordered: "",
    own_page: true,
    holds: |truth| seeded(truth, "p_seed07", |object| object.liked_by == [HANDLE]),
};
const COMMENT: Case = Case {
    flow: "comment_reply",
    kind: WriteKind::Comment,
    text: WORDS,
    target: Some(OTHERS),
    ordered: WORDS,
    own_page: false,
    holds: |truth| seeded(truth, "p_seed07", |object| object.comments == 1),
};
const FOLLOW: Case = Case {
    flow: "follow",
    kind: WriteKind::Follow,
    text: "on",
    target: Some("passer_by"),
    ordered: "",
    own_page: true,
    holds: |_| true,
};
const DM: Case = Case {
    flow: "dm_send",
    kind: WriteKind::Dm,
    text: WORDS,
    target: Some("passer_by"),
    ordered: WORDS,
    own_page: false,
    holds: |_| true,
};

fn payload(stage: &Stage, case: &Case) -> Payload {
    let target = case.target.map(|target| match target.strip_prefix('/') {
        Some(path) => format!("{}/{path}", stage.practice.origin()),
        None => target.to_owned(),
    });
    let scheduled_at = (case.flow == "schedule").then(|| {
        let day = 24 * 60 * 60 * 1000;
        // A whole minute: the form has no seconds.
        Timestamp((deed::world::now().0 + day) / 60_000 * 60_000)
    });
    let content = Content { text: case.ordered.to_owned(), scheduled_at, ..Content::default() };
    Payload { action_type: case.flow.to_owned(), content, target }
}

/// Done once; ordered again, it is found to be so already and nothing is clicked.
async fn once(case: Case) {
    let stage = Stage::new().await;
    let order = payload(&stage, &case);
    let action = stage.file_payload(order.clone(), None).await;
    let ending = stage.run(&action).await;
    let done = if case.own_page { (State::PostcheckComplete, 3) } else { (State::ConfirmedSuccess, 2) };
    assert_eq!((ending.state, ending.proof_level), done, "{ending:#?}");

    let truth = stage.practice.truth();
    let writes: Vec<_> = truth.of_kind(case.kind).collect();
    let [write] = writes.as_slice() else { unreachable_writes(&truth) };
    assert_eq!((write.account.as_deref(), write.stored), (Some(HANDLE), true), "{write:?}");
    assert_eq!(write.text, case.text);
    if let Some(target) = case.target.and_then(|target| target.strip_prefix("/p/"))
        && case.kind != WriteKind::Comment
    {
        assert_eq!(write.object_id.as_deref(), Some(target));
    }
    assert!((case.holds)(&truth), "{:#?}", truth.objects);

    let again = stage.file_payload(order, Some("again")).await;
    let ending = stage.run(&again).await;
    assert_eq!(
        (ending.state, ending.failure),
        (State::ConfirmedFailed, Some(Failure::DuplicateContent)),
        "{ending:#?}"
    );
    assert_eq!(stage.practice.truth().writes.len(), truth.writes.len(), "nothing was written");
    stage.end().await;
}

fn unreachable_writes(truth: &Truth) -> ! {
    unreachable!("one write was expected: {:#?}", truth.writes)
}

/// The page shows another object than the order names: held, and nothing is written.
async fn wrong_target(case: Case) {
    let stage = Stage::new().await;
    stage.faults(Faults { wrong_object: true, ..Faults::default() });
    let action = stage.file_payload(payload(&stage, &case), None).await;
    let ending = stage.run(&action).await;
    let reason = ending.hold.as_ref().map(|hold| hold.reason);
    assert_eq!((ending.state, reason), (State::Queued, Some(HoldReason::ReviewMismatch)), "{ending:#?}");
    assert!(stage.practice.truth().writes.is_empty(), "{:#?}", stage.practice.truth().writes);
    let row = stage.world.ledger.action(&action).await.expect("the action");
    assert_eq!(row.attempted_at, None);
    stage.end().await;
}

macro_rules! flows {
    ($($name:ident: $test:ident($case:expr),)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            $test($case).await;
        })*
    };
}

flows! {
    a_post_is_scheduled_once: once(SCHEDULE),
    a_post_is_edited_once: once(EDIT),
    a_post_is_deleted_once: once(DELETE),
    a_post_is_liked_once_and_the_like_is_not_taken_back: once(LIKE),
    a_comment_is_written_once: once(COMMENT),
    somebody_is_followed_once: once(FOLLOW),
    a_message_is_sent_once: once(DM),
    another_post_is_not_edited: wrong_target(EDIT),
    another_post_is_not_deleted: wrong_target(DELETE),
    another_post_is_not_liked: wrong_target(LIKE),
    another_post_gets_no_comment: wrong_target(COMMENT),
    somebody_else_is_not_followed: wrong_target(FOLLOW),
    somebody_else_gets_no_message: wrong_target(DM),
}
