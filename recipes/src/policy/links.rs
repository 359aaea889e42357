//! What counts as a link, a hashtag or a mention in the text of an order.
//!
//! A link is what begins with `http://`, `https://` or `www.`, and what looks like `example.com` (its last label not
//! written like the beginning of a sentence, so that "six.We" is none). Platforms make links of such words too; where
//! they do not, counting one too many stops a post that a person looks at, and counting one too few would let it out.

use url::{Host, Url};

/// One link of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// As it stands in the text.
    pub written: String,
    /// Where it leads: small letters, punycode; `None` when it can not be told.
    pub host: Option<String>,
}

/// A domain as links are compared with it: small letters, punycode. `None` when it is none.
pub(super) fn domain(written: &str) -> Option<String> {
    let plain = !written.contains(['/', ':', '@', '?', '#', '*', ' ']) && !written.starts_with('.');
    match Host::parse(written.trim_end_matches('.')).ok().filter(|_| plain)? {
        Host::Domain(domain) => Some(domain),
        Host::Ipv4(_) | Host::Ipv6(_) => None,
    }
}

/// Whether a host is a domain or lies below it.
#[must_use]
pub fn is_of(host: &str, domain: &str) -> bool {
    let host = host.trim_end_matches('.');
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// All links of a text, in its order.
#[must_use]
pub fn links(text: &str) -> Vec<Link> {
    words(text).filter_map(link).collect()
}

/// How many hashtags a text has.
#[must_use]
pub fn hashtags(text: &str) -> usize {
    marked(text, &['#', '\u{ff03}'])
}

/// How many mentions a text has. The `@` of an e-mail address is none.
#[must_use]
pub fn mentions(text: &str) -> usize {
    marked(text, &['@', '\u{ff20}'])
}

/// The words of a text without the punctuation around them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let edge = |c: char| !c.is_alphanumeric() && c != '/';
    text.split(|c: char| c.is_whitespace() || "<>\"()[]{}„“”«»|,;".contains(c))
        .map(move |word| word.trim_start_matches(edge).trim_end_matches(edge))
        .filter(|word| !word.is_empty())
}

fn link(word: &str) -> Option<Link> {
    let small = word.to_lowercase();
    let url = match ["http://", "https://"].into_iter().find_map(|scheme| small.find(scheme).map(|at| (scheme, at))) {
        // Also in the middle of a word: "here:https://example.com".
        Some((_, at)) => small.get(at..).unwrap_or_default().to_owned(),
        None if small.starts_with("www.") || is_bare(word) => format!("https://{small}"),
        None => return None,
    };
    let host = Url::parse(&url).ok().and_then(|url| url.host_str().map(|host| host.trim_end_matches('.').to_owned()));
    Some(Link { written: word.to_owned(), host })
}

/// `example.com`, `shop.example.com/rye`: labels, of which the last is two letters or more. Nothing with an `@` before its path.
fn is_bare(word: &str) -> bool {
    let host = word.split(['/', '?', '#', ':']).next().unwrap_or_default();
    let mut labels = host.split('.').rev();
    let top = labels.next().unwrap_or_default();
    let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
    let sentence = top.starts_with(char::is_uppercase) && top.chars().any(char::is_lowercase);
    let named = top.chars().count() >= 2 && top.chars().all(char::is_alphabetic) && !sentence;
    let mut below = labels.peekable();
    named && below.peek().is_some() && below.all(label)
}

/// Marks that begin a word: after them a letter, a digit or `_`, before them none.
fn marked(text: &str, marks: &[char]) -> usize {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut before, mut count) = (None, 0);
    let mut all = text.chars().peekable();
    while let Some(c) = all.next() {
        let begins = before.is_none_or(|before: char| !word(before) && before != '/' && before != '&');
        if marks.contains(&c) && begins && all.peek().is_some_and(|next| word(*next)) {
            count += 1;
        }
        before = Some(c);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(text: &str) -> Vec<String> {
        links(text).into_iter().map(|link| link.host.unwrap_or_else(|| format!("? {}", link.written))).collect()
    }

    #[test]
    fn a_link_is_seen_in_every_form_that_platforms_make_one_of() {
        assert_eq!(
            hosts("See https://Shop.Example.com/rye?x=1#y, or (www.example.org)."),
            ["shop.example.com", "www.example.org"]
        );
        assert_eq!(
            hosts("Order at bakery.example.com/buns! And at:http://a.example, BIT.LY/x"),
            ["bakery.example.com", "a.example", "bit.ly"]
        );
        assert_eq!(hosts("HTTPS://EXAMPLE.COM www.MÜNCHEN.example"), ["example.com", "www.xn--mnchen-3ya.example"]);
        assert_eq!(
            hosts("https://good.example@evil.example/ https://evil.example:8443\\@good.example"),
            ["evil.example", "evil.example"]
        );
    }

    #[test]
    fn what_is_no_link_is_not_counted() {
        for text in
            ["Out at six.We bake", "e.g. rye, 3.5 kg, 12.30", "ann@example.com", "…and so on... ok", ".", "a.b", ""]
        {
            assert_eq!(hosts(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn hashtags_and_mentions_begin_words() {
        assert_eq!(hashtags("#rye #sourdough_23, a#b &#39; # ＃パン https://a.example/#top"), 3);
        assert_eq!(mentions("@ann and (@bob) but ann@example.com, https://a.example/@x"), 2);
    }

    #[test]
    fn a_domain_reaches_all_below_it_and_nothing_beside_it() {
        assert!(is_of("example.com", "example.com") && is_of("a.b.example.com", "example.com"));
        assert!(!is_of("notexample.com", "example.com") && !is_of("example.com.evil.example", "example.com"));
        assert_eq!(domain("MÜNCHEN.example").as_deref(), Some("xn--mnchen-3ya.example"));
        for bad in ["https://a.example", "*.example.com", "a.example/b", "", "127.0.0.1", "a b", ".example"] {
            assert_eq!(domain(bad), None, "{bad}");
        }
    }
}
