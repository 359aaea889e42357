//! Baselines out of recorded or authored pages: the surfaces of a recipe, visited on a fixture's stage in a session that can only
//! look, in the fixture's first scene.
//!
//! What the order aims at tells which pages the surfaces of a target are, and its reversible steps lead to the composer as it is
//! reviewed; nothing is committed. What the fixture does not show is named, never guessed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use deed_chromium::{Chromium, Replaying};
use deed_core::baselines::{Order, Recorded, Source, record_of};
use deed_core::ids::{AccountId, EpisodeId};
use deed_core::order::ScheduledWords;
use deed_core::ports::Clock as _;
use deed_core::ports::browser::{Access, Browser as _, Opening, Pacing, Session as _, SessionState};
use deed_core::time::Timestamp;
use deed_recipes::Recipe;

use crate::context::mint;
use crate::error::CliError;
use crate::replay::error::FixtureError;
use crate::replay::fixture::{self, Fixture};
use crate::replay::scenario::unhurried;
use crate::replay::stage::{FixtureStage, ReplayClock};

/// What several fixtures show together.
///
/// # Errors
/// A fixture that can not be read, is of another platform or does not show the account; the browser's.
pub async fn of_all(
    fixtures: &[PathBuf],
    recipe: &Arc<Recipe>,
    chromium: &Arc<Chromium>,
) -> Result<Recorded, CliError> {
    let (mut all, mut stuck) = (Vec::new(), Vec::new());
    for folder in fixtures {
        let (recorded, flow) = of(folder, recipe, chromium).await?;
        stuck.extend(recorded.left_out.iter().filter(|(surface, _)| *surface == flow).cloned());
        all.push(recorded);
    }
    let mut joined = Recorded::join(all);
    // Another fixture may show the same flow; that this one did not come to its own commit is told all the same.
    stuck.retain(|(flow, _)| joined.left_out.iter().all(|(surface, _)| surface != flow));
    joined.left_out.extend(stuck);
    Ok(joined)
}

/// What one fixture shows, and the flow of its order.
async fn of(folder: &Path, recipe: &Arc<Recipe>, chromium: &Arc<Chromium>) -> Result<(Recorded, String), CliError> {
    let file = folder.join(fixture::FILE_NAME);
    if !file.is_file() {
        return Err(FixtureError::NoScenario { path: folder.to_owned() }.into());
    }
    let fixture = fixture::load(&file)?;
    let misfit = |why: String| FixtureError::Misfit { path: folder.to_owned(), why };
    if fixture.recipe != recipe.platform {
        return Err(misfit(format!("it is of {}, and the recipe of {}", fixture.recipe, recipe.platform)).into());
    }
    let base = fixture.account.origin.clone().or_else(|| recipe.base_origin());
    let base = base.filter(|origin| recipe.allows_origin(origin));
    let base = base.ok_or_else(|| misfit("its account has no `origin` that is one of the recipe's".to_owned()))?;
    let account = fixture.account.fingerprint()?;
    let asked = &fixture.order;
    let scheduled = asked.content.scheduled_at.as_deref().and_then(Timestamp::parse).map(ScheduledWords::of);
    // What is known by the order's time is looked for by this order's.
    let recipe = &Arc::new(match &scheduled {
        Some(scheduled) => recipe.for_order(scheduled),
        None => (**recipe).clone(),
    });
    let clock = ReplayClock::default();
    let routes = fixture.routes.clone();
    let stage = Arc::new(FixtureStage::new(routes, fixture.words(), &fixture.scene, clock.clone(), Vec::new()));
    let opening = Opening {
        account: AccountId::new("baseline"),
        episode: EpisodeId::new(mint()),
        recipe: Arc::clone(recipe),
        flow: fixture.order.action.clone(),
        base: base.clone(),
        session: SessionState::new(fixture.account.storage_state.clone()),
        access: Access::ReadOnly,
        pacing: Pacing::Unpaced,
    };
    let media = asked.content.media.iter().map(|path| fixture.order_folder.join(path));
    let files: Vec<String> = media.map(|path| path.canonicalize().unwrap_or(path).display().to_string()).collect();
    let order = Order {
        flow: &asked.action,
        text: &asked.content.text,
        title: asked.content.title.as_deref(),
        scheduled: scheduled.as_ref(),
        target: asked.target.as_deref(),
        files: &files,
    };
    let source = Source { recipe, base: &base, account: &account, order: Some(order) };
    let mut session = Replaying::new(Arc::clone(chromium), stage.clone()).open(&opening).await?;
    let recorded = record_of(&mut session, &source, unhurried(&fixture), clock.now()).await;
    session.close().await;
    let mut recorded = recorded?;
    name_the_unrecorded(&mut recorded, &source, &fixture, folder, &stage.played().unmatched);
    Ok((recorded, fixture.order.action))
}

/// A page that the fixture has no answer for was not recorded: that is said, in place of the browser's word for it.
fn name_the_unrecorded(
    recorded: &mut Recorded,
    source: &Source<'_>,
    fixture: &Fixture,
    folder: &Path,
    unmatched: &[String],
) {
    let folder = folder.display();
    for (surface, why) in &mut recorded.left_out {
        let asked = |url: &str| {
            let page = format!("GET {url} (Document)");
            unmatched.contains(&page)
        };
        match source.url(surface) {
            Ok(url) if asked(&url) => {
                *why = format!("not recorded: {folder} has no answer for GET {url} in scene {}", fixture.scene);
            }
            _ if surface == &fixture.order.action => {
                *why = format!("{folder}: its steps did not come to the commit: {why}")
            }
            Ok(_) => *why = format!("{folder}: {why}"),
            Err(_) => *why = format!("not recorded: the order of {folder} visits no such page ({why})"),
        }
    }
}
