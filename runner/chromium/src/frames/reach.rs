//! Inputs through frames: from an element in an inner frame up to the point of the page's viewport that hits it, and nothing on the way.
//!
//! Each frame on the way is asked by the looking code of the document that holds it: it stands still, is shown, is itself what lies at
//! that point, and belongs to no commit element. Then the pointer goes there, and the element itself tells whether the browser led the
//! pointer to it: where the frame's process thinks it stands and where the browser draws it can differ (a transform, a clip).

use std::time::Duration;

use deed_core::ports::browser::{BrowserFault, Rect};
use serde::Deserialize;

use super::{PAGE, gone, joined, split};
use crate::page::{Page, World};
use crate::query::{Query, RawOwner, RawRect};
use crate::session::Answer;
use crate::wire::CALL;

/// How long a frame must have stood still: the browser throws inputs away that meet a frame which moved within the last half second.
const FRAME_STILL: Duration = Duration::from_millis(600);
/// How long it may take to come to rest.
const COMES_TO_REST: Duration = Duration::from_secs(5);

/// An element of an inner frame, or one that holds such a frame: where its looking code is, and its number there.
struct Level {
    world: World,
    node: u64,
}

#[derive(Deserialize)]
struct Done {}

/// A hit of the element in its own frame.
#[derive(Debug, Deserialize)]
struct Inner {
    point: (f64, f64),
    rect: RawRect,
}

/// Where an element of an inner frame would be hit.
pub(crate) struct Reached {
    /// In the page's viewport.
    pub(crate) point: (f64, f64),
    /// In the page's viewport.
    pub(crate) rect: Rect,
}

/// Why a frame is not met, and whether that is because it is out of the viewport.
#[derive(Deserialize)]
struct Met {
    #[serde(default)]
    away: bool,
    point: Option<(f64, f64)>,
    why: Option<String>,
}

/// Where a key would go.
#[derive(Deserialize)]
struct KeyTarget {
    /// The element of a frame that has the focus, when it is not this document that has it.
    frame: Option<u64>,
}

/// Whether a node stands in an inner frame.
pub(crate) const fn is_framed(node: u64) -> bool {
    split(node).0 != PAGE
}

impl Page {
    /// The frames around a node, the innermost first.
    async fn around(&self, node: u64) -> Result<Vec<Level>, BrowserFault> {
        let mut levels = Vec::new();
        let (mut number, _) = split(node);
        while number != PAGE {
            let realm = self.frames.realm(number).ok_or_else(gone)?;
            let (world, owner) = self.world_of(joined(realm.parent, realm.owner)).await?;
            if world.context != realm.parent_context {
                return Err(gone());
            }
            levels.push(Level { world, node: owner });
            number = realm.parent;
        }
        Ok(levels)
    }

    async fn ask_level(&self, level: &Level, call: &str) -> Result<(), BrowserFault> {
        let answer: Answer<Done> = self.ask(&level.world, call, CALL).await?;
        answer.ok("the frame").map(drop)
    }

    /// From a point in a node's frame to the one in the page's viewport. `None`: a frame on the way is not in view there.
    async fn climb(
        &self,
        levels: &[Level],
        mut point: (f64, f64),
        call: impl Fn(&Level, (f64, f64)) -> String,
    ) -> Result<Option<(f64, f64)>, BrowserFault> {
        for level in levels {
            let met: Met = self.ask(&level.world, &call(level, point), COMES_TO_REST + CALL).await?;
            match (met.point, met.why) {
                (Some(at), None) => point = at,
                (_, _) if met.away => return Ok(None),
                (_, why) => {
                    return Err(BrowserFault::InputRefused(why.unwrap_or_else(|| "its frame is gone".to_owned())));
                }
            }
        }
        Ok(Some(point))
    }

    /// Brings an element of an inner frame into view and finds the point that hits it. `hit` asks its own frame.
    pub(crate) async fn reach(
        &self,
        node: u64,
        query: Option<&Query>,
        hit: impl Fn(u64) -> String,
    ) -> Result<Reached, BrowserFault> {
        let levels = self.around(node).await?;
        for level in levels.iter().rev() {
            self.ask_level(level, &format!("scrollTo({})", level.node)).await?;
        }
        let query = query.map_or_else(|| "null".to_owned(), Query::json);
        let (still, rest) = (FRAME_STILL.as_millis(), COMES_TO_REST.as_millis());
        let mut centred = false;
        loop {
            let inner: Answer<Inner> = self.touch_at(node, &hit, COMES_TO_REST + CALL).await?;
            let inner = inner.ok("the element in its frame")?;
            let through =
                |level: &Level, (x, y)| format!("through({}, {x}, {y}, {still}, {rest}, {query})", level.node);
            match self.climb(&levels, inner.point, through).await? {
                Some(point) => return Ok(reached(&inner, point)),
                None if centred => {
                    return Err(BrowserFault::InputRefused("it can not be brought into view".to_owned()));
                }
                // The frame is larger than the viewport: only the element itself can be brought into view.
                None => {
                    let scrolled: Answer<Done> = self.touch_at(node, |n| format!("centre({n})"), CALL).await?;
                    scrolled.ok("scrolling")?;
                    centred = true;
                }
            }
        }
    }

    /// The same once more, of what was reached before: nothing is waited for, and nothing is scrolled.
    pub(crate) async fn reach_now(&self, node: u64, still: Duration) -> Result<Reached, BrowserFault> {
        let levels = self.around(node).await?;
        let (still, frame_still) = (still.as_millis(), FRAME_STILL.as_millis());
        let inner: Answer<Inner> = self.touch_at(node, |n| format!("recheckInFrame({n}, {still})"), CALL).await?;
        let inner = inner.ok("the last check in the frame")?;
        let through = |level: &Level, (x, y)| format!("throughNow({}, {x}, {y}, {frame_still})", level.node);
        match self.climb(&levels, inner.point, through).await? {
            Some(point) => Ok(reached(&inner, point)),
            None => Err(BrowserFault::InputRefused("it moved, with its frame".to_owned())),
        }
    }

    /// Whether the browser leads the pointer to it.
    pub(crate) async fn pointed(&self, node: u64) -> Result<(), BrowserFault> {
        let answer: Answer<Done> = self.touch_at(node, |n| format!("pointed({n})"), CALL).await?;
        answer.ok("the pointer").map(drop)
    }

    /// Whether no frame around a node belongs to a commit element.
    pub(crate) async fn frames_spared(&self, node: u64, query: &Query) -> Result<(), BrowserFault> {
        for level in self.around(node).await? {
            self.ask_level(&level, &format!("spared({}, {})", level.node, query.json())).await?;
        }
        Ok(())
    }

    /// Whether a key may go to where the focus is: into no commit element, and into no frame that is not looked into.
    pub(crate) async fn key_target(&self, query: &Query) -> Result<(), BrowserFault> {
        let call = format!("keyTarget({})", query.json());
        let mut at = PAGE;
        let mut world = self.main_world().await?;
        loop {
            let answer: Answer<KeyTarget> = self.ask(&world, &call, CALL).await?;
            let Some(owner) = answer.ok("the key")?.frame else { return Ok(()) };
            let inner = self.realms().await?.into_iter().find(|realm| realm.parent == at && realm.owner == owner);
            let Some(inner) = inner else {
                let why = "the focus is in an inner frame of another origin".to_owned();
                return Err(BrowserFault::InputRefused(why));
            };
            (at, world) = (inner.number, inner.world);
        }
    }

    /// What is to be added to a place in a node's frame to get the one on the page, whatever is scrolled.
    pub(crate) async fn offset_on_page(&self, node: u64) -> Result<(f64, f64), BrowserFault> {
        let (mut x, mut y) = (0.0, 0.0);
        for level in self.around(node).await? {
            let owner: Option<RawOwner> = self.ask(&level.world, &format!("owner({})", level.node), CALL).await?;
            let owner = owner.ok_or_else(gone)?;
            x += owner.x;
            y += owner.y;
            if level.world == self.main_world().await? {
                x += owner.scroll.0;
                y += owner.scroll.1;
            }
        }
        Ok((x, y))
    }
}

fn reached(inner: &Inner, point: (f64, f64)) -> Reached {
    let (x, y) = (point.0 - inner.point.0, point.1 - inner.point.1);
    let rect = Rect { x: inner.rect.x + x, y: inner.rect.y + y, width: inner.rect.width, height: inner.rect.height };
    Reached { point, rect }
}
