//! How an account is told to be, and the warning before its session ends.

use std::time::Duration;

use deed_core::hold::{Hold, HoldReason};
use deed_core::ids::ActionId;
use deed_core::ports::browser::SessionState;
use deed_core::ports::ledger::{Change, Ledger as _};
use deed_core::session::SessionExpiry;
use deed_core::state::Event;
use deed_core::warning::{Severity, WarningKind};

use crate::desk::{Desk, LEASE, worker};

const HOUR: Duration = Duration::from_secs(3600);

/// One episode that ends with this hold.
async fn held(desk: &Desk, text: &str, reason: HoldReason, identity_ok: Option<bool>) -> ActionId {
    let fence = desk.claimed(text).await.fence;
    let change = Change { hold: Some(Hold::new(reason, "seen")), identity_ok, ..Change::default() };
    desk.ledger.advance(&fence, Event::Held, change).await.unwrap();
    desk.ledger.release(&fence).await.unwrap();
    fence.action
}

async fn warned(desk: &Desk) -> Vec<(WarningKind, Severity, u32)> {
    let warnings = desk.ledger.list_warnings(None, false, 9).await.unwrap();
    warnings.into_iter().map(|w| (w.kind, w.severity, w.count)).collect()
}

async fn import(desk: &Desk, ends: SessionExpiry) {
    let session = SessionState::new("{\"cookies\":[]}");
    desk.ledger.set_session_that_ends(&desk.account.id, &session, Some(ends), "ann").await.unwrap();
}

#[tokio::test]
async fn an_account_tells_how_it_is() {
    let desk = Desk::new().await;
    let health = desk.ledger.account_health(&desk.account.id).await.unwrap();
    assert_eq!((health.session.unwrap().ends, health.identity, health.attempted_24h), (None, None, 0));

    held(&desk, "a", HoldReason::RateLimit, None).await;
    held(&desk, "b", HoldReason::RateLimit, None).await;
    let fence = desk.attempted("c").await;
    let health = desk.ledger.account_health(&desk.account.id).await.unwrap();
    let look = health.identity.unwrap();
    assert_eq!((look.at, look.proven, health.attempted_24h), (desk.now(), true, 1));
    assert_eq!(health.holds.into_iter().collect::<Vec<_>>(), [(HoldReason::RateLimit, 2)]);
    desk.step(&fence, Event::FoundPresent).await;
    desk.ledger.release(&fence).await.unwrap();

    desk.pass(24 * HOUR);
    held(&desk, "d", HoldReason::WrongAccount, Some(false)).await;
    let health = desk.ledger.account_health(&desk.account.id).await.unwrap();
    let look = health.identity.unwrap();
    assert_eq!((look.at, look.proven, health.attempted_24h), (desk.now(), false, 0));
    assert_eq!(health.warnings.into_iter().collect::<Vec<_>>(), [(Severity::Critical, 1)]);
    assert_eq!(health.holds.len(), 2);
}

#[tokio::test]
async fn who_signs_in_was_looked_at_and_who_imports_was_not() {
    let desk = Desk::new().await;
    let health = async || desk.ledger.account_health(&desk.account.id).await.unwrap();
    import(&desk, SessionExpiry::Undated).await;
    assert_eq!(health().await.identity, None);
    desk.pass(HOUR);
    let session = SessionState::new("{\"cookies\":[]}");
    let ends = SessionExpiry::Dated(desk.now().plus(200 * HOUR));
    desk.ledger.set_session_signed_in(&desk.account.id, &session, Some(ends), "ann").await.unwrap();
    let (look, stored) = (health().await.identity.unwrap(), health().await.session.unwrap());
    assert_eq!((look.at, look.proven), (desk.now(), true));
    assert_eq!((stored.stored_at, stored.ends), (desk.now(), Some(ends)));
    // A session that somebody brings afterwards proves nothing, and takes nothing back.
    desk.pass(HOUR);
    import(&desk, SessionExpiry::Undated).await;
    assert_eq!(health().await.identity.unwrap().at, desk.now().minus(HOUR));
}

#[tokio::test]
async fn what_was_used_is_counted_by_action_type_in_the_hour_and_the_day() {
    let desk = Desk::new().await;
    for (text, pass) in [("a", 2 * HOUR), ("b", HOUR / 2), ("c", HOUR / 4)] {
        let fence = desk.attempted(text).await;
        desk.step(&fence, Event::FoundPresent).await;
        desk.ledger.release(&fence).await.unwrap();
        desk.pass(pass);
    }
    let used = async || desk.ledger.account_health(&desk.account.id).await.unwrap().used;
    let posts = used().await["publish.post"];
    assert_eq!((posts.hour, posts.day, used().await.len()), (2, 3, 1));
    desk.pass(24 * HOUR);
    assert_eq!(used().await.len(), 0);
}

#[tokio::test]
async fn the_end_of_a_session_is_warned_of_72_hours_ahead_and_once() {
    let desk = Desk::new().await;
    import(&desk, SessionExpiry::Dated(desk.now().plus(73 * HOUR))).await;
    desk.ledger.warn_of_sessions().await.unwrap();
    assert_eq!(warned(&desk).await, []);
    desk.pass(HOUR);
    for _ in 0..5 {
        desk.ledger.warn_of_sessions().await.unwrap();
    }
    let once = [(WarningKind::SessionExpiring, Severity::Low, 1)];
    assert_eq!(warned(&desk).await, once);
    // A claim warns too, and knows what was told before.
    let claim = desk.claimed("a").await;
    assert_eq!(warned(&desk).await, once);
    desk.ledger.release(&claim.fence).await.unwrap();
    // A session that lasts closes it; another end is another warning.
    import(&desk, SessionExpiry::Dated(desk.now().plus(100 * HOUR))).await;
    assert_eq!(warned(&desk).await, []);
    desk.pass(30 * HOUR);
    let id = desk.filed("b").await;
    desk.ledger.claim(&deed_ledger::ClaimTarget::Action(id), &worker("w1"), LEASE).await.unwrap().unwrap();
    assert_eq!(warned(&desk).await, once);
}

#[tokio::test]
async fn a_session_without_an_end_is_not_warned_of() {
    let desk = Desk::new().await;
    for ends in [SessionExpiry::Undated, SessionExpiry::None] {
        import(&desk, ends).await;
        desk.ledger.warn_of_sessions().await.unwrap();
        let health = desk.ledger.account_health(&desk.account.id).await.unwrap();
        assert_eq!(health.session.unwrap().ends, Some(ends));
    }
    assert_eq!(warned(&desk).await, []);
}

#[tokio::test]
async fn a_refreshed_session_is_sealed_under_the_live_claim_only() {
    let desk = Desk::new().await;
    let stored = async || desk.ledger.session(&desk.account.id).await.unwrap().unwrap().expose().to_owned();
    import(&desk, SessionExpiry::Dated(desk.now().plus(HOUR))).await;
    let fence = desk.attempted("a").await;
    assert_eq!(warned(&desk).await, [(WarningKind::SessionExpiring, Severity::Low, 1)]);
    let fresh = SessionState::new("{\"cookies\":[],\"n\":1}");
    let ends = SessionExpiry::Dated(desk.now().plus(1000 * HOUR));
    desk.ledger.refresh_session(&fence, &fresh, Some(ends)).await.unwrap();
    assert_eq!(stored().await, fresh.expose());
    let health = desk.ledger.account_health(&desk.account.id).await.unwrap();
    assert_eq!(health.session.unwrap().ends, Some(ends));
    assert_eq!(warned(&desk).await, [], "it lasts again");
    let line = desk.ledger.audit_tail(1).await.unwrap().remove(0);
    assert_eq!((line.event.result.status.as_str(), line.event.action_id, line.by), ("session_refreshed", None, None));

    // Whoever was taken over can not put an old session in place of a newer one, nor can one whose lease is over.
    desk.pass(LEASE);
    let stale = SessionState::new("{\"cookies\":[],\"n\":2}");
    let late = desk.ledger.refresh_session(&fence, &stale, None).await.unwrap_err();
    assert_eq!(late.code(), "fence-lost");
    desk.pass(deed_ledger::CLOCKS_APART);
    let claims = desk.ledger.stale_claims(&[]).await.unwrap();
    let claim = desk.ledger.take_over(&claims[0], &worker("w2"), LEASE).await.unwrap().unwrap();
    let lost = desk.ledger.refresh_session(&fence, &stale, None).await.unwrap_err();
    assert_eq!(lost.code(), "fence-lost");
    assert_eq!(stored().await, fresh.expose());
    desk.ledger.refresh_session(&claim.fence, &stale, None).await.unwrap();
    assert_eq!(stored().await, stale.expose());
    desk.audit_rows().await;
}
