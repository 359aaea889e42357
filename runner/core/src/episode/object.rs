//! Reading the object of an order: is it so, is it gone? Used before the commit and, by verification, after it.
//!
//! A page shows its elements before it knows their state (a button that says "Follow" until the answer comes), so one look is not
//! believed: two that agree are.

use std::sync::Arc;
use std::time::Duration;

use deed_recipes::{Evidence, Placeholder, Recipe, Surface};

use super::Episode;
use super::reading::{ERROR_PAGE, Values, base_of, challenge_hold, page_of};
use super::stop::Stop;
use crate::hold::{Hold, HoldReason};
use crate::judge::evidence::{self, Judged, Standing, Wanted, landed_at};
use crate::ports::browser::{BrowserFault, Landing, Look, Need, Seen, Session};
use crate::ports::{Clock, World};
use crate::retry::Transient;

/// Time between two looks that must agree.
const BETWEEN_LOOKS: Duration = Duration::from_millis(400);
/// Looks before a page that keeps changing is given up.
const LOOKS_MAX: u32 = 6;

/// Where to look, and for what.
pub struct Place<'a> {
    /// The recipe.
    pub recipe: &'a Recipe,
    /// The surface.
    pub surface: &'a str,
    /// What shows that the order is done.
    pub evidence: &'a Evidence,
    /// The same with its placeholders filled in.
    pub wanted: &'a Wanted,
    /// The account's origin.
    pub base: &'a str,
    /// Placeholders.
    pub values: &'a Values,
    /// How long the page may take.
    pub patience: Duration,
}

/// What was read.
pub struct ObjectRead {
    /// What the navigation answered; its URL is the one that was asked for.
    pub landing: Landing,
    /// The last look.
    pub seen: Seen,
    /// What it says.
    pub judged: Judged,
}

/// Opens the object's surface and judges it, for evidence of kind `state` and `gone`.
///
/// # Errors
/// The browser's.
pub async fn read<W: World, S: Session>(
    world: &W,
    session: &mut S,
    place: &Place<'_>,
) -> Result<ObjectRead, BrowserFault> {
    let surface = &place.recipe.surfaces[place.surface];
    let url = place
        .recipe
        .url_of(place.surface, place.base, place.values)
        .map_err(|e| BrowserFault::Navigation { url: place.surface.to_owned(), reason: e.to_string() })?;
    let landing = session.goto(&url).await?;
    let refused = landing.status.is_some_and(|status| status >= 400);
    let asked = evidence::elements(place.evidence);
    // What must have loaded; an object that is gone brings none of it.
    let loaded = if matches!(place.evidence, Evidence::State(_)) && !refused {
        let ready = surface.ready.iter().cloned().map(Need::Present);
        surface.landmarks.iter().cloned().map(Need::Visible).chain(ready).collect()
    } else {
        Vec::new()
    };
    let mut look = Look {
        elements: surface.landmarks.iter().chain(&surface.ready).chain(&asked).cloned().collect(),
        until: loaded,
        until_any: asked.iter().cloned().map(Need::Visible).collect(),
        within: if refused { place.patience.min(ERROR_PAGE) } else { place.patience },
        ..Look::default()
    };
    let mut before: Option<Judged> = None;
    for _ in 0..LOOKS_MAX {
        let seen = session.look(&look).await?;
        let judged = judge(place.wanted, &landing, &seen, led_elsewhere(surface, &landing, &seen));
        let agreed = before.as_ref().is_some_and(|before| before.standing == judged.standing);
        if agreed || !seen.challenges.is_empty() || judged.standing == Standing::Unreadable {
            return Ok(ObjectRead { landing, seen, judged });
        }
        before = Some(judged);
        world.clock().sleep(BETWEEN_LOOKS).await;
        look.within = Duration::ZERO;
    }
    let seen = session.look(&look).await?;
    Ok(ObjectRead { landing, seen, judged: Judged::unreadable("it keeps changing") })
}

/// Whether a surface is a page of the order's target, and the page that was reached is another one's.
pub fn led_elsewhere(surface: &Surface, landing: &Landing, seen: &Seen) -> bool {
    is_of_target(surface) && !landed_at(&landing.url, &seen.url)
}

fn is_of_target(surface: &Surface) -> bool {
    surface.url.placeholders().any(|placeholder| placeholder == Placeholder::Target)
}

fn judge(wanted: &Wanted, landing: &Landing, seen: &Seen, elsewhere: bool) -> Judged {
    let refused = landing.status.filter(|status| *status >= 400);
    match wanted {
        Wanted::State { .. } if elsewhere => Judged::unreadable(format!("the page led to {}", page_of(&seen.url))),
        Wanted::State { .. } if refused.is_some() => {
            Judged::unreadable(format!("the page answers {}", refused.unwrap_or_default()))
        }
        Wanted::State { evidence, expected } => evidence::state(evidence, expected, seen),
        Wanted::Gone(evidence) => match evidence::gone(evidence, landing.status.or(seen.status), seen) {
            // What is visible there is another object.
            judged if elsewhere && judged.standing == Standing::NotDone => {
                Judged::unreadable(format!("the page led to {}", page_of(&seen.url)))
            }
            judged => judged,
        },
        Wanted::Same(_) => Judged::unreadable("a list is read entry by entry"),
    }
}

impl<W: World> Episode<'_, W> {
    /// Where the order's target is, for a surface whose URL it names.
    pub(super) fn asked_target(&self, surface: &str) -> Option<String> {
        let base = base_of(&self.claim.account, &self.recipe)?;
        is_of_target(&self.recipe.surfaces[surface])
            .then(|| self.recipe.url_of(surface, &base, &self.values()).ok())
            .flatten()
    }

    /// Is the object already as the order wants it?
    pub(super) async fn already_so<S: Session>(&mut self, session: &mut S) -> Result<(), Stop> {
        let recipe = Arc::clone(&self.recipe);
        let dedupe = &self.flow(&recipe).dedupe;
        let (values, base) = (self.values(), base_of(&self.claim.account, &recipe).unwrap_or_default());
        let wanted = self.evidence(&dedupe.evidence, None);
        let place = Place {
            recipe: &recipe,
            surface: &dedupe.on,
            evidence: &dedupe.evidence,
            wanted: &wanted,
            base: &base,
            values: &values,
            patience: self.options.patience,
        };
        self.renew().await?;
        let ObjectRead { landing, seen, judged } = read(self.world, session, &place).await?;
        self.trail.url(&seen.url);
        let now = self.world.clock().now();
        self.trail.keep_capture(session.capture().await?, now);
        if let Some(hold) = challenge_hold(&seen, &landing, now) {
            let expected = "no captcha, checkpoint, log-in wall or rate limit";
            self.trail.check("no_challenge", false, expected, &hold.detail, "");
            return Err(Stop::Hold(hold));
        }
        self.same_session(&seen)?;
        landing.of_our_time()?;
        let not_yet = judged.standing == Standing::NotDone;
        self.trail.check("not_so_yet", not_yet, &format!("not yet: {}", wanted.in_words()), &judged.words, "");
        self.trail.dedupe(0, judged.standing == Standing::Done, None, &judged.words, now);
        self.world.boundary("deduped");
        match judged.standing {
            Standing::NotDone => self.landmarks(&dedupe.on, &seen, session).await,
            Standing::Unreadable => {
                let detail = format!("surface {}: {}", dedupe.on, judged.words);
                let hold = Hold::new(HoldReason::DestinationUnreadable, detail);
                Err(match Transient::of_status(landing.status) {
                    Some(fault) => Stop::Fault { hold, fault },
                    None => Stop::Hold(hold),
                })
            }
            Standing::Done => {
                let there = matches!(wanted, Wanted::State { .. });
                Err(Stop::Duplicate {
                    permalink: there.then(|| landing.url.clone()),
                    id: None,
                    words: format!("it is so already ({}); nothing was clicked", judged.words),
                })
            }
        }
    }
}
