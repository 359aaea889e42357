//! Which part of a name was chosen by a person, and which was made up by a build, a framework or a database.
//!
//! A class `Button_root__3XyZ1` is `Button_root__*` in every build; `css-1x2y3z` is only `css-*`; `post-4711` is one of
//! many. The rules are guesses by form, so they lean to the safe side: a made-up part that looks like a word stays and
//! shows up as a change, which a person sees; a word that looks made up is only a little less to compare.

/// Prefixes after which everything is made up: class names by CSS-in-JS libraries and component scoping.
const GENERATORS: [&str; 10] = ["css", "sc", "jsx", "jss", "svelte", "emotion", "r", "astro", "ngcontent", "nghost"];

/// Classes that say how an element is at the moment, not what it is.
const STATES: [&str; 20] = [
    "active",
    "selected",
    "current",
    "open",
    "opened",
    "closed",
    "hover",
    "focus",
    "focused",
    "disabled",
    "loading",
    "loaded",
    "pressed",
    "checked",
    "expanded",
    "collapsed",
    "unread",
    "new",
    "visible",
    "hidden",
];

/// What a name is for: how much of it may be digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    /// A class: `h1`, `col-12`, `mt4` are words of a style sheet.
    Class,
    /// An identifier or a segment of a path: any digit makes it one of many.
    Identifier,
}

/// The name with its made-up parts replaced by `*`; `None` when nothing is left of it.
pub(super) fn stable(name: &str, kind: Name) -> Option<String> {
    let mut kept = String::with_capacity(name.len());
    let mut generated = false;
    let mut any_word = false;
    for piece in name.split_inclusive(|c: char| !c.is_alphanumeric()) {
        let (part, separator) = match piece.char_indices().next_back() {
            Some((at, last)) if !last.is_alphanumeric() => piece.split_at(at),
            _ => (piece, ""),
        };
        if !part.is_empty() && (generated || is_made_up(part, kind)) {
            // Several made-up parts in a row are one: their number changes from build to build as well.
            let words = kept.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '*').len();
            if kept[..words].ends_with('*') {
                kept.truncate(words);
            } else {
                kept.push('*');
            }
        } else {
            kept.push_str(part);
            any_word |= !part.is_empty();
            generated |= kind == Name::Class && GENERATORS.contains(&part);
        }
        kept.push_str(separator);
    }
    any_word.then_some(kept)
}

/// The classes of an element that say what it is, sorted, each once, without their made-up parts.
pub(super) fn stable_classes(value: &str) -> Option<String> {
    let mut classes: Vec<String> = value
        .split_ascii_whitespace()
        .filter(|class| !STATES.contains(class) && !class.starts_with("is-") && !class.starts_with("has-"))
        .filter_map(|class| stable(class, Name::Class))
        .collect();
    classes.sort_unstable();
    classes.dedup();
    (!classes.is_empty()).then(|| classes.join(" "))
}

/// The path of a URL, without origin, query and fragment, and without the segments that name one of many.
pub(super) fn stable_path(url: &str) -> String {
    let without_query = url.split(['?', '#']).next().unwrap_or_default();
    let path = match without_query.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => without_query,
    };
    let segments = path.split('/').map(|segment| {
        if segment.is_empty() { String::new() } else { stable(segment, Name::Identifier).unwrap_or_else(|| "*".into()) }
    });
    segments.collect::<Vec<_>>().join("/")
}

fn is_made_up(part: &str, kind: Name) -> bool {
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    let letters = part.chars().count() - digits;
    if digits > 0 {
        let short_number = letters == 0 && digits <= 2;
        let numbered_word =
            digits <= 2 && part.trim_end_matches(|c: char| c.is_ascii_digit()).len() + digits == part.len();
        let size = digits == 1 && letters <= 3 && part.starts_with(|c: char| c.is_ascii_digit());
        return kind == Name::Identifier || !(short_number || numbered_word || size);
    }
    has_random_case(part) || (letters >= 6 && !part.chars().any(is_vowel))
}

/// `postButton` has long humps, `bdVaJa` has short ones.
fn has_random_case(part: &str) -> bool {
    let letters = part.chars().count();
    let changes = part.chars().zip(part.chars().skip(1)).filter(|(a, b)| a.is_lowercase() && b.is_uppercase()).count();
    changes >= 1 && letters < 3 * (changes + 1)
}

fn is_vowel(letter: char) -> bool {
    // A letter beyond ASCII is never taken for a consonant: those names are words of other languages.
    !letter.is_ascii() || matches!(letter.to_ascii_lowercase(), 'a' | 'e' | 'i' | 'o' | 'u' | 'y')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_parts_of_classes_are_taken_out() {
        for (class, kept) in [
            ("css-1x2y3z", Some("css-*")),
            ("css-kwop", Some("css-*")),
            ("css-kw-op9-a_b", Some("css-*")),
            ("sc-bdVaJa", Some("sc-*")),
            ("Button_root__3XyZ1", Some("Button_root__*")),
            ("x9f619", None),
            ("_3xYz1", None),
            ("qwrtzpl", None),
            ("hPqWzD", None),
            ("card__title", Some("card__title")),
            ("postButton", Some("postButton")),
            ("mt-4", Some("mt-4")),
            ("col12", Some("col12")),
            ("text-2xl", Some("text-2xl")),
            ("bg-blue-500", Some("bg-blue-*")),
            ("schaltfläche", Some("schaltfläche")),
        ] {
            assert_eq!(stable(class, Name::Class).as_deref(), kept, "{class}");
        }
    }

    #[test]
    fn an_identifier_with_a_digit_is_one_of_many() {
        for (id, kept) in [
            ("post-4711", Some("post-*")),
            (":r1:", None),
            ("composer", Some("composer")),
            ("a81bc81b-dead-4e5d-abff-90865d1e13b1", Some("*-dead-*-abff-*")),
            ("ember12", None),
        ] {
            assert_eq!(stable(id, Name::Identifier).as_deref(), kept, "{id}");
        }
    }

    #[test]
    fn classes_are_a_sorted_set_without_states() {
        assert_eq!(stable_classes("post is-open active x78zum5 card post").as_deref(), Some("card post"));
        assert_eq!(stable_classes("  x78zum5 active "), None);
    }

    #[test]
    fn of_a_url_the_path_stays() {
        assert_eq!(stable_path("https://a.test/api/posts/9a7f?csrf=1#x"), "/api/posts/*");
        assert_eq!(stable_path("https://a.test"), "/");
        assert_eq!(stable_path("/compose?draft=77"), "/compose");
        assert_eq!(stable_path(""), "");
    }
}
