//! Recording a tab: the frames that the browser shows, with what must be masked on each.
//!
//! A task of its own takes a frame, asks the page where masked elements stood since the frame before, and acknowledges it no sooner than
//! the frame rate allows: what is not acknowledged, the browser does not draw again. A frame for whose time the page can not tell is left
//! out. Never holds up an input, never fails an episode: what went wrong is told when the recording is asked for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use chromiumoxide_cdp::cdp::browser_protocol::page::{
    EventScreencastFrame, ScreencastFrameAckParams, StartScreencastFormat, StartScreencastParams, StopScreencastParams,
};
use deed_core::ports::browser::BrowserFault;
use deed_core::time::Timestamp;
use deed_proofs::film::{Bounds, Developed, Film};
use deed_proofs::picture::Region;
use deed_proofs::scrub::end_of_task;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::page::Page;
use crate::redact::{self, Masks};
use crate::wire::CALL;

/// Of 100: what the browser compresses frames with; they are compressed again.
const QUALITY: i64 = 70;
/// Frames that wait: the browser sends no more than two unacknowledged ones.
const WAITING_MAX: usize = 8;
/// Frames that lie behind the page's own clock by up to so many periods are still known.
const PERIODS_KEPT: usize = 3;
/// How often the first frame of a document, whose masks nobody knew, is asked for again.
const RESTARTS_MAX: u32 = 40;
/// How long a recording that ends waits for a frame of what came of the commit, where it has none yet: a busy page draws late.
const LAST_FRAME: Duration = Duration::from_secs(5);

/// Where a tab's frames go.
pub(crate) type Screen = Arc<Mutex<Option<mpsc::Sender<EventScreencastFrame>>>>;

/// A recording under way.
pub(crate) struct Recording {
    film: Arc<Mutex<Film>>,
    stop: watch::Sender<Option<Until>>,
    task: JoinHandle<Result<(), BrowserFault>>,
}

/// When a recording is whole: with a frame that was drawn no sooner than this, in milliseconds since 1970.
type Until = i64;

impl Recording {
    /// Begins.
    pub(crate) fn begin(page: Arc<Page>, masking: Arc<str>, bounds: Bounds) -> Self {
        let film = Arc::new(Mutex::new(Film::new(bounds)));
        let stop = watch::Sender::new(None);
        let task = tokio::spawn(expose(page, masking, bounds, Arc::clone(&film), stop.subscribe()));
        Self { film, stop, task }
    }

    /// Ends it, for a time with a frame that shows the page after the commit; what was recorded is developed on a thread for it.
    /// `page_is_free` is called when nothing is asked of the page any more.
    pub(crate) async fn end(
        self,
        commit_at: Option<Timestamp>,
        now: Timestamp,
        page_is_free: impl FnOnce(),
    ) -> Result<Developed, String> {
        self.stop.send_replace(Some(commit_at.map_or(i64::MIN, |at| at.0)));
        let ended = self.task.await;
        page_is_free();
        // A recorder that failed half-way still has what it took before.
        let failed = ended.map_err(|e| end_of_task(e.is_panic()))?.err();
        let film = Arc::into_inner(self.film).ok_or("the recorder still runs")?;
        let film = film.into_inner().unwrap_or_else(PoisonError::into_inner);
        if film.is_empty() {
            return Err(failed.map_or_else(|| "no frame could be taken".to_owned(), |fault| fault.to_string()));
        }
        let developing = tokio::task::spawn_blocking(move || film.develop(commit_at.map(|at| at.0), now.0));
        developing.await.map_err(|e| end_of_task(e.is_panic()))?.map_err(|e| e.to_string())
    }
}

async fn expose(
    page: Arc<Page>,
    masking: Arc<str>,
    bounds: Bounds,
    film: Arc<Mutex<Film>>,
    mut stop: watch::Receiver<Option<Until>>,
) -> Result<(), BrowserFault> {
    let (sender, mut frames) = mpsc::channel(WAITING_MAX);
    *page.screen.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
    let taken = async {
        let mut watch = MaskWatch { page: Arc::clone(&page), masking, token: None, periods: VecDeque::new() };
        watch.turn().await;
        start(&page, bounds).await?;
        let mut restarts = 0;
        loop {
            let frame = tokio::select! {
                biased;
                until = ended(&mut stop) => return last_frame(&page, bounds, until, &mut frames, &mut watch, &film).await,
                frame = frames.recv() => frame,
            };
            let Some(frame) = frame else { return Ok(()) };
            let began = Instant::now();
            let known = take(&frame, &mut watch, &film).await;
            let pause = Duration::from_millis(1_000 / u64::from(bounds.fps_max.max(1))).saturating_sub(began.elapsed());
            tokio::select! {
                biased;
                until = ended(&mut stop) => return last_frame(&page, bounds, until, &mut frames, &mut watch, &film).await,
                () = tokio::time::sleep(pause) => {}
            }
            page.wire().post(Some(page.session()), &ScreencastFrameAckParams::new(frame.session_id));
            if !known && restarts < RESTARTS_MAX {
                restarts += 1;
                restart(&page, bounds).await?;
            }
        }
    };
    let ended = taken.await;
    *page.screen.lock().unwrap_or_else(PoisonError::into_inner) = None;
    page.wire().post(Some(page.session()), &StopScreencastParams::default());
    ended
}

/// Waits until the recording is to end.
async fn ended(stop: &mut watch::Receiver<Option<Until>>) -> Until {
    // A recorder that nobody holds any more ends as it is.
    stop.wait_for(Option::is_some).await.ok().and_then(|until| *until).unwrap_or(i64::MIN)
}

/// Takes frames until one is of the time that was asked for, or it is over with waiting.
async fn last_frame(
    page: &Page,
    bounds: Bounds,
    until: Until,
    frames: &mut mpsc::Receiver<EventScreencastFrame>,
    watch: &mut MaskWatch,
    film: &Mutex<Film>,
) -> Result<(), BrowserFault> {
    let whole = || film.lock().unwrap_or_else(PoisonError::into_inner).last_at().is_some_and(|last| last >= until);
    let taking = async {
        for _ in 0..RESTARTS_MAX {
            if whole() {
                break;
            }
            restart(page, bounds).await?;
            let Some(frame) = frames.recv().await else { break };
            take(&frame, watch, film).await;
        }
        Ok(())
    };
    if until == i64::MIN { Ok(()) } else { tokio::time::timeout(LAST_FRAME, taking).await.unwrap_or(Ok(())) }
}

/// A page that stands still is not drawn again by itself.
async fn restart(page: &Page, bounds: Bounds) -> Result<(), BrowserFault> {
    page.wire().post(Some(page.session()), &StopScreencastParams::default());
    start(page, bounds).await
}

async fn start(page: &Page, bounds: Bounds) -> Result<(), BrowserFault> {
    let params = StartScreencastParams {
        format: Some(StartScreencastFormat::Jpeg),
        quality: Some(QUALITY),
        max_width: Some(bounds.width_max.into()),
        max_height: Some(bounds.width_max.into()),
        every_nth_frame: Some(1),
    };
    page.wire().call(Some(page.session()), &params, CALL).await.map(drop)
}

/// Takes one frame; whether it was known what to mask on it.
async fn take(frame: &EventScreencastFrame, watch: &mut MaskWatch, film: &Mutex<Film>) -> bool {
    watch.turn().await;
    let data: &str = frame.data.as_ref();
    let jpeg = base64::engine::general_purpose::STANDARD.decode(data).ok();
    let at = frame.metadata.timestamp.as_ref().map(|at| *at.inner() * 1_000.0);
    let (Some(jpeg), Some(at)) = (jpeg, at) else { return true };
    let Ok(facts) = deed_proofs::picture::inspect(&jpeg) else { return true };
    let masks = watch.at(at, facts.width);
    let known = masks.is_some();
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970")]
    film.lock().unwrap_or_else(PoisonError::into_inner).expose(at as i64, jpeg, masks);
    known
}

/// Asks a page, period after period, where masked elements stood.
struct MaskWatch {
    page: Arc<Page>,
    masking: Arc<str>,
    token: Option<u64>,
    /// The newest last. All are of the present document.
    periods: VecDeque<Masks>,
}

impl MaskWatch {
    /// Ends a period and begins the next, without a gap.
    async fn turn(&mut self) {
        let next = redact::token();
        let begin = format!("maskBegin({next}, {}, true)", self.masking);
        let begun = self.page.call::<bool>(|_| begin.clone(), CALL).await.is_ok();
        if let Some(token) = self.token.take() {
            match self.page.touch::<Option<Masks>>(&format!("maskEnd({token})"), CALL).await {
                Ok(Some(period)) => self.periods.push_back(period),
                // It is another document now, or none.
                Ok(None) | Err(_) => self.periods.clear(),
            }
        }
        self.token = begun.then_some(next);
        while self.periods.len() > PERIODS_KEPT {
            self.periods.pop_front();
        }
    }

    /// What is masked on a frame that was drawn at a time; `None`: that is not known.
    fn at(&self, ms: f64, width: u32) -> Option<Vec<Region>> {
        self.periods.front().filter(|oldest| oldest.since <= ms)?;
        Some(self.periods.iter().flat_map(|period| period.regions(width, true)).map(|(_, _, region)| region).collect())
    }
}
