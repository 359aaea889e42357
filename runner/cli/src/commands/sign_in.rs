//! `deed account connect` without a file: a person signs in, in a window of a browser, and the session is taken over.
//!
//! Owns the waiting: whenever what the platform gave the window has changed and stands still, a session of Deed's own, elsewhere and
//! read-only, looks with it who is signed in, by the recipe's votes, as every episode does. Nothing is typed or pressed in the window.
//! Only a proved session is stored, sealed, and only what is of the recipe's origins.

use std::sync::Arc;
use std::time::Duration;

use deed_chromium::visible::Visible;
use deed_chromium::{Chromium, ChromiumConfig, LaunchConfig};
use deed_core::account::Account;
use deed_core::episode::{Options, challenge_of, read_identity};
use deed_core::ids::EpisodeId;
use deed_core::judge::identity::{self, Verdict};
use deed_core::ports::browser::{Access, Browser as _, BrowserFault, Opening, Pacing, Session as _, SessionState};
use deed_core::session::only_own;
use deed_recipes::Recipe;

use crate::context::{Context, account_name, mint};
use crate::error::CliError;
use crate::signals::asked_to_stop;
use crate::window;
use crate::world::now;

/// How often the window is read.
const READ_EVERY: Duration = Duration::from_millis(700);
/// How long a person may take.
const WITHIN: Duration = Duration::from_secs(30 * 60);

/// What a person does who has no display.
const WITHOUT_A_DISPLAY: &str = "run it on a desktop, or on any machine with one and import the session here: `deed account connect ACCOUNT --session FILE`";

/// Why nobody's session was stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// The identity surface can not be opened for this account.
    #[error("failed to tell where to sign in: {0}")]
    Place(String),
    /// The one who signed in is not proved to be the account.
    #[error("who signed in is not proved to be the account, and nothing was stored: {0}")]
    NotProved(String),
}

impl SignInError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Place(_) => "origin-not-allowed",
            Self::NotProved(_) => "sign-in-not-proved",
        }
    }

    /// What to do.
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Place(_) => "correct the account's origin, or say --url",
            Self::NotProved(_) => {
                "sign in as the account and wait for the word here; `deed account show` tells by what it is recognised"
            }
        }
    }
}

/// A session that is proved to be the account's.
pub struct Proved {
    /// Cookies and local storage of the recipe's origins.
    pub state: SessionState,
    /// By what.
    pub words: String,
}

/// What a look said.
enum Answer {
    Proved(String),
    Not(String),
}

/// Opens the window and waits until the one who signs in is proved to be the account; at the latest when Enter is pressed, or the window
/// is closed.
///
/// # Errors
/// No window, [`SignInError`], the browsers', a signal.
pub async fn wait_for_person(
    account: &Account,
    recipe: &Arc<Recipe>,
    url: Option<&str>,
    context: &Context,
) -> Result<Proved, CliError> {
    let base = account.origin.clone().filter(|o| recipe.allows_origin(o)).or_else(|| recipe.base_origin());
    let base = base.ok_or_else(|| SignInError::Place("its origin is not one of the recipe's".to_owned()))?;
    let home = recipe.url_of(&recipe.identity.on, &base, &account.fingerprint);
    let home = home.map_err(|e| SignInError::Place(e.to_string()))?;
    let launch = window::launch(WITHOUT_A_DISPLAY)?;
    let headless = Chromium::new(ChromiumConfig {
        launch: LaunchConfig { binary: context.settings.browser.clone(), ..LaunchConfig::default() },
        runner: None,
        now: Arc::new(now),
    });
    let window = Visible::open(&launch, url.unwrap_or(&home)).await?;
    let ui = context.ui;
    ui.say(&format!("sign in as {} in the window; Deed types and presses nothing in it", account_name(account)));
    let origins: Vec<_> = recipe.origins.iter().map(ToString::to_string).collect();
    ui.say(&format!("kept is what belongs to {}, and nothing else; Enter here looks now", origins.join(", ")));
    let check = Check { account, recipe, base: &base, home: &home, headless: &headless };
    let waited = tokio::select! {
        waited = check.until_proved(&window, context) => waited,
        () = asked_to_stop() => Err(CliError::StoppedBefore { action: None }),
    };
    // Whatever happened, neither browser stays.
    window.stop().await;
    headless.stop().await;
    waited
}

/// Who signed in, looked at with a session of Deed's own.
struct Check<'a> {
    account: &'a Account,
    recipe: &'a Arc<Recipe>,
    base: &'a str,
    home: &'a str,
    headless: &'a Chromium,
}

impl Check<'_> {
    async fn until_proved(&self, window: &Visible, context: &Context) -> Result<Proved, CliError> {
        let mut enter = window::lines();
        let (mut latest, mut looked_at) = (None::<SessionState>, String::new());
        let mut said = String::from("nobody has signed in yet");
        let end = tokio::time::Instant::now() + WITHIN;
        loop {
            let asked = tokio::select! {
                () = tokio::time::sleep(READ_EVERY) => false,
                () = tokio::time::sleep_until(end) => return Err(SignInError::NotProved(said).into()),
                Some(()) = enter.recv() => true,
            };
            let (state, closed) = match window.state(|url| self.recipe.allows_origin(url)).await {
                Ok(Some(state)) => (only_own(&state, self.recipe), false),
                Ok(None) | Err(BrowserFault::Gone(_)) => (latest.clone(), true),
                Err(fault) => return Err(fault.into()),
            };
            let Some(state) = state else { return Err(SignInError::NotProved(said).into()) };
            // What the platform just gave may be followed by more: it is looked at when it stands still.
            let still = latest.as_ref().is_some_and(|before| before.expose() == state.expose());
            let new = has_cookies(&state) && looked_at != state.expose();
            latest = Some(state.clone());
            if (new && still) || asked || closed {
                state.expose().clone_into(&mut looked_at);
                match self.look(&state).await? {
                    Answer::Proved(words) => return Ok(Proved { state, words }),
                    Answer::Not(words) => {
                        context.ui.say(&format!("not yet: {words}"));
                        said = words;
                    }
                }
            }
            if asked || closed {
                return Err(SignInError::NotProved(said).into());
            }
        }
    }

    /// In a context of its own, in which no declared write passes.
    async fn look(&self, state: &SessionState) -> Result<Answer, CliError> {
        let opening = Opening {
            account: self.account.id.clone(),
            episode: EpisodeId::new(mint()),
            recipe: Arc::clone(self.recipe),
            flow: String::new(),
            base: self.base.to_owned(),
            session: state.clone(),
            access: Access::ReadOnly,
            pacing: Pacing::Unpaced,
        };
        let mut session = self.headless.open(&opening).await?;
        let read = async {
            session.goto(self.home).await?;
            read_identity(&mut session, self.recipe, Options::default().identity_wait).await
        }
        .await;
        session.close().await;
        let (readings, seen) = match read {
            Ok(read) => read,
            Err(fault @ (BrowserFault::Launch(_) | BrowserFault::Gone(_))) => return Err(fault.into()),
            // A page that leads elsewhere, or does not load, proves nothing.
            Err(fault) => return Ok(Answer::Not(fault.to_string())),
        };
        if let Some(hold) = challenge_of(&seen, now()) {
            return Ok(Answer::Not(hold.detail));
        }
        let (votes, verdict) = identity::judge(&self.account.fingerprint, &readings);
        let words: Vec<_> = votes.iter().map(|v| format!("{} {:?}, saw {}", v.signal, v.vote, v.seen)).collect();
        let words = words.join("; ");
        Ok(if verdict == Verdict::Proven { Answer::Proved(words) } else { Answer::Not(words) })
    }
}

fn has_cookies(state: &SessionState) -> bool {
    let state: serde_json::Value = serde_json::from_str(state.expose()).unwrap_or_default();
    state["cookies"].as_array().is_some_and(|cookies| !cookies.is_empty())
}
