//! Addresses and words without what may let somebody in: queries, fragments, user information, tokens.
//!
//! For what is written beside the evidence (manifest, report, log). Never judges whether a page is the right one: what is compared is
//! compared before.

/// What stands where something was.
pub const SCRUBBED: &str = "scrubbed";
/// Parameters that name a page or an object, and let nobody in.
const HARMLESS: [&str; 23] = [
    "page",
    "lang",
    "hl",
    "locale",
    "sort",
    "order",
    "tab",
    "view",
    "format",
    "id",
    "fbid",
    "story_fbid",
    "v",
    "p",
    "pid",
    "post",
    "post_id",
    "comment",
    "comment_id",
    "item",
    "item_id",
    "status",
    "set",
];
/// A harmless name with a longer value is not what it is named.
const VALUE_MAX: usize = 40;

/// An address without user information, fragment, and values of query parameters that are not known to be harmless.
#[must_use]
pub fn url(url: &str) -> String {
    let bare = url.split('#').next().unwrap_or_default();
    let (address, query) = bare.split_once('?').map_or((bare, None), |(address, query)| (address, Some(query)));
    let address = match address.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let (host, path) = rest.split_at(end);
            format!("{scheme}://{}{path}", host.rsplit_once('@').map_or(host, |(_, host)| host))
        }
        None => address.to_owned(),
    };
    let Some(query) = query else { return address };
    let pairs: Vec<String> = query.split('&').map(parameter).collect();
    format!("{address}?{}", pairs.join("&"))
}

/// How a task ended that did not come to its end. What a panic says may quote what the task held, so it goes into no text.
#[must_use]
pub const fn end_of_task(panicked: bool) -> &'static str {
    if panicked { "a defect ended it" } else { "it was called off" }
}

fn parameter(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, value)) if HARMLESS.contains(&name) && value.len() <= VALUE_MAX => pair.to_owned(),
        Some((name, _)) => format!("{name}={SCRUBBED}"),
        None if pair.len() <= 16 => pair.to_owned(),
        None => SCRUBBED.to_owned(),
    }
}

/// A text with the addresses in it brought to [`url()`], and without bearer and web tokens.
#[must_use]
pub fn text(text: &str) -> String {
    if !text.contains("://") && !text.contains("eyJ") && !text.to_ascii_lowercase().contains("bearer ") {
        return text.to_owned();
    }
    let mut clean = String::with_capacity(text.len());
    let mut bearer = false;
    for word in text.split_inclusive(|c: char| {
        c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '(' | ')' | '`' | ',' | ';')
    }) {
        let cut = word.trim_end_matches(|c: char| {
            c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '(' | ')' | '`' | ',' | ';')
        });
        let after = &word[cut.len()..];
        let token = cut.starts_with("eyJ") && cut.len() > 16 && cut.contains('.');
        if token || (bearer && cut.len() >= 8) {
            clean.push_str(SCRUBBED);
        } else if let Some(at) = cut.find("http://").or_else(|| cut.find("https://")).or_else(|| cut.find("wss://")) {
            clean.push_str(&cut[..at]);
            clean.push_str(&url(&cut[at..]));
        } else {
            clean.push_str(cut);
        }
        clean.push_str(after);
        bearer = cut.eq_ignore_ascii_case("bearer") || (bearer && cut.is_empty());
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_what_names_the_page_and_loses_what_lets_in() {
        for (given, kept) in [
            ("https://a.test/p/1", "https://a.test/p/1"),
            ("https://a.test/p?story_fbid=12&id=3", "https://a.test/p?story_fbid=12&id=3"),
            ("https://a.test/p?xsec_token=abc&tab=posts", "https://a.test/p?xsec_token=scrubbed&tab=posts"),
            ("https://ann:pw@a.test/p#access_token=abc", "https://a.test/p"),
            ("https://a.test?ey0123456789abcdefgh", "https://a.test?scrubbed"),
            ("/p/1?sig=abc", "/p/1?sig=scrubbed"),
            ("https://a.test/@ann", "https://a.test/@ann"),
        ] {
            assert_eq!(url(given), kept);
        }
    }

    #[test]
    fn a_text_keeps_its_words() {
        let given = "failed to open https://a.test/p?code=123456 (\"https://b.test/#t=1\"): net::ERR; Bearer abcdefgh12 eyJhbGciOi.eyJzdWIiOi.x";
        let kept =
            "failed to open https://a.test/p?code=scrubbed (\"https://b.test/\"): net::ERR; Bearer scrubbed scrubbed";
        assert_eq!(text(given), kept);
        assert_eq!(text("not among 3 entries"), "not among 3 entries");
    }
}
