//! Input: the mouse, the keyboard, and their pace.
//!
//! Everything here is reversible input, or a building block of the press. The press itself is in [`crate::press`], and only
//! there is a commit element pressed. No key that submits a form is ever sent.

use std::time::Duration;

use chromiumoxide_cdp::cdp::browser_protocol::input::{
    DispatchKeyEventParams, DispatchKeyEventType, DispatchMouseEventParams, DispatchMouseEventType, InsertTextParams,
    MouseButton,
};
use deed_core::ports::browser::{BrowserFault, Pacing};
use deed_recipes::Key;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::page::Page;
use crate::wire::CALL;

/// Bounds of a considerate person's pace, in milliseconds.
const READ_MS: std::ops::Range<u64> = 350..1_100;
const DWELL_MS: std::ops::Range<u64> = 90..260;
const MOVE_MS: std::ops::Range<u64> = 12..30;
const KEY_MS: std::ops::Range<u64> = 28..95;
/// However long the text, typing it takes no longer.
const TYPING_MS_MAX: u64 = 12_000;
/// Points of a pointer path.
const PATH_POINTS: u32 = 12;

/// The pace of one session.
pub struct Pace {
    dice: Option<StdRng>,
    at: (f64, f64),
    /// The pointer holds something open: the next way is straight, so that it does not leave it sideways.
    holds: bool,
}

impl Pace {
    /// Drawn from the seed; unpaced has no dice and never waits.
    pub fn new(pacing: Pacing) -> Self {
        let dice = match pacing {
            Pacing::Unpaced => None,
            Pacing::Considerate { seed } => Some(StdRng::seed_from_u64(seed)),
        };
        Self { dice, at: (0.0, 0.0), holds: false }
    }

    async fn wait(&mut self, ms: std::ops::Range<u64>) {
        if let Some(dice) = &mut self.dice {
            let ms = dice.random_range(ms);
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
    }

    /// A new page is read before anything is done on it.
    pub async fn read(&mut self) {
        self.wait(READ_MS).await;
    }

    /// Before and after a click.
    pub async fn dwell(&mut self) {
        self.wait(DWELL_MS).await;
    }

    /// The pointer rests on what opened under it.
    pub fn hold(&mut self) {
        self.holds = true;
    }

    /// Moves the pointer to a point: in a bent line when paced, at once otherwise.
    pub async fn approach(&mut self, page: &Page, to: (f64, f64)) -> Result<(), BrowserFault> {
        if let Some(dice) = &mut self.dice {
            let far = if std::mem::take(&mut self.holds) { 0.0 } else { 40.0 };
            let bend = (dice.random_range(-1.0..1.0) * far, dice.random_range(-1.0..1.0) * far);
            let from = self.at;
            for step in 1..PATH_POINTS {
                let t = f64::from(step) / f64::from(PATH_POINTS);
                // A quadratic curve through a point beside the straight line, faster in the middle.
                let ease = t * t * (3.0 - 2.0 * t);
                let side = 4.0 * ease * (1.0 - ease);
                let x = from.0 + (to.0 - from.0) * ease + bend.0 * side;
                let y = from.1 + (to.1 - from.1) * ease + bend.1 * side;
                mouse(page, DispatchMouseEventType::MouseMoved, (x.max(0.0), y.max(0.0))).await?;
                self.wait(MOVE_MS).await;
            }
        }
        // What is sent after it comes after it: its own answer says nothing that is needed.
        page.wire().post(Some(page.session()), &event(DispatchMouseEventType::MouseMoved, to));
        self.at = to;
        self.dwell().await;
        Ok(())
    }

    /// Types into the focused field. Line breaks go in as text: an Enter key could submit.
    pub async fn type_text(&mut self, page: &Page, text: &str, multiline: bool) -> Result<(), BrowserFault> {
        let text = if multiline { text.to_owned() } else { text.replace(['\n', '\r'], " ") };
        if self.dice.is_none() {
            return insert(page, &text).await;
        }
        let count = u64::try_from(text.chars().count()).unwrap_or(u64::MAX).max(1);
        let most = (TYPING_MS_MAX / count).clamp(2, KEY_MS.end);
        let rhythm = KEY_MS.start.min(most - 1)..most;
        for letter in text.chars() {
            if letter.is_ascii_graphic() || letter == ' ' {
                key(page, letter).await?;
            } else {
                insert(page, letter.encode_utf8(&mut [0; 4])).await?;
            }
            self.wait(rhythm.clone()).await;
        }
        Ok(())
    }
}

fn event(kind: DispatchMouseEventType, at: (f64, f64)) -> DispatchMouseEventParams {
    DispatchMouseEventParams::new(kind, at.0, at.1)
}

async fn mouse(page: &Page, kind: DispatchMouseEventType, at: (f64, f64)) -> Result<(), BrowserFault> {
    page.wire().call(Some(page.session()), &event(kind, at), CALL).await.map(drop)
}

/// Press and release as protocol commands.
pub fn press_and_release(at: (f64, f64)) -> [DispatchMouseEventParams; 2] {
    [DispatchMouseEventType::MousePressed, DispatchMouseEventType::MouseReleased].map(|kind| DispatchMouseEventParams {
        button: Some(MouseButton::Left),
        click_count: Some(1),
        ..event(kind, at)
    })
}

/// A reversible click where the pointer is.
pub async fn mouse_click(page: &Page, at: (f64, f64)) -> Result<(), BrowserFault> {
    for params in press_and_release(at) {
        page.wire().call(Some(page.session()), &params, CALL).await?;
    }
    Ok(())
}

async fn insert(page: &Page, text: &str) -> Result<(), BrowserFault> {
    page.wire().call(Some(page.session()), &InsertTextParams::new(text), CALL).await.map(drop)
}

async fn send_key(page: &Page, params: &DispatchKeyEventParams) -> Result<(), BrowserFault> {
    page.wire().call(Some(page.session()), params, CALL).await.map(drop)
}

async fn key(page: &Page, letter: char) -> Result<(), BrowserFault> {
    let text = letter.to_string();
    let down = DispatchKeyEventParams {
        text: Some(text.clone()),
        key: Some(text.clone()),
        ..DispatchKeyEventParams::new(DispatchKeyEventType::KeyDown)
    };
    let up = DispatchKeyEventParams { key: Some(text), ..DispatchKeyEventParams::new(DispatchKeyEventType::KeyUp) };
    send_key(page, &down).await?;
    send_key(page, &up).await
}

async fn named_key(page: &Page, name: &str, code: i64) -> Result<(), BrowserFault> {
    for kind in [DispatchKeyEventType::RawKeyDown, DispatchKeyEventType::KeyUp] {
        let params = DispatchKeyEventParams {
            key: Some(name.to_owned()),
            code: Some(name.to_owned()),
            windows_virtual_key_code: Some(code),
            ..DispatchKeyEventParams::new(kind)
        };
        send_key(page, &params).await?;
    }
    Ok(())
}

/// Presses a key of the language. None of them submits a form or presses a button.
pub async fn press_key(page: &Page, key: Key) -> Result<(), BrowserFault> {
    let code = match key {
        Key::Tab => 9,
        Key::Escape => 27,
        Key::PageUp => 33,
        Key::PageDown => 34,
        Key::End => 35,
        Key::Home => 36,
        Key::ArrowLeft => 37,
        Key::ArrowUp => 38,
        Key::ArrowRight => 39,
        Key::ArrowDown => 40,
    };
    named_key(page, key.as_str(), code).await
}

/// Takes the selected text away.
pub async fn delete_selection(page: &Page) -> Result<(), BrowserFault> {
    named_key(page, "Backspace", 8).await
}
