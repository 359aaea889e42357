//! What checking costs: an export of 200 pieces of evidence, and the canonical hash of a page of 2 MB. Run by `make bench-proof`.
//!
//! Medians, with the fastest run beside them; nothing is asserted, the bars are printed. Sizes are those of a real episode: pictures of
//! 1280 × 800 pixels with text on them (about 100 kB), documents of 40 kB.
#![expect(clippy::unwrap_used, reason = "a bench stops at the first surprise")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::fs::File;
use std::io::{Cursor, Write as _};
use std::time::Instant;

use deed_proofs::artifact::{ArtifactKind, ArtifactRef};
use deed_proofs::export::{Expected, export, verify_export_file};
use deed_proofs::store::Store as _;
use deed_proofs::{dom_hashes, seal};
use image::{ImageFormat, Rgb, RgbImage};

const STEPS: u32 = 100;
const RUNS: usize = 15;
const PAGE_BYTES: usize = 2_000_000;

fn main() {
    let (folder, store, mut manifest) = common::episode();
    let template = manifest.steps[0].clone();
    manifest.steps.clear();
    manifest.artifacts.clear();
    for number in 0..STEPS {
        let phase = match number {
            0..60 => "compose",
            60..90 => "receipt",
            _ => "verify",
        };
        let mut step = template.clone();
        (step.index, step.phase, step.name) = (number, phase.into(), format!("step {number}"));
        step.artifacts.clear();
        for (kind, media_type, bytes) in [
            (ArtifactKind::Screenshot, "image/png", picture(number)),
            (ArtifactKind::Dom, "text/html", document(number, 40_000).into_bytes()),
        ] {
            let dom = (kind == ArtifactKind::Dom).then(|| dom_hashes(&String::from_utf8_lossy(&bytes)));
            let (sha256, size) = (store.put(&bytes).unwrap(), bytes.len() as u64);
            let (name, phase, at) = (step.name.clone(), step.phase.clone(), step.at.clone());
            step.artifacts.push(sha256);
            let media_type = media_type.to_owned();
            manifest.artifacts.push(ArtifactRef { sha256, kind, step: name, phase, media_type, bytes: size, at, dom });
        }
        manifest.steps.push(step);
    }
    seal(&store, &manifest).unwrap();
    let path = folder.path().join("proof.zip");
    let mut file = File::create(&path).unwrap();
    let exported = export(&store, &["ep_01".to_owned()], None, &mut file).unwrap();
    file.flush().unwrap();
    let mut found = verify_export_file(&path, &Expected::default()).unwrap();
    assert!(found.holds(), "{:?}", found.problems);
    let check = measure(|| found = verify_export_file(&path, &Expected::default()).unwrap());
    let pieces = manifest.artifacts.len();
    println!(
        "checking an export of {pieces} pieces ({} files, {} bytes): {check}; bar 300 ms",
        exported.files, exported.bytes
    );

    let page = document(7, PAGE_BYTES);
    let hash = measure(|| {
        std::hint::black_box(dom_hashes(std::hint::black_box(&page)));
    });
    println!("hashes of a page of {} bytes: {hash}; bar 40 ms", page.len());
}

fn measure(mut run: impl FnMut()) -> String {
    let mut ms: Vec<f64> = (0..RUNS)
        .map(|_| {
            let begun = Instant::now();
            run();
            begun.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    ms.sort_by(f64::total_cmp);
    format!("median {:.1} ms, fastest {:.1} ms of {RUNS}", ms[RUNS / 2], ms[0])
}

/// A page with lines of words, every one another.
fn picture(number: u32) -> Vec<u8> {
    let dark = |x: u32, y: u32| {
        let (word, line) = (x / 9, y / 22);
        let letter = word.wrapping_mul(2_654_435_761) ^ line.wrapping_mul(40_503) ^ number.wrapping_mul(97);
        y % 22 < 12 && x < 320 && !letter.is_multiple_of(7) && (letter >> ((x % 9) + (y % 22) / 3)) & 1 == 1
    };
    let picture =
        RgbImage::from_fn(1280, 800, |x, y| if dark(x, y) { Rgb([30, 30, 40]) } else { Rgb([250, 250, 252]) });
    let mut png = Cursor::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png).unwrap();
    png.into_inner()
}

/// A feed of posts, up to a size.
fn document(number: u32, bytes: usize) -> String {
    let mut page = String::from("<!DOCTYPE html><html><head><title>Feed</title></head><body><main role=\"feed\">");
    let mut post = number * 10_000;
    while page.len() < bytes {
        post += 1;
        page.push_str(&format!(
            "<article class=\"post css-{post:x}a1\" id=\"post-{post}\" data-testid=\"post\"><header><a href=\"/u{post}\">User {post}</a>\
             <time datetime=\"2026-11-20T12:00:00Z\">{post} min</time></header><p>Text {post} with <b>bold</b> words.</p>\
             <footer><button type=\"button\" aria-label=\"Like\"><svg><path d=\"M1 2\"></path></svg>{post}</button></footer></article>"
        ));
    }
    page.push_str("</main></body></html>");
    page
}
