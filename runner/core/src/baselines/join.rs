//! Several recordings of one platform as one: each shows surfaces that the others do not, and what they show differently is no fact
//! of the layout.

use std::collections::BTreeMap;

use deed_recipes::{Baseline, LandmarkPlace};

use super::Recorded;
use crate::judge::drift;

impl Recorded {
    /// Takes all recordings together. A surface is left out only when none shows it. What differs between two recordings of a
    /// surface (a counter, a state) is taken out of its baseline and named; a landmark of another role or region is taken out
    /// as a whole.
    pub fn join(all: Vec<Self>) -> Self {
        let mut joined = Self::default();
        let mut surfaces: BTreeMap<String, Baseline> = BTreeMap::new();
        let mut left_out: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for one in all {
            for baseline in one.baselines {
                match surfaces.get_mut(&baseline.surface) {
                    None => drop(surfaces.insert(baseline.surface.clone(), baseline)),
                    Some(known) => joined.unsteady.extend(keep_common(known, &baseline)),
                }
            }
            for (surface, why) in one.left_out {
                let reasons = left_out.entry(surface).or_default();
                if !reasons.contains(&why) {
                    reasons.push(why);
                }
            }
            joined.unsteady.extend(one.unsteady);
        }
        left_out.retain(|surface, _| !surfaces.contains_key(surface));
        joined.baselines = surfaces.into_values().collect();
        joined.left_out = left_out.into_iter().map(|(surface, reasons)| (surface, reasons.join("; or "))).collect();
        joined
    }
}

/// Leaves in `known` what `other` says too; what was taken out, in words.
fn keep_common(known: &mut Baseline, other: &Baseline) -> Vec<String> {
    let mut taken = Vec::new();
    let surface = known.surface.clone();
    let mut note = |landmark: &str, what: &str| taken.push(format!("{surface}: {what} of `{landmark}`"));
    if known.lang != other.lang {
        known.lang = None;
    }
    known.landmarks.retain(|landmark, place| {
        let Some(also) = other.landmarks.get(landmark) else { return false };
        if place.role != also.role || place.regions != also.regions {
            note(landmark, "the whole");
            return false;
        }
        for what in differing(place, also) {
            note(landmark, what);
        }
        true
    });
    // A landmark that is gone is above nothing any more.
    let there: Vec<_> = known.landmarks.keys().cloned().collect();
    for place in known.landmarks.values_mut() {
        place.below.retain(|above| there.contains(above));
    }
    taken
}

/// Takes the facts out of `place` in which `also` differs, and names them.
fn differing(place: &mut LandmarkPlace, also: &LandmarkPlace) -> Vec<&'static str> {
    let mut names = Vec::new();
    let mut words = |name: &'static str, one: &mut Option<String>, other: &Option<String>| {
        if one.as_deref().map(drift::words) != other.as_deref().map(drift::words) && one.take().is_some() {
            names.push(name);
        }
    };
    words("the name", &mut place.name, &also.name);
    words("the words", &mut place.text, &also.text);
    words("the form", &mut place.container, &also.container);
    if place.acts != also.acts && place.acts.take().is_some() {
        names.push("what it does");
    }
    match (&place.traits, &also.traits) {
        // One of several is still known, and any other kind is told.
        (Some(first), Some(other)) => {
            let first = first.clone();
            for kind in std::iter::once(other).chain(&also.or_traits) {
                if *kind != first && !place.or_traits.contains(kind) {
                    place.or_traits.push(kind.clone());
                }
            }
        }
        (Some(_), None) => {
            place.traits = None;
            place.or_traits.clear();
            names.push("the kind");
        }
        (None, _) => {}
    }
    let before = place.below.len();
    place.below.retain(|above| also.below.contains(above));
    if place.below.len() != before {
        names.push("what stands above");
    }
    if place.alone && !also.alone {
        place.alone = false;
        names.push("that it is alone");
    }
    if place.only && !also.only {
        place.only = false;
        names.push("that it is the only one of its name");
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str, role: &str) -> LandmarkPlace {
        LandmarkPlace {
            role: role.into(),
            name: Some(name.into()),
            regions: vec!["main".into()],
            below: vec!["menu".into()],
            text: None,
            acts: Some("button".into()),
            traits: Some(vec!["toggle".into()]),
            or_traits: Vec::new(),
            container: None,
            alone: true,
            only: false,
        }
    }

    fn recorded(surface: &str, landmarks: &[(&str, LandmarkPlace)], left_out: &[(&str, &str)]) -> Recorded {
        let landmarks = landmarks.iter().map(|(name, place)| ((*name).to_owned(), place.clone())).collect();
        Recorded {
            baselines: vec![Baseline { surface: surface.into(), lang: Some("en".into()), landmarks }],
            left_out: left_out.iter().map(|(s, why)| ((*s).to_owned(), (*why).to_owned())).collect(),
            unsteady: Vec::new(),
        }
    }

    #[test]
    fn a_surface_is_left_out_only_when_no_recording_shows_it() {
        let one = recorded("feed", &[], &[("video", "no target"), ("shorts", "not opened")]);
        let other = recorded("video", &[], &[("feed", "not opened"), ("shorts", "no answer")]);
        let joined = Recorded::join(vec![one, other]);
        let surfaces: Vec<_> = joined.baselines.iter().map(|b| b.surface.as_str()).collect();
        assert_eq!(surfaces, ["feed", "video"]);
        assert_eq!(joined.left_out, [("shorts".to_owned(), "not opened; or no answer".to_owned())]);
    }

    #[test]
    fn what_recordings_show_differently_is_in_no_baseline_and_named() {
        let menu = ("menu", place("Menu", "button"));
        let one = recorded("video", &[menu.clone(), ("like", place("Like, 12", "button"))], &[]);
        let counted = recorded("video", &[menu.clone(), ("like", place("Like, 3", "button"))], &[]);
        let same = Recorded::join(vec![one.clone(), counted]);
        assert_eq!((same.unsteady.len(), &same.baselines), (0, &one.baselines), "numbers count as one");

        let mut other = place("Unlike", "button");
        other.alone = false;
        let joined = Recorded::join(vec![one.clone(), recorded("video", &[menu.clone(), ("like", other)], &[])]);
        assert_eq!(joined.unsteady, ["video: the name of `like`", "video: that it is alone of `like`"]);
        let like = &joined.baselines[0].landmarks["like"];
        assert_eq!((&like.name, like.alone, like.below.len()), (&None, false, 1));

        let mut pressed = place("Like, 12", "button");
        pressed.traits = Some(Vec::new());
        let joined = Recorded::join(vec![one.clone(), recorded("video", &[menu.clone(), ("like", pressed)], &[])]);
        let like = &joined.baselines[0].landmarks["like"];
        assert_eq!(
            (&like.traits, &like.or_traits),
            (&Some(vec!["toggle".to_owned()]), &vec![Vec::new()]),
            "both kinds"
        );
        assert!(joined.unsteady.is_empty(), "{joined:?}");

        let moved = Recorded::join(vec![one, recorded("video", &[("menu", place("Menu", "link"))], &[])]);
        assert_eq!(moved.unsteady, ["video: the whole of `menu`"]);
        assert!(moved.baselines[0].landmarks.is_empty(), "{moved:?}");
    }
}
