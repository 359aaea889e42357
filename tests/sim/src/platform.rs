//! The platform: who is signed in where, what was made, and its own record of every write request that reached it.
//!
//! The record is what the checkers judge by. It knows nothing of actions, permits or ledgers but what is stamped on a request when the
//! network gate lets it go, and that only to find writes that no gate let through.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use deed_core::ports::browser::Item;
use deed_core::time::Timestamp;

use crate::luck::WriteFault;
use crate::page::{BASE, View};

/// How late the platform's clock is, at most; within what the engine allows for.
const CLOCK_BEHIND_MS: i64 = 30_000;

/// An account of the platform.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its handle.
    pub handle: String,
    /// Its name.
    pub name: String,
}

impl Member {
    /// What the platform's pages say of who is signed in.
    pub fn marker(&self) -> String {
        format!("acc_{}", self.handle)
    }
}

/// What an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A post.
    Post,
    /// A post for later.
    Scheduled,
    /// A comment on a post.
    Comment(String),
    /// A message to a handle.
    Message(String),
}

/// A change that shows at some moment.
#[derive(Debug, Clone)]
pub struct Shown<T> {
    /// From when on.
    pub from: i64,
    /// What.
    pub what: T,
}

/// Something that was made.
#[derive(Debug, Clone)]
pub struct Object {
    /// Its id.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// Who made it.
    pub author: usize,
    /// When, by the platform's clock.
    pub at: i64,
    /// From when on others see it.
    pub shown: i64,
    /// Whether it waits for review.
    pub pending: bool,
    /// Its texts, the last one that shows is its text.
    pub texts: Vec<Shown<String>>,
    /// Number of media objects.
    pub media: usize,
    /// Who likes it, or does not any more.
    pub likes: Vec<Shown<(usize, bool)>>,
    /// From when on it is gone.
    pub gone: Option<i64>,
}

impl Object {
    /// Its text at a moment.
    pub fn text(&self, now: i64) -> &str {
        self.texts.iter().rev().find(|t| t.from <= now).map_or("", |t| &t.what)
    }

    /// Whether somebody likes it.
    pub fn liked(&self, by: usize, now: i64) -> bool {
        self.likes.iter().rev().find(|l| l.from <= now && l.what.0 == by).is_some_and(|l| l.what.1)
    }
}

/// What a page asks the platform to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The flow.
    pub flow: String,
    /// Upper case.
    pub method: &'static str,
    /// Its path.
    pub path: String,
    /// The text that it carries.
    pub text: String,
    /// Number of media objects.
    pub media: usize,
    /// The object or the person that it is about.
    pub target: String,
}

/// What the gate stamps on a request that it lets go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The action whose permit it was.
    pub action: String,
    /// Its epoch.
    pub epoch: i64,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It was carried out.
    Made,
    /// It was not, whatever was answered.
    Nothing,
}

/// A write request that reached the platform.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// When.
    pub at: i64,
    /// As whom.
    pub by: usize,
    /// What.
    pub request: Request,
    /// Out of which episode's page.
    pub episode: String,
    /// By which permit; `None`: no gate let it through.
    pub stamp: Option<Stamp>,
    /// Whether its session may write at all.
    pub may_write: bool,
    /// What became of it.
    pub effect: Effect,
}

/// The answer to a write.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status; `None`: it never comes.
    pub status: Option<u16>,
    /// After how long.
    pub after_ms: i64,
    /// The object's id.
    pub id: Option<String>,
}

/// The platform.
#[derive(Debug, Default)]
pub struct Platform {
    /// Who there is.
    pub members: Vec<Member>,
    /// Session → who is signed in.
    pub sessions: BTreeMap<String, Option<usize>>,
    /// What there is.
    pub objects: Vec<Object>,
    /// Who follows whom.
    pub follows: Vec<Shown<(usize, String, bool)>>,
    /// The record.
    pub arrivals: Vec<Arrival>,
    /// Session → whose it was when it was stored.
    pub homes: BTreeMap<String, usize>,
    /// How often the browser of a process was ended.
    pub browsers: BTreeMap<usize, Arc<Mutex<u64>>>,
    made: u64,
}

impl Platform {
    /// By handle.
    pub fn member(&self, handle: &str) -> Option<usize> {
        self.members.iter().position(|m| m.handle == handle)
    }

    /// Who is signed in.
    pub fn signed_in(&self, session: &str) -> Option<&Member> {
        self.members.get(self.sessions.get(session).copied().flatten()?)
    }

    /// Somebody else. Where there is nobody yet, somebody comes.
    fn other_than(&mut self, member: usize) -> usize {
        if self.members.len() < 2 {
            self.members.push(Member { handle: "stranger".to_owned(), name: "Stranger".to_owned() });
        }
        (member + 1) % self.members.len()
    }

    /// Somebody else signs in with this session.
    pub fn switch(&mut self, session: &str) {
        let Some(home) = self.homes.get(session).copied() else { return };
        let other = self.other_than(home);
        self.sessions.insert(session.to_owned(), Some(other));
    }

    /// A person signs the right one in again.
    pub fn mend(&mut self, session: &str) {
        if let Some(home) = self.homes.get(session) {
            self.sessions.insert(session.to_owned(), Some(*home));
        }
    }

    /// Somebody else makes the same.
    pub fn echo(&mut self, session: &str, request: &Request, now: i64) {
        let Some(home) = self.homes.get(session).copied() else { return };
        let other = self.other_than(home);
        let kind = match request.flow.as_str() {
            "publish.post" => Kind::Post,
            "comment_reply" => Kind::Comment(request.target.clone()),
            _ => return,
        };
        self.make(kind, other, &request.text, request.media, now + CLOCK_BEHIND_MS, now, false);
    }

    /// By id.
    pub fn object(&self, id: &str) -> Option<&Object> {
        self.objects.iter().find(|o| o.id == id)
    }

    /// The address of another one of the same kind: another post, another person. None: it is a page of who is signed in, or of nobody.
    pub fn elsewhere(&self, url: &str, signed_in: Option<usize>) -> Option<String> {
        let path = url.strip_prefix(BASE)?;
        let another = |whom: &str| {
            let others = self.members.iter().enumerate().filter(|(at, m)| Some(*at) != signed_in && m.handle != whom);
            others.map(|(_, member)| member.handle.clone()).next()
        };
        let own = |whom: &str| signed_in.is_some() && self.member(whom) == signed_in;
        let to = match View::of(path) {
            View::Object(id) => {
                format!("/p/{}", self.objects.iter().find(|o| o.kind == Kind::Post && o.id != id)?.id)
            }
            View::Thread(whom) => format!("/messages/{}", another(&whom)?),
            View::Profile(whom) if !own(&whom) => format!("/{}", another(&whom)?),
            _ => return None,
        };
        Some(format!("{BASE}{to}"))
    }

    /// Puts a post there that no order is about.
    pub fn put(&mut self, author: usize, text: &str, media: usize, at: i64, shown: i64) -> String {
        self.make(Kind::Post, author, text, media, at, shown, false)
    }

    #[expect(clippy::too_many_arguments, reason = "an object is made of so many facts")]
    fn make(
        &mut self,
        kind: Kind,
        author: usize,
        text: &str,
        media: usize,
        at: i64,
        shown: i64,
        pending: bool,
    ) -> String {
        self.made += 1;
        let id = format!("x{}", self.made);
        self.objects.push(Object {
            id: id.clone(),
            kind,
            author,
            at: at - CLOCK_BEHIND_MS,
            shown,
            pending,
            texts: vec![Shown { from: i64::MIN, what: text.to_owned() }],
            media,
            likes: Vec::new(),
            gone: None,
        });
        id
    }

    /// The entries of a list, the newest first.
    pub fn list(&self, now: i64, base: &str, which: impl Fn(&Object) -> bool) -> Vec<Item> {
        let there = |o: &&Object| o.shown <= now && o.gone.is_none_or(|g| g > now) && which(o);
        let item = |o: &Object| Item {
            id: Some(o.id.clone()),
            text: o.text(now).to_owned(),
            title: None,
            author: self.members.get(o.author).map(|m| format!("@{}", m.handle)),
            media: o.media,
            at: Some(Timestamp(o.at)),
            permalink: (o.kind == Kind::Post).then(|| format!("{base}/p/{}", o.id)),
            pending: o.pending,
        };
        self.objects.iter().rev().filter(there).take(100).map(item).collect()
    }

    /// Whether somebody follows a handle, as it shows.
    pub fn follows(&self, who: usize, whom: &str, now: i64) -> bool {
        self.follows
            .iter()
            .rev()
            .find(|f| f.from <= now && f.what.0 == who && f.what.1 == whom)
            .is_some_and(|f| f.what.2)
    }

    /// A write request arrives.
    #[expect(clippy::too_many_arguments, reason = "a request comes with so many facts")]
    pub fn arrive(
        &mut self,
        now: i64,
        session: &str,
        request: &Request,
        episode: &str,
        stamp: Option<Stamp>,
        may_write: bool,
        fault: WriteFault,
        shown_ms: i64,
    ) -> Answer {
        let Some(by) = self.sessions.get(session).copied().flatten() else {
            return Answer { status: Some(401), after_ms: 20, id: None };
        };
        let refused = match fault {
            WriteFault::ErrorBefore => Some(500),
            WriteFault::TooMany => Some(429),
            _ => None,
        };
        let nothing = refused.is_some() || matches!(fault, WriteFault::NothingMade | WriteFault::Swallowed);
        let effect = if nothing { Effect::Nothing } else { Effect::Made };
        self.arrivals.push(Arrival {
            at: now,
            by,
            request: request.clone(),
            episode: episode.to_owned(),
            stamp,
            may_write,
            effect,
        });
        if let Some(status) = refused {
            return Answer { status: Some(status), after_ms: 30, id: None };
        }
        if fault == WriteFault::Swallowed {
            // What it says was made is an older one, which was there before and shows only now.
            self.put(by, &request.text, request.media, now - 3_600_000, now + 1_000);
        }
        let id =
            if nothing { None } else { self.carry_out(now, by, request, fault == WriteFault::Pending, now + shown_ms) };
        let (status, after_ms) = match fault {
            WriteFault::ResponseLost => (None, 40),
            WriteFault::ErrorAfter => (Some(500), 40),
            WriteFault::Late(ms) => (Some(200), ms),
            _ => (Some(200), 40),
        };
        Answer { status, after_ms, id }
    }

    fn carry_out(&mut self, now: i64, by: usize, request: &Request, pending: bool, shown: i64) -> Option<String> {
        let (text, target) = (request.text.as_str(), request.target.clone());
        match request.flow.as_str() {
            "publish.post" => Some(self.make(Kind::Post, by, text, request.media, now, shown, pending)),
            "schedule" => Some(self.make(Kind::Scheduled, by, text, 0, now, shown, false)),
            "comment_reply" => Some(self.make(Kind::Comment(target), by, text, 0, now, shown, false)),
            "dm_send" => Some(self.make(Kind::Message(target), by, text, 0, now, shown, false)),
            "follow" => {
                let on = !self.follows(by, &target, i64::MAX);
                self.follows.push(Shown { from: shown, what: (by, target, on) });
                None
            }
            other => {
                let object = self.objects.iter_mut().find(|o| o.id == target)?;
                match other {
                    "edit" => object.texts.push(Shown { from: shown, what: text.to_owned() }),
                    "delete" => object.gone = Some(shown),
                    "like" => {
                        let on = !object.liked(by, i64::MAX);
                        object.likes.push(Shown { from: shown, what: (by, on) });
                    }
                    _ => return None,
                }
                Some(target)
            }
        }
    }
}
