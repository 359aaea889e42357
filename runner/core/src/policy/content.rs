//! What a recipe takes of an order: text, title, target, time and media. Asked when an order is filed, and again at preflight.

use deed_recipes::{ContentRules, Flow, Placeholder, Recipe, TargetRule};

use crate::order::{Media, MediaShape, Payload};

/// How far off a ratio still counts as it: recipes write two decimals, and editors round to whole pixels.
const ASPECT_SLACK: f64 = 0.005;

/// What the flow does not take of a payload; empty when all is well. Also asked when an order is filed.
pub fn content_problems(recipe: &Recipe, payload: &Payload) -> Vec<String> {
    let Some(flow) = recipe.flows.get(&payload.action_type) else {
        let known: Vec<_> = recipe.flows.keys().map(String::as_str).collect();
        return vec![format!(
            "recipe {} has no flow {}; it has {}",
            recipe.platform,
            payload.action_type,
            known.join(", ")
        )];
    };
    let rules = &flow.content;
    let mut problems = Vec::new();
    let length = payload.content.text.chars().count();
    if rules.text_required && payload.content.text.trim().is_empty() {
        problems.push("the order has no text".to_owned());
    }
    if let Some(max) = rules.text_max
        && length > max
    {
        problems.push(format!("the text has {length} characters, the platform takes {max}"));
    }
    problems.extend(title_and_time_problems(flow, payload));
    let target = payload.target.as_deref().is_some_and(|target| !target.trim().is_empty());
    match rules.target {
        TargetRule::Required if !target => problems.push("the order names no target".to_owned()),
        TargetRule::None if payload.target.is_some() => {
            problems.push(format!("the order names a target, {} takes none", payload.action_type));
        }
        _ => {}
    }
    let files = payload.content.media.len();
    if files > rules.media_max {
        problems.push(format!("the order has {files} media files, the platform takes {}", rules.media_max));
    }
    if files < rules.media_min {
        problems.push(format!("the order has {files} media files, the platform wants at least {}", rules.media_min));
    }
    problems.extend(payload.content.media.iter().flat_map(|m| media_problems(rules, m)));
    problems
}

/// What is said and would be left out is a problem too: a post that was meant for later must not go out now.
fn title_and_time_problems(flow: &Flow, payload: &Payload) -> Vec<String> {
    let (rules, action) = (&flow.content, &payload.action_type);
    let mut problems = Vec::new();
    let title = payload.content.title.as_deref();
    let length = title.map_or(0, |title| title.chars().count());
    let titled = rules.title_required || rules.title_max.is_some() || flow.names(Placeholder::ContentTitle);
    if rules.title_required && title.is_none_or(|title| title.trim().is_empty()) {
        problems.push("the order has no title".to_owned());
    }
    if let Some(max) = rules.title_max.filter(|max| length > *max) {
        problems.push(format!("the title has {length} characters, the platform takes {max}"));
    }
    if title.is_some() && !titled {
        problems.push(format!("the order has a title, {action} takes none"));
    }
    match (flow.schedules(), payload.content.scheduled_at) {
        (true, None) => problems.push("the order does not say when (content.scheduled_at)".to_owned()),
        (false, Some(_)) => problems.push(format!("the order says when, {action} happens at once")),
        _ => {}
    }
    problems
}

fn media_problems(rules: &ContentRules, media: &Media) -> Vec<String> {
    let mut problems = Vec::new();
    let name = media.path.rsplit('/').next().unwrap_or(&media.path);
    let default = ["image/png", "image/jpeg", "image/webp"];
    let said: Vec<&str> = rules.media_types.iter().map(String::as_str).collect();
    let taken = if said.is_empty() { &default[..] } else { &said };
    if !taken.contains(&media.media_type.as_str()) {
        problems.push(format!("{name} is {}, the platform takes {}: convert it", media.media_type, taken.join(", ")));
    }
    if let Some(max) = rules.media_bytes_max
        && media.bytes > max
    {
        problems.push(format!("{name} has {} bytes, the platform takes {max}: make it smaller", media.bytes));
    }
    problems.extend(shape_problems(rules, media).into_iter().map(|problem| format!("{name} {problem}")));
    problems
}

/// What the platform asks of size and length. What is not known is not taken: the platform would refuse it half-way.
fn shape_problems(rules: &ContentRules, media: &Media) -> Vec<String> {
    let video = media.media_type.starts_with("video/");
    let asks_size = rules.aspect_min.is_some() || rules.aspect_max.is_some() || rules.pixels_min.is_some();
    let asks_length = video && rules.seconds_max.is_some();
    let Some(MediaShape { width, height, milliseconds }) = media.shape else {
        let unknown = "was filed before its size was looked at: file the order again from its original media";
        return if asks_size || asks_length { vec![unknown.to_owned()] } else { Vec::new() };
    };
    let mut problems = Vec::new();
    if let Some(min) = rules.pixels_min
        && width.min(height) < min
    {
        problems
            .push(format!("is {width} × {height} pixels, the platform wants at least {min} a side: take a larger one"));
    }
    let aspect = f64::from(width) / f64::from(height.max(1));
    if let Some(min) = rules.aspect_min
        && aspect < min - ASPECT_SLACK
    {
        problems.push(format!("is {width} × {height} pixels, {aspect:.2} times as wide as high; the platform wants at least {min}: crop its height"));
    }
    if let Some(max) = rules.aspect_max
        && aspect > max + ASPECT_SLACK
    {
        problems.push(format!("is {width} × {height} pixels, {aspect:.2} times as wide as high; the platform wants at most {max}: crop its width"));
    }
    if let (true, Some(max)) = (video, rules.seconds_max) {
        match milliseconds {
            Some(long) if long > u64::from(max).saturating_mul(1000) => {
                let seconds = long as f64 / 1000.0;
                problems.push(format!("plays {seconds:.1} s, the platform takes {max} s: cut it"));
            }
            Some(_) => {}
            None => problems.push(format!(
                "does not say how long it plays, and the platform takes {max} s: export it again from an editor"
            )),
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use deed_proofs::Sha256;

    use super::*;

    fn media(media_type: &str, shape: Option<(u32, u32, Option<u64>)>) -> Media {
        let shape = shape.map(|(width, height, milliseconds)| MediaShape { width, height, milliseconds });
        let (path, sha256) = ("/kept/0/bread.bin".to_owned(), Sha256::of(b"x"));
        Media { path, sha256, bytes: 1000, media_type: media_type.to_owned(), shape }
    }

    fn rules() -> ContentRules {
        ContentRules {
            media_types: vec!["image/png".to_owned(), "video/mp4".to_owned()],
            media_bytes_max: Some(1000),
            aspect_min: Some(0.8),
            aspect_max: Some(1.91),
            pixels_min: Some(320),
            seconds_max: Some(90),
            ..ContentRules::default()
        }
    }

    #[test]
    fn what_fits_is_taken() {
        for (media_type, shape) in [
            ("image/png", (1080, 1350, None)),
            ("image/png", (1080, 1351, None)),
            ("image/png", (1200, 628, None)),
            ("image/png", (320, 320, None)),
            ("video/mp4", (1080, 1080, Some(90_000))),
        ] {
            assert_eq!(media_problems(&rules(), &media(media_type, Some(shape))), [""; 0], "{shape:?}");
        }
        assert_eq!(media_problems(&ContentRules::default(), &media("image/webp", None)), [""; 0]);
    }

    #[test]
    fn what_does_not_fit_says_which_file_what_it_is_what_is_asked_and_what_to_do() {
        for (media_type, shape, expected) in [
            (
                "image/png",
                Some((600, 900, None)),
                "bread.bin is 600 × 900 pixels, 0.67 times as wide as high; the platform wants at least 0.8: crop its height",
            ),
            (
                "image/png",
                Some((2000, 1000, None)),
                "bread.bin is 2000 × 1000 pixels, 2.00 times as wide as high; the platform wants at most 1.91: crop its width",
            ),
            (
                "image/png",
                Some((319, 320, None)),
                "bread.bin is 319 × 320 pixels, the platform wants at least 320 a side: take a larger one",
            ),
            ("video/mp4", Some((1080, 1080, Some(90_500))), "bread.bin plays 90.5 s, the platform takes 90 s: cut it"),
            (
                "video/mp4",
                Some((1080, 1080, None)),
                "bread.bin does not say how long it plays, and the platform takes 90 s: export it again from an editor",
            ),
            (
                "image/png",
                None,
                "bread.bin was filed before its size was looked at: file the order again from its original media",
            ),
            (
                "video/webm",
                Some((1080, 1080, Some(1))),
                "bread.bin is video/webm, the platform takes image/png, video/mp4: convert it",
            ),
        ] {
            assert_eq!(media_problems(&rules(), &media(media_type, shape)), [expected]);
        }
        let large = Media { bytes: 1001, ..media("image/png", Some((400, 400, None))) };
        assert_eq!(
            media_problems(&rules(), &large),
            ["bread.bin has 1001 bytes, the platform takes 1000: make it smaller"]
        );
    }
}
