//! Simulated time and the scheduler: one thread, one queue of timers, one order of events for each seed.
//!
//! A task is polled only when a timer of it is due; nothing wakes it otherwise. Two timers of the same moment are ordered by the dice, so
//! that every interleaving can come up. A crash is a task that is dropped where it stands; a pause is a process whose timers are
//! all put off.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use deed_core::time::{Moment, Steady, Timestamp};

use crate::dice::Dice;
use crate::story::{Label, Line, Names};

/// When simulated time begins: 2026-11-20T09:30:00Z.
pub const BEGIN_MS: i64 = 1_795_167_000_000;

/// A process of a worker, by its number.
pub type Process = usize;
/// What the scheduler runs.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How processes come to harm.
#[derive(Debug, Clone)]
pub enum Harm {
    /// By chance, each so often in a million effects.
    Chance {
        /// The process is gone.
        crash: u64,
        /// The process stands still for up to [`Harm::Chance::pause_ms`].
        pause: u64,
        /// The longest pause.
        pause_ms: i64,
    },
    /// Exactly at these points: the process by its number, and which of its points.
    At(Vec<(Process, u64)>),
    /// As [`Harm::At`], and every call of every port is a point, also one that leaves nothing behind.
    AtEvery(Vec<(Process, u64)>),
}

#[derive(Debug, Default)]
struct Standing {
    machine: u32,
    effects: u64,
    paused_until: i64,
    crashed: bool,
    gone_since: Option<i64>,
}

struct State {
    dice: Dice,
    timers: BinaryHeap<Reverse<(i64, u64, usize)>>,
    numbered: u64,
    current: usize,
    /// With the label of the task that began it: what a page does is of the order that it was opened for.
    spawned: Vec<(Option<Process>, Label, Task)>,
    labels: Vec<Label>,
    names: Names,
    processes: Vec<Standing>,
    crashed: Vec<Process>,
    harm: Harm,
    story: Option<Vec<Line>>,
    digest: u64,
    events: u64,
    stop: bool,
}

struct Shared {
    now: AtomicI64,
    ahead: AtomicI64,
    was_set: AtomicBool,
    state: Mutex<State>,
}

/// The simulation's clock and scheduler; clones are the same one.
#[derive(Clone)]
pub struct Sim(Arc<Shared>);

impl Sim {
    /// A world at its beginning. `story`: every event is written down in words.
    pub fn new(dice: Dice, harm: Harm, story: bool) -> Self {
        let state = State {
            dice,
            timers: BinaryHeap::new(),
            numbered: 0,
            current: 0,
            spawned: Vec::new(),
            labels: Vec::new(),
            names: Names::default(),
            processes: Vec::new(),
            crashed: Vec::new(),
            harm,
            story: story.then(Vec::new),
            digest: 0xcbf2_9ce4_8422_2325,
            events: 0,
            stop: false,
        };
        Self(Arc::new(Shared {
            now: AtomicI64::new(BEGIN_MS),
            ahead: AtomicI64::new(0),
            was_set: AtomicBool::new(false),
            state: Mutex::new(state),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What time it is by the clock of the machines, which somebody may have set wrong.
    pub fn now(&self) -> Timestamp {
        Timestamp(self.now_ms() + self.ahead_ms())
    }

    /// The same, and how long since the world began, which nobody sets.
    pub fn moment(&self) -> Moment {
        let since = Timestamp(self.now_ms()).since(Timestamp(BEGIN_MS));
        Moment { at: self.now(), steady: Steady(since) }
    }

    /// How far that clock is ahead, in milliseconds.
    pub fn ahead_ms(&self) -> i64 {
        self.0.ahead.load(Ordering::Relaxed)
    }

    /// Sets that clock.
    pub fn set_ahead(&self, ms: i64) {
        self.0.ahead.store(ms, Ordering::Relaxed);
        self.0.was_set.store(true, Ordering::Relaxed);
    }

    /// Whether anybody has set it.
    pub fn was_set(&self) -> bool {
        self.0.was_set.load(Ordering::Relaxed)
    }

    /// What time it is, in milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.0.now.load(Ordering::Relaxed)
    }

    /// Asks the dice.
    pub fn dice<T>(&self, ask: impl FnOnce(&mut Dice) -> T) -> T {
        ask(&mut self.lock().dice)
    }

    /// Writes an event down. Its words are made only where somebody reads them; its name goes into the digest always.
    pub fn tell(&self, who: &str, what: &'static str, words: impl FnOnce() -> String) {
        let now = self.now_ms();
        let mut state = self.lock();
        state.events += 1;
        for byte in now.to_le_bytes().into_iter().chain(who.bytes()).chain(what.bytes()) {
            state.digest = (state.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let state = &mut *state;
        if let Some(story) = &mut state.story {
            let label = state.labels.get(state.current).cloned().unwrap_or_default();
            let process = who.strip_prefix('p').is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()));
            let slot = label.slot.filter(|_| process);
            let who = slot.map_or_else(|| who.to_owned(), |slot| format!("{who}.{slot}"));
            let about = label.action.as_deref().and_then(|action| state.names.about(action));
            let words = words();
            story.push(Line { since_ms: now - BEGIN_MS, who, about, what, words });
        }
    }

    /// Gives names to what stands in the story by its ids.
    pub fn name(&self, give: impl FnOnce(&mut Names)) {
        give(&mut self.lock().names);
    }

    /// These words with the names in the place of the ids.
    pub fn named(&self, words: &str) -> String {
        self.lock().names.named(words)
    }

    /// From now on the present task is this slot of its process.
    pub fn slot(&self, slot: u32) {
        self.relabel(|label| label.slot = Some(slot));
    }

    /// From now on the present task, and what it sets off, is about this action.
    pub fn about(&self, action: Option<&str>) {
        self.relabel(|label| label.action = action.map(str::to_owned));
    }

    fn relabel(&self, change: impl FnOnce(&mut Label)) {
        let mut state = self.lock();
        let state = &mut *state;
        if let Some(label) = state.labels.get_mut(state.current).filter(|_| state.story.is_some()) {
            change(label);
        }
    }

    /// The story so far, with names; empty where none is written.
    pub fn story(&self) -> Vec<Line> {
        let state = self.lock();
        let named = |line: &Line| Line { words: state.names.named(&line.words), ..line.clone() };
        state.story.iter().flatten().map(named).collect()
    }

    /// A digest of every event, its time and who it was (FNV-1a, 64 bits).
    pub fn digest(&self) -> u64 {
        self.lock().digest
    }

    /// How many events there were.
    pub fn events(&self) -> u64 {
        self.lock().events
    }

    /// A new process on this machine.
    pub fn begin_process(&self, machine: u32) -> Process {
        let mut state = self.lock();
        state.processes.push(Standing { machine, ..Standing::default() });
        state.processes.len() - 1
    }

    /// Whether a process crashed.
    pub fn crashed(&self, process: Process) -> bool {
        self.lock().processes.get(process).is_some_and(|p| p.crashed)
    }

    /// On which machine a process runs.
    pub fn machine(&self, process: Process) -> u32 {
        self.lock().processes.get(process).map_or(0, |p| p.machine)
    }

    /// Until when a process stands still; a moment that is over when it does not.
    pub fn paused_until(&self, process: Process) -> i64 {
        self.lock().processes.get(process).map_or(0, |p| p.paused_until)
    }

    /// How many effects a process had.
    pub fn effects(&self, process: Process) -> u64 {
        self.lock().processes.get(process).map_or(0, |p| p.effects)
    }

    /// Processes of a machine that crashed.
    pub fn dead_on(&self, machine: u32) -> Vec<Process> {
        let state = self.lock();
        let dead = state.processes.iter().enumerate().filter(|(_, p)| p.machine == machine && p.crashed);
        dead.map(|(at, _)| at).collect()
    }

    /// One side of one durable effect of a process: here it may crash or stand still, and others may come in between.
    pub async fn point(&self, process: Process, what: &'static str) {
        self.pass(process, what, true).await;
    }

    /// As [`Sim::point`], for what leaves nothing behind: a crash here leaves the same world as one at the next point.
    pub async fn passing(&self, process: Process, what: &'static str) {
        self.pass(process, what, false).await;
    }

    async fn pass(&self, process: Process, what: &'static str, durable: bool) {
        let due = {
            let now = self.now_ms();
            let mut guard = self.lock();
            let state = &mut *guard;
            let Some(at) = state.processes.get_mut(process) else { return };
            let number = at.effects;
            let counts = durable || matches!(state.harm, Harm::AtEvery(_));
            at.effects += u64::from(counts);
            let crash = match &state.harm {
                Harm::Chance { crash, pause, pause_ms } => {
                    if state.dice.chance(*pause) {
                        at.paused_until = now + state.dice.between(1_000, *pause_ms);
                    }
                    state.dice.chance(*crash)
                }
                Harm::At(points) | Harm::AtEvery(points) => counts && points.contains(&(process, number)),
            };
            if crash {
                at.crashed = true;
                at.gone_since = Some(now);
                state.crashed.push(process);
                None
            } else {
                let delay = state.dice.between(0, 12);
                Some(at.paused_until.max(now + delay))
            }
        };
        match due {
            Some(due) => self.sleep_until(due).await,
            None => {
                self.tell(&format!("p{process}"), "crashes", || format!("at {what}"));
                std::future::pending().await
            }
        }
    }

    /// Waits for a moment.
    pub fn sleep_until(&self, due: i64) -> Sleep {
        Sleep { sim: self.clone(), due, set: false }
    }

    /// Waits that long.
    pub fn sleep_ms(&self, ms: i64) -> Sleep {
        self.sleep_until(self.now_ms() + ms.max(0))
    }

    /// Begins a task; one of a process ends with it.
    pub fn spawn(&self, of: Option<Process>, task: impl Future<Output = ()> + Send + 'static) {
        let mut state = self.lock();
        let label = state.labels.get(state.current).cloned().unwrap_or_default();
        state.spawned.push((of, label, Box::pin(task)));
    }

    /// The task that is polled now, to be woken by [`Sim::wake`].
    pub fn current(&self) -> usize {
        self.lock().current
    }

    /// Has a task polled once more, now.
    pub fn wake(&self, task: usize) {
        let now = self.now_ms();
        self.set_timer(&mut self.lock(), now, task);
    }

    /// Ends the run after the present event.
    pub fn stop(&self) {
        self.lock().stop = true;
    }

    fn set_timer(&self, state: &mut State, due: i64, task: usize) {
        let order = (state.dice.next() & 0xffff) << 40 | state.numbered & 0xff_ffff_ffff;
        state.numbered += 1;
        state.timers.push(Reverse((due.max(self.now_ms()), order, task)));
    }

    /// Runs until nothing is left to do, the horizon is reached or somebody said stop. `buried` hears of each process that crashed,
    /// after all its tasks are gone.
    pub fn run(&self, horizon: i64, mut buried: impl FnMut(Process)) {
        let mut tasks: Vec<Option<(Option<Process>, Task)>> = Vec::new();
        let mut waker = Context::from_waker(Waker::noop());
        self.take_in(&mut tasks);
        loop {
            let next = {
                let mut state = self.lock();
                if state.stop { None } else { state.timers.pop() }
            };
            let Some(Reverse((at, _, task))) = next else { break };
            if at > horizon {
                break;
            }
            self.0.now.store(at, Ordering::Relaxed);
            let Some(slot) = tasks.get_mut(task) else { continue };
            let Some((_, future)) = slot else { continue };
            self.lock().current = task;
            if future.as_mut().poll(&mut waker).is_ready() {
                *slot = None;
            }
            let crashed = std::mem::take(&mut self.lock().crashed);
            for process in crashed {
                tasks.iter_mut().filter(|t| t.as_ref().is_some_and(|t| t.0 == Some(process))).for_each(|t| *t = None);
                // Dropped outside the lock: what is dropped may ask the clock.
                let spawned = std::mem::take(&mut self.lock().spawned);
                let (of_it, others): (Vec<_>, Vec<_>) = spawned.into_iter().partition(|(of, ..)| *of == Some(process));
                // What follows is nothing that the crashed task does.
                let mut state = self.lock();
                (state.spawned, state.current) = (others, usize::MAX);
                drop(state);
                drop(of_it);
                buried(process);
            }
            self.take_in(&mut tasks);
        }
    }

    fn take_in(&self, tasks: &mut Vec<Option<(Option<Process>, Task)>>) {
        let now = self.now_ms();
        let mut state = self.lock();
        for (of, label, task) in std::mem::take(&mut state.spawned) {
            tasks.push(Some((of, task)));
            state.labels.push(label);
            self.set_timer(&mut state, now, tasks.len() - 1);
        }
    }
}

/// See [`Sim::sleep_until`].
pub struct Sleep {
    sim: Sim,
    due: i64,
    set: bool,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if !self.set {
            self.set = true;
            let mut state = self.sim.lock();
            let task = state.current;
            self.sim.set_timer(&mut state, self.due, task);
            return Poll::Pending;
        }
        if self.sim.now_ms() >= self.due { Poll::Ready(()) } else { Poll::Pending }
    }
}
