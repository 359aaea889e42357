//! `content_compliance`: what the text of an order keeps to. What the recipe or a hard rule refuses holds the action, what a soft rule says
//! is told.
//!
//! Terms are compared by whole words, without regard to case, width and invisible characters. In scripts that put no space between words
//! (Chinese, Japanese, Thai …) a term is found anywhere.

use deed_recipes::Recipe;
use deed_recipes::policy::{Policy, ResolvedWording, links};
use unicode_normalization::UnicodeNormalization as _;

use super::{PolicyCheck, content_problems};
use crate::hold::HoldReason;
use crate::order::{Action, Content};

pub(super) fn content_compliance(action: &Action, recipe: &Recipe, policy: &Policy) -> PolicyCheck {
    let name = "content_compliance";
    let content = &action.payload.content;
    let mut hard = content_problems(recipe, &action.payload);
    hard.extend(problems(&policy.content.hard, content));
    let soft = problems(&policy.content.soft, content);
    let told: Vec<_> = hard.iter().cloned().chain(soft.iter().map(|soft| format!("should: {soft}"))).collect();
    match (hard.is_empty(), soft.is_empty()) {
        (false, _) => PolicyCheck::failed(name, HoldReason::Policy, told.join("; ")),
        (true, false) => PolicyCheck::warned(name, told.join("; ")),
        (true, true) => PolicyCheck::passed(name, "within the limits of recipe and policy"),
    }
}

/// What breaks the rules of one level.
pub(super) fn problems(rules: &ResolvedWording, content: &Content) -> Vec<String> {
    let text = match &content.title {
        Some(title) => format!("{title}\n{}", content.text),
        None => content.text.clone(),
    };
    let links = links::links(&text);
    let mut problems = Vec::new();
    let mut cap = |what: &str, found: usize, max: Option<u32>| {
        if let Some(max) = max.filter(|max| found > usize::try_from(*max).unwrap_or(usize::MAX)) {
            problems.push(format!("{found} {what}, the policy takes {max}"));
        }
    };
    cap("characters", content.text.chars().count(), rules.text_max);
    cap("hashtags", links::hashtags(&text), rules.hashtags_max);
    cap("links", links.len(), rules.links_max);
    cap("mentions", links::mentions(&text), rules.mentions_max);
    let whole = folded(&text);
    let banned = rules.banned_terms.iter().filter(|term| stands(&folded(term), &whole));
    problems.extend(banned.map(|term| format!("`{term}` is banned")));
    problems.extend(links.iter().filter_map(|link| link_problem(rules, link)));
    if content.sponsored && !rules.disclosure.is_empty() {
        let disclosed = rules.disclosure.iter().any(|term| stands(&folded(term), &whole));
        if !disclosed {
            problems.push(format!("it is sponsored and does not say so: write {}", rules.disclosure.join(" or ")));
        }
    }
    if content.claims {
        let (found, min) = (content.citations.len(), rules.citations_min);
        if found < usize::try_from(min).unwrap_or(usize::MAX) {
            problems.push(format!("it makes claims and names {found} citations, at least {min} are asked for"));
        }
        let absent = content.citations.iter().filter(|url| rules.citations_in_text && !text.contains(url.as_str()));
        problems.extend(absent.map(|url| format!("the citation {url} does not stand in the text")));
    }
    problems
}

fn link_problem(rules: &ResolvedWording, link: &links::Link) -> Option<String> {
    let asked = !rules.links_allowed.is_empty() || !rules.links_banned.is_empty();
    let Some(host) = link.host.as_deref() else {
        return asked.then(|| format!("where the link {} leads can not be told", link.written));
    };
    if rules.links_banned.iter().any(|domain| links::is_of(host, domain)) {
        return Some(format!("links to {host} are banned"));
    }
    let allowed = rules.links_allowed.iter().all(|list| list.iter().any(|domain| links::is_of(host, domain)));
    (!allowed).then(|| format!("links to {host} are not among the allowed ones"))
}

/// Compatibility form, case folded, white space as one blank, invisible characters left out.
fn folded(text: &str) -> Vec<char> {
    let mut all = Vec::new();
    for c in text.nfkc().filter(|c| !is_invisible(*c)) {
        if c.is_whitespace() {
            if all.last().is_some_and(|last| *last != ' ') {
                all.push(' ');
            }
        } else {
            // By way of capitals, so that ß is ss and both small sigmas are one.
            all.extend(c.to_uppercase().flat_map(char::to_lowercase));
        }
    }
    if all.last() == Some(&' ') {
        all.pop();
    }
    all
}

const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

/// Whether a term stands in a text, both folded: not within a word.
fn stands(term: &[char], text: &[char]) -> bool {
    let (Some(first), Some(last)) = (term.first(), term.last()) else { return false };
    let within = |edge: &char, beside: Option<&char>| is_word(*edge) && beside.is_some_and(|c| is_word(*c));
    text.windows(term.len()).enumerate().any(|(at, window)| {
        window == term
            && !within(first, at.checked_sub(1).and_then(|before| text.get(before)))
            && !within(last, text.get(at + term.len()))
    })
}

/// A letter or digit of a script that puts spaces between its words.
fn is_word(c: char) -> bool {
    let unspaced = matches!(u32::from(c),
        0x0e00..=0x0eff | 0x1000..=0x109f | 0x1780..=0x17ff | 0x3040..=0x30ff | 0x3400..=0x9fff | 0xf900..=0xfaff | 0x2_0000..=0x3_ffff);
    c.is_alphanumeric() && !unspaced
}

#[cfg(test)]
#[path = "wording_tests.rs"]
mod tests;
