//! Inner frames of other origins: found, attached to, and looked into with the looking code of their own.
//!
//! A frame of another site runs in a process of its own and is a target of its own; one of the same site but another origin stands in
//! the page's process, where no script crosses it. Both get an isolated world, a *realm*: the page's is number 0. Only frames whose
//! origin is among the recipe's are looked into (the document itself says which that is), and only where the frame around them is.
//! All others stay dark: nothing in them is seen, typed into or pressed.
//!
//! `tree` is what the browser told, `look` joins what the realms see, `reach` leads an input through the frames.

mod look;
mod reach;
mod tree;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chromiumoxide_cdp::cdp::browser_protocol::dom::{GetFrameOwnerParams, ResolveNodeParams};
use chromiumoxide_cdp::cdp::browser_protocol::inspector::EnableParams as EnableInspector;
use chromiumoxide_cdp::cdp::browser_protocol::page::{
    AddScriptToEvaluateOnNewDocumentParams, EnableParams, EventFrameAttached, EventFrameDetached, FrameDetachedReason,
};
use chromiumoxide_cdp::cdp::browser_protocol::target::{
    EventAttachedToTarget, EventDetachedFromTarget, FilterEntry, SetAutoAttachParams, TargetFilter,
};
use chromiumoxide_cdp::cdp::js_protocol::runtime::{
    CallFunctionOnParams, ExecutionContextId, RunIfWaitingForDebuggerParams,
};
use deed_core::ports::browser::BrowserFault;
use deed_recipes::Recipe;
use serde::Deserialize;
use tokio::sync::watch;

pub(crate) use self::reach::{Reached, is_framed};
use self::tree::{Reachable, Shown, Tree};
use crate::page::{Page, World, isolated_world};
use crate::wire::{CALL, Event, Wire};

/// The page's own realm.
pub const PAGE: u32 = 0;
/// Node ids of a realm are its own; the realm's number stands above them.
const REALM_SHIFT: u32 = 32;

/// The realm that a node stands in, and its number there.
pub const fn split(node: u64) -> (u32, u64) {
    ((node >> REALM_SHIFT) as u32, node & ((1 << REALM_SHIFT) - 1))
}

const fn joined(realm: u32, node: u64) -> u64 {
    ((realm as u64) << REALM_SHIFT) | node
}

/// A frame that is looked into.
#[derive(Debug, Clone)]
struct Realm {
    /// Never reused within a tab.
    number: u32,
    document: u64,
    world: World,
    /// The realm in which the element stands that holds the frame, and that element's number there.
    parent: u32,
    parent_context: ExecutionContextId,
    owner: u64,
}

/// What is known of a frame's present document.
#[derive(Debug, Clone)]
enum Looked {
    Into(Realm),
    /// It says that it is of another origin than its URL (a sandboxed one), or nothing around it can be told.
    Dark {
        document: u64,
        parent_context: ExecutionContextId,
    },
}

/// The frames of one tab.
pub struct Frames {
    wire: Wire,
    tree: Mutex<Tree>,
    recipe: Mutex<Option<Arc<Recipe>>>,
    /// Scripts that each new document of the tab runs, with the world they run in.
    scripts: Mutex<Vec<AddScriptToEvaluateOnNewDocumentParams>>,
    reachable: watch::Sender<Vec<Reachable>>,
    looked: Mutex<HashMap<String, Looked>>,
    last: Mutex<u32>,
}

#[derive(Deserialize)]
struct Navigated {
    frame: Shown,
}

/// Attaches to frames in processes of their own before they load anything, and to nothing else.
pub fn auto_attach() -> SetAutoAttachParams {
    let frames = FilterEntry { r#type: Some("iframe".to_owned()), exclude: None };
    SetAutoAttachParams {
        flatten: Some(true),
        filter: Some(TargetFilter::new(vec![frames])),
        ..SetAutoAttachParams::new(true, true)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Each is changed in single steps; a panic leaves it whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Frames {
    /// Of a new tab.
    pub fn new(wire: Wire, main: &str, session: &str) -> Self {
        Self {
            wire,
            tree: Mutex::new(Tree::new(main, session)),
            recipe: Mutex::default(),
            scripts: Mutex::default(),
            reachable: watch::Sender::new(Vec::new()),
            looked: Mutex::default(),
            last: Mutex::new(PAGE),
        }
    }

    /// Whose origins may be looked into. Until this is said, none.
    pub fn look_into(&self, recipe: Arc<Recipe>) {
        *lock(&self.recipe) = Some(recipe);
        self.tell(&lock(&self.tree));
    }

    /// A script for each new document, in frames of other processes as well.
    pub fn each_runs(&self, script: AddScriptToEvaluateOnNewDocumentParams) {
        lock(&self.scripts).push(script);
    }

    /// One of the tab's events; a session that it brought is given back, so that it is listened to as well.
    pub fn hear(&self, session: &str, event: &Event) -> Option<EventAttachedToTarget> {
        let mut tree = lock(&self.tree);
        match event.method.as_str() {
            "Page.frameAttached" => {
                let it = event.parse::<EventFrameAttached>()?;
                tree.attached(session, it.frame_id.inner(), it.parent_frame_id.inner());
            }
            "Page.frameNavigated" => tree.navigated(session, &event.parse::<Navigated>()?.frame),
            "Page.frameDetached" => {
                let it = event.parse::<EventFrameDetached>()?;
                tree.detached(session, it.frame_id.inner(), it.reason == FrameDetachedReason::Swap);
            }
            "Inspector.targetCrashed" => tree.crashed(session),
            "Target.detachedFromTarget" => {
                let child: String = event.parse::<EventDetachedFromTarget>()?.session_id.into();
                tree.left(&child);
                self.wire.detached(&child);
            }
            "Target.attachedToTarget" => {
                let it = event.parse::<EventAttachedToTarget>()?;
                let parent = it.target_info.parent_frame_id.as_ref().map(|p| p.inner().as_str());
                tree.adopted(it.session_id.as_ref(), session, it.target_info.target_id.inner(), parent);
                self.tell(&tree);
                return Some(it);
            }
            _ => return None,
        }
        self.tell(&tree);
        None
    }

    fn tell(&self, tree: &Tree) {
        let recipe = lock(&self.recipe).clone();
        let now = match recipe {
            Some(recipe) => tree.reachable(|origin| recipe.allows_origin(origin)),
            None => Vec::new(),
        };
        self.reachable.send_if_modified(|known| {
            let changed = *known != now;
            if changed {
                *known = now;
            }
            changed
        });
    }

    /// Prepares a frame that waits to be let go on: as the tab itself, and then lets it.
    pub fn prepare(&self, child: &str) {
        let on = Some(child);
        self.wire.post(on, &EnableInspector::default());
        self.wire.post(on, &EnableParams::default());
        for script in lock(&self.scripts).iter() {
            self.wire.post(on, script);
        }
        self.wire.post(on, &auto_attach());
        self.wire.post(on, &RunIfWaitingForDebuggerParams::default());
    }

    /// Whether any frame is to be looked into.
    fn any(&self) -> bool {
        !self.reachable.borrow().is_empty()
    }

    /// The realm of this number, if its document is still the one that it was.
    fn realm(&self, number: u32) -> Option<Realm> {
        let looked = lock(&self.looked);
        let (frame, realm) = looked.iter().find_map(|(frame, looked)| match looked {
            Looked::Into(realm) if realm.number == number => Some((frame, realm)),
            Looked::Into(_) | Looked::Dark { .. } => None,
        })?;
        let there = self.reachable.borrow().iter().any(|r| r.frame == *frame && r.document == realm.document);
        there.then(|| realm.clone())
    }

    fn next(&self) -> u32 {
        let mut last = lock(&self.last);
        *last += 1;
        *last
    }

    /// Ends the listening to all frames' sessions.
    pub fn forget(&self, main: &str) {
        for session in lock(&self.tree).sessions() {
            if session != main {
                self.wire.forget(&session);
            }
        }
    }
}

/// The origin that a document says it has.
#[derive(Deserialize)]
struct Origin(String);

impl Page {
    /// The frames that are looked into, outer ones first. One that goes away meanwhile is left out.
    async fn realms(&self) -> Result<Vec<Realm>, BrowserFault> {
        let reachable = self.frames.reachable.borrow().clone();
        lock(&self.frames.looked).retain(|frame, _| reachable.iter().any(|r| r.frame == *frame));
        let mut found: Vec<(String, Realm)> = Vec::new();
        for at in &reachable {
            if at.crashed {
                return Err(BrowserFault::TabCrashed);
            }
            let (parent, around) = match found.iter().find(|(frame, _)| *frame == at.parent) {
                Some((_, realm)) => (realm.number, realm.world.clone()),
                None if at.parent == self.frame() => (PAGE, self.main_world().await?),
                // The one around it is dark.
                None => continue,
            };
            let known = lock(&self.frames.looked).get(&at.frame).cloned();
            match known {
                Some(Looked::Into(realm))
                    if realm.document == at.document && realm.parent_context == around.context =>
                {
                    found.push((at.frame.clone(), realm));
                    continue;
                }
                Some(Looked::Dark { document, parent_context })
                    if document == at.document && parent_context == around.context =>
                {
                    continue;
                }
                _ => {}
            }
            match self.enter(at, parent, &around).await {
                Ok(looked) => {
                    lock(&self.frames.looked).insert(at.frame.clone(), looked.clone());
                    if let Looked::Into(realm) = looked {
                        found.push((at.frame.clone(), realm));
                    }
                }
                // Its document or the one around it is going; what comes next is told by an event.
                Err(BrowserFault::Protocol { what, why }) => {
                    tracing::debug!(what, why, "a frame is not looked into yet")
                }
                Err(other) => return Err(other),
            }
        }
        Ok(found.into_iter().map(|(_, realm)| realm).collect())
    }

    /// Makes the realm of a frame's document, if it may have one.
    async fn enter(&self, at: &Reachable, parent: u32, around: &World) -> Result<Looked, BrowserFault> {
        let wire = self.wire();
        // In one flight.
        let made = wire.send(Some(&at.session), &isolated_world(&at.frame), CALL)?;
        let owner = wire.send(Some(&at.outer), &GetFrameOwnerParams::new(at.frame.clone()), CALL)?;
        let world = World { session: at.session.clone(), context: made.answer().await?.execution_context_id };
        let owner = owner.answer().await?.backend_node_id;
        let dark = || Looked::Dark { document: at.document, parent_context: around.context };
        let origin: Origin = self.ask(&world, "origin()", CALL).await?;
        let recipe = lock(&self.frames.recipe).clone();
        if !recipe.is_some_and(|recipe| recipe.allows_origin(&origin.0)) {
            return Ok(dark());
        }
        // The looking code stands in the realm around it from here on.
        let _: Origin = self.ask(around, "origin()", CALL).await?;
        let resolve = ResolveNodeParams {
            backend_node_id: Some(owner),
            execution_context_id: Some(around.context),
            ..ResolveNodeParams::default()
        };
        let Some(object) = wire.call(Some(&around.session), &resolve, CALL).await?.object.object_id else {
            return Ok(dark());
        };
        let number = CallFunctionOnParams {
            object_id: Some(object),
            return_by_value: Some(true),
            ..CallFunctionOnParams::new("function () { return globalThis.__deed ? __deed.idOf(this) : null; }")
        };
        let number = wire.call(Some(&around.session), &number, CALL).await?.result.value;
        let Some(owner) = number.and_then(|n| n.as_u64()) else { return Ok(dark()) };
        Ok(Looked::Into(Realm {
            number: self.frames.next(),
            document: at.document,
            world,
            parent,
            parent_context: around.context,
            owner,
        }))
    }

    /// Where a node's looking code is, and the node's number there.
    pub(crate) async fn world_of(&self, node: u64) -> Result<(World, u64), BrowserFault> {
        let (number, local) = split(node);
        let world =
            if number == PAGE { self.main_world().await? } else { self.frames.realm(number).ok_or_else(gone)?.world };
        Ok((world, local))
    }
}

/// The frame of a node has another document, or none.
fn gone() -> BrowserFault {
    BrowserFault::InputRefused("it is gone, with the frame that it stood in".to_owned())
}
