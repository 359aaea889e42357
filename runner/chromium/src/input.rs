//! Input: the mouse and the keyboard, at the pace that was drawn.
//!
//! Everything here is reversible input, or a building block of the press. The press itself is in [`crate::press`], and only
//! there is a commit element pressed. No key that submits a form is ever sent.

use std::time::Duration;

use chromiumoxide_cdp::cdp::browser_protocol::input::{
    DispatchKeyEventParams, DispatchKeyEventType, DispatchMouseEventParams, DispatchMouseEventType, InsertTextParams,
    MouseButton,
};
use deed_core::ports::browser::BrowserFault;
use deed_recipes::Key;

use crate::pace::Pace;
use crate::page::Page;
use crate::wire::CALL;

impl Pace {
    /// A new page is read before anything is done on it.
    pub async fn read(&mut self) {
        rest(self.reading()).await;
    }

    /// Before and after a click.
    pub async fn dwell(&mut self) {
        rest(self.dwelling()).await;
    }

    /// Moves the pointer to a point: in a bent line when paced, at once otherwise.
    pub async fn approach(&mut self, page: &Page, to: (f64, f64)) -> Result<(), BrowserFault> {
        for waypoint in self.path(to) {
            mouse(page, DispatchMouseEventType::MouseMoved, waypoint.at).await?;
            rest(waypoint.rest).await;
        }
        // What is sent after it comes after it: its own answer says nothing that is needed.
        page.wire().post(Some(page.session()), &event(DispatchMouseEventType::MouseMoved, to));
        self.dwell().await;
        Ok(())
    }

    /// Types into the focused field. Line breaks go in as text: an Enter key could submit.
    pub async fn type_text(&mut self, page: &Page, text: &str, multiline: bool) -> Result<(), BrowserFault> {
        let text = if multiline { text.to_owned() } else { text.replace(['\n', '\r'], " ") };
        if !self.is_paced() {
            return insert(page, &text).await;
        }
        let rhythm = self.rhythm(text.chars().count());
        for (letter, pause) in text.chars().zip(rhythm) {
            if letter.is_ascii_graphic() || letter == ' ' {
                key(page, letter).await?;
            } else {
                insert(page, letter.encode_utf8(&mut [0; 4])).await?;
            }
            rest(pause).await;
        }
        Ok(())
    }
}

async fn rest(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
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
