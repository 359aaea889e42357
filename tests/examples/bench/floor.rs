//! (b) The floor: the same navigations, inputs, screenshots and snapshots as raw protocol calls. No engine, no checks, no gate, no
//! ledger, nothing written.

use std::time::{Duration, Instant};

use chromiumoxide_cdp::cdp::browser_protocol::input::{
    DispatchKeyEventParams, DispatchKeyEventType, DispatchMouseEventParams, DispatchMouseEventType, InsertTextParams,
    MouseButton,
};
use chromiumoxide_cdp::cdp::browser_protocol::network::CookieParam;
use chromiumoxide_cdp::cdp::browser_protocol::page::{
    CaptureScreenshotFormat, CaptureScreenshotParams, EnableParams, NavigateParams, Viewport,
};
use chromiumoxide_cdp::cdp::browser_protocol::storage::SetCookiesParams;
use chromiumoxide_cdp::cdp::browser_protocol::target::{
    AttachToTargetParams, CreateBrowserContextParams, CreateTargetParams, DisposeBrowserContextParams,
};
use chromiumoxide_cdp::cdp::js_protocol::runtime::EvaluateParams;
use deed_chromium::LaunchConfig;
use deed_chromium::launch::{self, GuardHandle, Home};
use deed_chromium::wire::Wire;
use deed_tests::HANDLE;

use crate::platform::Platform;

const CALL: Duration = Duration::from_secs(30);

pub struct Floor {
    wire: Wire,
    group: i32,
    _home: Home,
    _guard: GuardHandle,
    _child: tokio::process::Child,
}

impl Floor {
    pub async fn start() -> Self {
        let (launched, _) = launch::start(&LaunchConfig::default(), None).expect("the browser starts");
        let wire = Wire::new(launched.to_browser, launched.from_browser);
        Self { wire, group: launched.group, _home: launched.home, _guard: launched.guard, _child: launched.child }
    }

    pub fn group(&self) -> i32 {
        self.group
    }

    pub async fn round(&self, platform: &Platform, level: usize, round: usize) -> Vec<f64> {
        let runs: Vec<_> = (0..level)
            .map(|place| {
                let (wire, facts) = (self.wire.clone(), platform.facts.clone());
                tokio::spawn(async move {
                    let started = Instant::now();
                    let cookies = cookies(&facts.sessions[8 + place]);
                    episode(
                        &wire,
                        &facts.origin,
                        cookies,
                        &format!("Episode {round}, account {place}, from the floor"),
                    )
                    .await;
                    started.elapsed().as_secs_f64() * 1_000.0
                })
            })
            .collect();
        let mut ms = Vec::new();
        for run in runs {
            ms.push(run.await.expect("the floor runs"));
        }
        ms
    }

    pub async fn stop(self) {
        self.wire.fail_all("the bench is over");
        launch::end_group(self.group).await;
    }
}

fn cookies(state: &serde_json::Value) -> Vec<CookieParam> {
    let list = state["cookies"].as_array().expect("cookies");
    list.iter()
        .map(|c| CookieParam {
            domain: Some(c["domain"].as_str().expect("a domain").to_owned()),
            path: Some("/".to_owned()),
            ..CookieParam::new(c["name"].as_str().expect("a name"), c["value"].as_str().expect("a value"))
        })
        .collect()
}

struct Tab<'w> {
    wire: &'w Wire,
    session: String,
}

async fn tab<'w>(wire: &'w Wire, cookies: Vec<CookieParam>) -> (Tab<'w>, DisposeBrowserContextParams) {
    let context = wire.call(None, &CreateBrowserContextParams::default(), CALL).await.unwrap().browser_context_id;
    let create =
        CreateTargetParams { browser_context_id: Some(context.clone()), ..CreateTargetParams::new("about:blank") };
    let target_id = wire.call(None, &create, CALL).await.unwrap().target_id;
    let attach = AttachToTargetParams { target_id, flatten: Some(true) };
    let session: String = wire.call(None, &attach, CALL).await.unwrap().session_id.into();
    wire.call(Some(&session), &EnableParams::default(), CALL).await.unwrap();
    let set = SetCookiesParams { cookies, browser_context_id: Some(context.clone()) };
    wire.call(None, &set, CALL).await.unwrap();
    (Tab { wire, session }, DisposeBrowserContextParams::new(context))
}

impl Tab<'_> {
    async fn eval(&self, expression: &str) -> serde_json::Value {
        let ask = EvaluateParams {
            return_by_value: Some(true),
            await_promise: Some(true),
            ..EvaluateParams::new(expression)
        };
        self.wire.call(Some(&self.session), &ask, CALL).await.unwrap().result.value.unwrap_or_default()
    }

    async fn open(&self, url: &str, selector: &str) {
        self.wire.call(Some(&self.session), &NavigateParams::new(url), CALL).await.unwrap();
        self.wait(selector).await;
    }

    async fn wait(&self, selector: &str) {
        let s = serde_json::json!(selector);
        self.eval(&format!("new Promise(r => {{ const t = () => document.querySelector({s}) ? r(true) : requestAnimationFrame(t); t(); }})")).await;
    }

    async fn place(&self, selector: &str) -> [f64; 4] {
        let s = serde_json::json!(selector);
        let v = self.eval(&format!("(() => {{ const r = document.querySelector({s}).getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; }})()")).await;
        [0, 1, 2, 3].map(|i| v[i].as_f64().expect("a number"))
    }

    async fn capture(&self) {
        let shot = CaptureScreenshotParams {
            format: Some(CaptureScreenshotFormat::Png),
            optimize_for_speed: Some(true),
            ..CaptureScreenshotParams::default()
        };
        let (png, _) = tokio::join!(
            self.wire.call(Some(&self.session), &shot, CALL),
            self.eval("document.documentElement.outerHTML")
        );
        png.unwrap();
    }

    async fn clip(&self, [x, y, width, height]: [f64; 4]) {
        let shot = CaptureScreenshotParams {
            format: Some(CaptureScreenshotFormat::Png),
            optimize_for_speed: Some(true),
            clip: Some(Viewport { x, y, width, height, scale: 1.0 }),
            ..CaptureScreenshotParams::default()
        };
        self.wire.call(Some(&self.session), &shot, CALL).await.unwrap();
    }

    async fn click(&self, selector: &str) {
        let [x, y, width, height] = self.place(selector).await;
        let (x, y) = (x + width / 2.0, y + height / 2.0);
        for kind in [
            DispatchMouseEventType::MouseMoved,
            DispatchMouseEventType::MousePressed,
            DispatchMouseEventType::MouseReleased,
        ] {
            let moved = kind == DispatchMouseEventType::MouseMoved;
            let mut event = DispatchMouseEventParams::new(kind, x, y);
            if !moved {
                event.button = Some(MouseButton::Left);
                event.click_count = Some(1);
            }
            self.wire.call(Some(&self.session), &event, CALL).await.unwrap();
        }
    }

    async fn escape(&self) {
        for kind in [DispatchKeyEventType::RawKeyDown, DispatchKeyEventType::KeyUp] {
            let key = DispatchKeyEventParams {
                key: Some("Escape".into()),
                code: Some("Escape".into()),
                windows_virtual_key_code: Some(27),
                ..DispatchKeyEventParams::new(kind)
            };
            self.wire.call(Some(&self.session), &key, CALL).await.unwrap();
        }
    }
}

async fn episode(wire: &Wire, origin: &str, cookies: Vec<CookieParam>, text: &str) {
    let (page, dispose) = tab(wire, cookies.clone()).await;
    page.open(&format!("{origin}/{HANDLE}"), "[data-testid=profile-avatar]").await;
    let avatar = page.place("[data-testid=profile-avatar]").await;
    page.clip(avatar).await;
    page.click("[data-testid=account-menu]").await;
    page.wait("[data-testid=account-option][aria-checked=true]").await;
    page.capture().await;
    page.escape().await;
    page.open(&format!("{origin}/{HANDLE}/posts"), "[data-testid=feed-ready]").await;
    page.capture().await;
    page.open(&format!("{origin}/compose"), "[data-testid=composer-editor]").await;
    page.capture().await;
    page.eval("document.querySelector('[data-testid=composer-editor]').focus()").await;
    wire.call(Some(&page.session), &InsertTextParams::new(text), CALL).await.unwrap();
    page.wait("[data-testid=post-submit]:enabled").await;
    // Review, arm, commit: a picture at each boundary.
    page.capture().await;
    page.capture().await;
    page.click("[data-testid=post-submit]").await;
    page.capture().await;
    page.eval("new Promise(r => { const t = () => document.querySelector('[data-testid=toast]')?.innerText.includes('live') ? r(true) : requestAnimationFrame(t); t(); })").await;
    page.capture().await;
    wire.post(None, &dispose);

    let (page, dispose) = tab(wire, cookies).await;
    page.open(&format!("{origin}/{HANDLE}/posts"), "[data-testid=feed-ready]").await;
    page.capture().await;
    let link = page.eval("document.querySelector('[data-testid=post] a[data-testid=post-link]').href").await;
    page.open(link.as_str().expect("a permalink"), "[data-testid=like-button]").await;
    page.capture().await;
    wire.post(None, &dispose);
}
