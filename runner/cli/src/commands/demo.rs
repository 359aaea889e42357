//! `deed demo`: one post on the practice platform through real Chromium, once, with proof, in a directory of its own.
//!
//! Goes the same way as the commands do, and believes only the server: it ends well when the server received exactly one write and
//! the proof holds.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Instant;

use deed_fixtures::{Practice, PracticeConfig};
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};

use super::account::{self, AddArgs, ModeArg};
use super::practice::files_of;
use super::{act, proof};
use crate::context::{Context, make_private_dir};
use crate::error::CliError;
use crate::order::{self, Order};
use crate::runtime::browser_binary;
use crate::settings::Settings;
use crate::ui::{Answer, Facts, Tone};
use crate::world::now;

/// As whom the demonstration publishes.
const HANDLE: &str = "north_star";

/// Where the demonstration happens.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Use this directory, which must be empty or absent, and leave it
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Leave the directory, for a look at report and ledger
    #[arg(long)]
    pub keep: bool,
}

/// What the server says, which is all that counts.
struct Truth {
    received: usize,
    stored: usize,
}

/// Runs the command.
///
/// # Errors
/// No browser, a disk that can not be written, or a demonstration that did not show one write and a proof that holds.
pub async fn run(args: &Args, context: &Context) -> Result<Answer, CliError> {
    browser_binary(context)?;
    let (dir, temporary) = directory(args)?;
    let answer = show(&dir, context).await;
    let kept = temporary.is_none() || args.keep;
    if let Some(mut temporary) = temporary {
        temporary.disable_cleanup(args.keep);
        if !args.keep {
            context.ui.say("the demonstration's directory is removed now; with --keep it stays");
        }
    }
    answer.map(|data| ending(&data, &dir, kept, context))
}

fn directory(args: &Args) -> Result<(PathBuf, Option<tempfile::TempDir>), CliError> {
    let Some(dir) = &args.dir else {
        let temporary = tempfile::Builder::new()
            .prefix("deed-demo-")
            .tempdir()
            .map_err(CliError::file("make a temporary directory", std::env::temp_dir()))?;
        return Ok((temporary.path().to_owned(), Some(temporary)));
    };
    make_private_dir(dir).map_err(CliError::file("make the directory", dir))?;
    let mut entries = std::fs::read_dir(dir).map_err(CliError::file("read the directory", dir))?;
    if entries.next().is_some() {
        return Err(CliError::Usage(format!(
            "--dir {} is not empty; name an empty directory, or one that is not there",
            dir.display()
        )));
    }
    Ok((dir.clone(), None))
}

async fn show(dir: &Path, outer: &Context) -> Result<Value, CliError> {
    let ui = outer.ui;
    let head =
        |number: u8, words: &str| ui.say(&format!("\n{}", ui.err.tone(Tone::Strong, &format!("{number}. {words}"))));
    head(1, "A real web application to publish on, a ledger, and a connected account");
    let practice = Practice::start(PracticeConfig::default()).await?;
    let origin = practice.origin();
    ui.say(&format!("the practice platform is at {origin}, in this process"));
    let context = Context::new(settings(dir, &outer.settings), ui);
    let id = connect(&practice, &origin, dir, &context).await?;

    head(2, "The order: a text and a picture");
    let (order, text) = order(dir, &id)?;
    ui.say(&format!("{text:?} with bread.png, in {}", order.name));

    head(3, "Carried out through Chromium");
    let begun = Instant::now();
    let ledger = context.ledger().await?;
    let first = act::carry_out(&order, &ledger, &context).await?;
    let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    ui.say(first.text.trim_end());

    head(4, "What the server says");
    let truth = truth(&practice, &text);
    ui.say(&format!(
        "it received {} of this post and made {}",
        count(truth.received, "write"),
        count(truth.stored, "object")
    ));

    head(5, "The same order again");
    let second = act::carry_out(&order, &ledger, &context).await?;
    let after = self::truth(&practice, &text);
    ui.say(&format!("the server still has {} of this post", count(after.received, "write")));

    head(6, "The proof");
    let action = first.data["action_id"].as_str().unwrap_or_default().to_owned();
    let verified = proof::verify_action(&deed_core::ids::ActionId::new(&action), &ledger, &context).await?;
    ui.say(verified.text.trim_end());
    let audit = ledger.audit_verify().await?;
    ui.say(&format!("the audit log of {} lines {}", audit.rows, if audit.ok { "verifies" } else { "does not verify" }));
    ledger.close().await;
    practice.stop().await;

    let done = |answer: &Answer| answer.exit == crate::exit::Exit::Done;
    let checks = [
        (done(&first), "the order was not carried out"),
        (truth.received == 1 && truth.stored == 1, "the server did not receive exactly one write"),
        (
            done(&second) && second.data["action_id"] == first.data["action_id"],
            "the same order was not the same action",
        ),
        (after.received == 1, "the second run sent something"),
        (done(&verified), "the proof does not hold"),
        (audit.ok, "the audit log does not verify"),
    ];
    if let Some((_, what)) = checks.iter().find(|(passed, _)| !passed) {
        return Err(CliError::Demo((*what).to_owned()));
    }
    Ok(json!({
        "action": first.data,
        "truth": { "writes": after.received, "objects": after.stored },
        "proof": verified.data,
        "audit": { "ok": audit.ok, "rows": audit.rows },
        "took_ms": took_ms,
    }))
}

/// Everything in the demonstration's directory; the browser, the pace and the operator as they are.
fn settings(dir: &Path, outer: &Settings) -> Settings {
    Settings {
        file: None,
        database: None,
        data_dir: dir.join("data"),
        proofs: dir.join("proofs"),
        s3: None,
        seal_key: dir.join("seal.key"),
        signing_key: dir.join("signing.key"),
        stamps: Vec::new(),
        recipes: None,
        ..outer.clone()
    }
}

/// The account's id, once it is connected and live.
async fn connect(practice: &Practice, origin: &str, dir: &Path, context: &Context) -> Result<String, CliError> {
    let files = files_of(practice, HANDLE, &dir.join("files"))?;
    let args = AddArgs {
        platform: "practice".to_owned(),
        handle: files.handle,
        name: Some(files.name),
        avatar: Some(files.avatar),
        client: "demo".to_owned(),
        origin: Some(origin.to_owned()),
        session: Some(files.session),
    };
    let added = account::add(&args, context).await?;
    let id = added.data["account_id"].as_str().unwrap_or_default().to_owned();
    account::set_mode(&id, ModeArg::Live, context).await?;
    Ok(id)
}

fn order(dir: &Path, account: &str) -> Result<(Order, String), CliError> {
    let picture = dir.join("bread.png");
    std::fs::write(&picture, bread()?).map_err(CliError::file("write the picture", &picture))?;
    let text = format!("Rye and cardamom buns, out of the oven at six. ({})", now());
    let path = dir.join("order.json");
    let json = json!({
        "platform": "practice",
        "account": account,
        "action": "publish.post",
        "content": { "text": text, "media": ["bread.png"] },
    });
    std::fs::write(&path, format!("{json:#}\n")).map_err(CliError::file("write the order", &path))?;
    Ok((order::read(&path)?, text))
}

/// A loaf on a table at dawn, drawn here so that nothing needs to be shipped.
fn bread() -> Result<Vec<u8>, CliError> {
    let (width, height) = (640_u32, 400_u32);
    let picture = RgbImage::from_fn(width, height, |x, y| {
        let (fx, fy) = (f64::from(x) / f64::from(width), f64::from(y) / f64::from(height));
        let loaf = ((fx - 0.5) / 0.32).powi(2) + ((fy - 0.62) / 0.24).powi(2);
        let cut = ((fx * 9.0 + fy * 2.0).fract() - 0.5).abs() < 0.06 && fy < 0.66;
        match loaf {
            l if l < 1.0 && cut => Rgb([246, 222, 170]),
            l if l < 1.0 => Rgb([(196.0 - 70.0 * l) as u8, (128.0 - 52.0 * l) as u8, (62.0 - 28.0 * l) as u8]),
            _ if fy > 0.74 => Rgb([106, 78, 60]),
            _ => Rgb([(250.0 - 40.0 * fy) as u8, (214.0 - 70.0 * fy) as u8, (170.0 + 20.0 * fy) as u8]),
        }
    });
    let mut bytes = Cursor::new(Vec::new());
    let written = picture.write_to(&mut bytes, ImageFormat::Png);
    written.map_err(|e| CliError::Demo(format!("the picture could not be drawn: {e}")))?;
    Ok(bytes.into_inner())
}

fn truth(practice: &Practice, text: &str) -> Truth {
    let truth = practice.truth();
    Truth { received: truth.publishes_of(text), stored: truth.stored_publishes_of(text) }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn ending(data: &Value, dir: &Path, kept: bool, context: &Context) -> Answer {
    let report = data["action"]["report"].as_str().filter(|_| kept);
    let facts = Facts::default()
        .maybe("report", report)
        .maybe("directory", kept.then(|| dir.display()))
        .with("took", format!("{:.1} s", data["took_ms"].as_f64().unwrap_or_default() / 1000.0));
    let headline = context.ui.out.tone(Tone::Good, "published once, as the right account, with proof that holds");
    Answer::done(data.clone(), format!("\n{headline}\n{}", facts.render()))
}
