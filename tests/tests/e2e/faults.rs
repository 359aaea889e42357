//! Every fault of the practice platform, and what it becomes: the table of the design, as data.
//!
//! Writes are counted where they arrive, at the platform.
#![expect(clippy::expect_used, clippy::panic, reason = "tests stop at the first surprise")]

use deed_core::account::AccountState;
use deed_core::hold::{Failure, HoldReason};
use deed_core::state::State;
use deed_fixtures::{
    Drift, Duplicates, Editor, Faults, HandleForm, IdentityPart, PageKind, PageRateLimit, RateLimit, WriteVia,
};
use deed_tests::Stage;

/// What a fault becomes.
#[derive(Debug, Clone, PartialEq)]
enum Becomes {
    /// Posted, seen, durable.
    Posted,
    /// Posted and seen, but not durable: level 2, with this visibility.
    Confirmed(&'static str),
    /// Held; and whether the account became read-only.
    Held(HoldReason, AccountState),
    /// Failed.
    Failed(Failure),
}

/// How many publish requests the server may have received, and how many it may have stored.
struct Counts {
    received: usize,
    stored: usize,
}

const NONE: Counts = Counts { received: 0, stored: 0 };
const ONE: Counts = Counts { received: 1, stored: 1 };
const REFUSED: Counts = Counts { received: 1, stored: 0 };

async fn check(settle_s: u32, faults: Faults, becomes: Becomes, counts: Counts) {
    let stage = Stage::with_settle(settle_s).await;
    stage.faults(faults.clone());
    let picture = stage.picture();
    let action = stage.file("Fresh bread from seven — Brötchen too", vec![picture], None).await;
    let ending = stage.run(&action).await;
    let account = stage.account().await;
    let got = match (ending.state, &ending.hold, ending.failure) {
        (State::PostcheckComplete, None, None) if ending.proof_level == 3 => Becomes::Posted,
        (State::ConfirmedSuccess, None, None) if ending.proof_level == 2 => {
            Becomes::Confirmed(if ending.object.visibility.as_deref() == Some("pending_review") {
                "pending_review"
            } else {
                "public"
            })
        }
        (State::Queued, Some(hold), None) => Becomes::Held(hold.reason, account.state),
        (State::ConfirmedFailed, None, Some(failure)) => Becomes::Failed(failure),
        _ => panic!("{faults:?}\nended as {ending:#?}"),
    };
    assert_eq!(got, becomes, "{faults:?}\nended as {ending:#?}");
    assert_eq!(stage.publishes(), (counts.received, counts.stored), "writes received and stored; {ending:#?}");
    let proof = deed_proofs::verify(&stage.proof_folder(&action).await, None).expect("the proof can be read");
    assert!(proof.holds(), "{proof:?}");
    assert!(stage.world.ledger.audit_verify().await.expect("the audit log can be read").ok);
    stage.end().await;
}

macro_rules! faults {
    ($($name:ident: $faults:expr, $becomes:expr, $counts:expr $(, settle $settle:expr)?;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            let settle_s = [$($settle,)? 2][0];
            check(settle_s, $faults, $becomes, $counts).await;
        }
    )*};
}

fn with(change: impl FnOnce(&mut Faults)) -> Faults {
    let mut faults = Faults::default();
    change(&mut faults);
    faults
}

fn challenge() -> Becomes {
    Becomes::Held(HoldReason::Challenge, AccountState::ReadOnly)
}

fn drift() -> Becomes {
    Becomes::Held(HoldReason::Drift, AccountState::ReadOnly)
}

fn read_only(reason: HoldReason) -> Becomes {
    Becomes::Held(reason, AccountState::ReadOnly)
}

fn held(reason: HoldReason) -> Becomes {
    Becomes::Held(reason, AccountState::Active)
}

const ABSENT: Becomes = Becomes::Failed(Failure::NotFoundAfterAttempt);

faults! {
    no_fault: Faults::default(), Becomes::Posted, ONE;

    // Challenges, wherever they appear.
    captcha_on_the_profile: with(|f| f.captcha_on = Some(PageKind::Profile)), challenge(), NONE;
    captcha_on_the_feed: with(|f| f.captcha_on = Some(PageKind::Feed)), challenge(), NONE;
    captcha_on_the_composer: with(|f| f.captcha_on = Some(PageKind::Compose)), challenge(), NONE;
    checkpoint_on_the_composer: with(|f| f.checkpoint_on = Some(PageKind::Compose)), challenge(), NONE;
    login_wall_on_the_profile: with(|f| f.login_wall_on = Some(PageKind::Profile)), challenge(), NONE;
    login_wall_with_a_password_field_that_blanks_itself: with(|f| {
        f.login_wall_on = Some(PageKind::Profile);
        f.password_blanks = true;
    }), challenge(), NONE;
    login_wall_on_the_composer: with(|f| f.login_wall_on = Some(PageKind::Compose)), challenge(), NONE;

    // Identity.
    wrong_account: with(|f| f.wrong_account = true), read_only(HoldReason::WrongAccount), NONE;
    account_switched_after_identity: with(|f| f.switch_account_on_compose = true), read_only(HoldReason::SessionChanged), NONE;
    session_lapsed_after_identity: with(|f| f.session_lapses_on_compose = true), read_only(HoldReason::SessionChanged), NONE;
    two_of_three_are_enough: with(|f| f.hide_identity = vec![IdentityPart::Handle]), Becomes::Posted, ONE;
    name_stands_in_for_a_changed_avatar: with(|f| f.other_avatar = true), Becomes::Posted, ONE;
    one_of_three_is_not: with(|f| f.hide_identity = vec![IdentityPart::Handle, IdentityPart::Name, IdentityPart::Avatar]),
        read_only(HoldReason::IdentityUnproven), NONE;
    a_public_profile_proves_nothing: with(|f| f.hide_identity = vec![IdentityPart::Own, IdentityPart::Switcher]),
        read_only(HoldReason::IdentityUnproven), NONE;
    handle_in_other_words: with(|f| f.handle_form = HandleForm::Spaced), Becomes::Posted, ONE;
    handle_in_capitals: with(|f| f.handle_form = HandleForm::Upper), Becomes::Posted, ONE;
    handle_without_at: with(|f| f.handle_form = HandleForm::Bare), Becomes::Posted, ONE;
    composer_shows_no_account: with(|f| f.no_account_on_composer = true), Becomes::Posted, ONE;

    // Rate limits: before the commit the action waits, after it only looking can tell.
    rate_limit_page: with(|f| f.rate_limit_pages = Some(PageRateLimit { retry_after_s: Some(30), on: PageKind::Compose })),
        held(HoldReason::RateLimit), NONE;
    rate_limit_in_words: with(|f| f.rate_limit_words = true), held(HoldReason::RateLimit), NONE;
    rate_limit_on_the_write: with(|f| f.rate_limit_write = Some(RateLimit { retry_after_s: Some(30) })), ABSENT, REFUSED;

    // Another clock: what is made under it would look older than its own attempt, and be made again.
    clock_of_the_platform_is_behind: with(|f| f.clock_behind_s = 300), held(HoldReason::Transient), NONE;
    clock_of_the_platform_is_ahead: with(|f| f.clock_behind_s = -300), held(HoldReason::Transient), NONE;
    clock_of_the_platform_is_a_little_behind: with(|f| f.clock_behind_s = 45), Becomes::Posted, ONE;

    // The write, and what becomes of its answer.
    slow_pages: with(|f| { f.page_delay_ms = 1_200; f.api_delay_ms = 800; }), Becomes::Posted, ONE;
    success_after_15_s: with(|f| f.write_delay_ms = 15_000), Becomes::Posted, ONE;
    response_lost_after_the_write: with(|f| f.lose_response_after_write = true), Becomes::Posted, ONE;
    // Chromium sends a request again by itself when a connection that it used before dies: only the relay stands against that.
    response_lost_on_a_kept_connection: with(|f| { f.lose_response_after_write = true; f.keep_alive_when_losing = true; }),
        Becomes::Posted, ONE;
    request_lost_on_a_kept_connection: with(|f| { f.lose_request_before_write = true; f.keep_alive_when_losing = true; }),
        ABSENT, REFUSED;
    request_lost_before_the_write: with(|f| f.lose_request_before_write = true), ABSENT, REFUSED;
    error_500_after_the_write: with(|f| f.error_500_after_write = true), Becomes::Posted, ONE;
    error_500_before_the_write: with(|f| f.error_500_before_write = true), ABSENT, REFUSED;
    visible_only_later: with(|f| f.visible_after_ms = 4_000), Becomes::Posted, ONE, settle 10;
    feed_is_stale_for_a_while: with(|f| { f.visible_after_ms = 4_000; f.stale_feed = true; }), Becomes::Posted, ONE, settle 10;
    success_that_made_nothing: with(|f| f.vanish = true), ABSENT, REFUSED;
    page_fires_the_write_twice: with(|f| f.double_fire = true), Becomes::Posted, ONE;
    page_fires_a_beacon_too: with(|f| f.double_fire_beacon = true), Becomes::Posted, ONE;
    write_through_a_hidden_iframe: with(|f| f.write_via = WriteVia::HiddenIframeForm), Becomes::Posted, ONE;
    write_as_a_background_request: with(|f| f.write_via = WriteVia::Beacon), Becomes::Posted, ONE;
    pending_review: with(|f| f.pending_review = true), Becomes::Confirmed("pending_review"), ONE;
    permalink_not_found: with(|f| f.permalink_404 = true), Becomes::Confirmed("public"), ONE;
    no_engagement_surface: with(|f| f.no_like_button = true), Becomes::Confirmed("public"), ONE;

    // Layout.
    class_names_changed: with(|f| f.drift = Some(Drift::ClassNames)), Becomes::Posted, ONE;
    button_moved: with(|f| f.drift = Some(Drift::ButtonMoved)), drift(), NONE;
    button_renamed: with(|f| f.drift = Some(Drift::ButtonRenamed)), drift(), NONE;
    two_buttons_swapped: with(|f| f.drift = Some(Drift::ButtonsSwapped)), drift(), NONE;
    dialog_in_front: with(|f| f.drift = Some(Drift::DialogInFront)), drift(), NONE;
    editor_replaced: with(|f| f.drift = Some(Drift::EditorReplaced)), drift(), NONE;
    button_gone: with(|f| f.drift = Some(Drift::ButtonGone)), drift(), NONE;
    welcome_dialog: with(|f| f.welcome_dialog = true), Becomes::Posted, ONE;
    unsent_text_restored: with(|f| f.restore_unsent_text = Some("something from last week".into())), Becomes::Posted, ONE;
    composer_in_a_frame_of_another_site: with(|f| f.composer_in_frame = true), Becomes::Posted, ONE;
    rich_text_editor: with(|f| f.editor = Editor::Contenteditable), Becomes::Posted, ONE;
    other_language: with(|f| f.language = Some("de".into())), Becomes::Posted, ONE;
    right_to_left: with(|f| f.language = Some("ar".into())), Becomes::Posted, ONE;
    other_skin: with(|f| f.skin = Some("dark".into())), Becomes::Posted, ONE;
    ads_and_a_cookie_banner: with(|f| f.ads = true), Becomes::Posted, ONE;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_content_is_not_posted_again_under_another_key() {
    let stage = Stage::new().await;
    let first = stage.file("Closed on Sunday", Vec::new(), Some("monday")).await;
    let ending = stage.run(&first).await;
    assert_eq!(ending.state, State::PostcheckComplete, "{ending:#?}");
    let second = stage.file("Closed on Sunday", Vec::new(), Some("tuesday")).await;
    assert_ne!(first, second);
    let again = stage.run(&second).await;
    assert_eq!((again.state, again.failure), (State::ConfirmedFailed, Some(Failure::DuplicateContent)), "{again:#?}");
    assert_eq!(again.object.permalink, ending.object.permalink, "it names the one that is there");
    assert_eq!(stage.publishes(), (1, 1));
    stage.end().await;
}

/// The newest two posts are in the page, the others come when it is scrolled; the same words stand in the oldest.
async fn older_in_a_long_feed(scrolls: bool) -> (State, Option<Failure>, (usize, usize)) {
    let mut stage = Stage::new().await;
    let own = |o: &deed_fixtures::ObjectRecord| o.seeded && o.account.as_deref() == Some(deed_tests::HANDLE);
    let posts: Vec<_> = stage.practice.truth().objects.into_iter().filter(own).collect();
    assert!(posts.len() > 3, "the feed is longer than its window");
    let old = posts.iter().filter(|o| o.media == 0).min_by_key(|o| o.at).expect("there are old posts");
    let mut recipe = (*stage.recipe).clone();
    recipe.surfaces.get_mut("feed").and_then(|feed| feed.items.as_mut()).expect("the feed").scrolls = scrolls;
    stage.recipe = std::sync::Arc::new(recipe);
    stage.faults(with(|f| f.feed_window = Some(2)));
    let ending = stage.publish(&old.text).await;
    let outcome = (ending.state, ending.failure, stage.publishes());
    stage.end().await;
    outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_feed_is_looked_through_before_the_same_is_posted_again() {
    let found = (State::ConfirmedFailed, Some(Failure::DuplicateContent), (0, 0));
    assert_eq!(older_in_a_long_feed(true).await, found);
    // Without it the page shows the newest two only: the test would see that.
    assert_eq!(older_in_a_long_feed(false).await.2, (1, 1));
}

/// The recipe looks back at one entry only, so the old post with the same text is not seen before the press; the platform swallows
/// the duplicate, or refuses it. Either way the old post is not this action's object.
async fn older_duplicate(duplicates: Duplicates) {
    let mut stage = Stage::new().await;
    let old = stage.practice.truth().objects.into_iter().filter(|o| o.seeded && o.media == 0);
    let old = old
        .filter(|o| o.account.as_deref() == Some(deed_tests::HANDLE))
        .min_by_key(|o| o.at)
        .expect("there are old posts");
    let mut recipe = (*stage.recipe).clone();
    recipe.flows.get_mut("publish.post").expect("the flow").dedupe.look_back = 1;
    stage.recipe = std::sync::Arc::new(recipe);
    stage.faults(with(|f| f.duplicates = duplicates));
    let ending = stage.publish(&old.text).await;
    assert_eq!(
        (ending.state, ending.failure),
        (State::ConfirmedFailed, Some(Failure::NotFoundAfterAttempt)),
        "{ending:#?}"
    );
    assert_eq!(stage.publishes(), (1, 0));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swallowed_duplicate_is_not_success() {
    older_duplicate(Duplicates::Swallow).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_duplicate_is_not_success() {
    older_duplicate(Duplicates::Conflict409).await;
}

/// One absent read after the settle window is not an absence yet. The answer takes longer than the window, so that the first read
/// counts; the pause after it is as long as the post is late, so that the second one finds it.
#[tokio::test(flavor = "multi_thread")]
async fn visible_just_after_the_settle_window() {
    let mut stage = Stage::with_settle(1).await;
    stage.options.verify_pause = std::time::Duration::from_secs(3);
    stage.faults(with(|f| {
        f.write_delay_ms = 1_500;
        f.visible_after_ms = 3_000;
    }));
    let ending = stage.publish("Fresh bread from seven").await;
    assert_eq!((ending.state, ending.proof_level), (State::PostcheckComplete, 3), "{ending:#?}");
    assert_eq!(stage.publishes(), (1, 1));
    stage.end().await;
}
