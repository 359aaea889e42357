//! An order and its account, as the tests of this crate take them.

use crate::account::{Account, AccountState, Fingerprint, Mode};
use crate::approval::{AccountApprovals, Risk};
use crate::ids::{AccountId, ActionId, ClientId};
use crate::order::{Action, Content, Lane, Payload};
use crate::state::State;

pub(crate) fn action(content: Content) -> Action {
    Action {
        id: ActionId::new("a"),
        episode: None,
        client: ClientId::new("bakery"),
        account: AccountId::new("0190"),
        platform: "practice".to_owned(),
        lane: Lane::Browser,
        payload: Payload { action_type: "publish.post".to_owned(), content, target: None },
        idempotency_key: "k".to_owned(),
        state: State::Queued,
        attempted_at: None,
        experiment_id: None,
        variant_id: None,
        risk: Risk::Low,
    }
}

pub(crate) fn account() -> Account {
    Account {
        id: AccountId::new("0190"),
        client: ClientId::new("bakery"),
        platform: "practice".to_owned(),
        fingerprint: Fingerprint { handle: "north_star".to_owned(), display_name: None, avatar: None },
        origin: None,
        state: AccountState::Active,
        state_reason: None,
        mode: Mode::Live,
        has_session: true,
        approvals: AccountApprovals::None,
    }
}
