//! Origins: the only places to which a session may be carried.
//!
//! Never lets a wildcard stand for a host, nor plain http for another machine.

use std::fmt;

use url::{Host, Url};

use crate::model::{OriginPattern, PortPattern, ResourcePattern};

/// Hosts that are this machine; only they may be spoken to in plain http or on any port.
const THIS_MACHINE: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// Why a text is no origin of a recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OriginError {
    #[error("an origin is `scheme://host` or `scheme://host:port`, with nothing after it")]
    Form,
    #[error("the scheme must be https")]
    Scheme,
    #[error("plain http is for this machine only")]
    HttpElsewhere,
    #[error("`*` cannot stand in a host name")]
    HostWildcard,
    #[error("the host name is not in the form that a browser shows (lower case, no encoding)")]
    Host,
    #[error("`*.` must stand before a host of at least two parts")]
    Below,
    #[error("the port is no number from 1 to 65535")]
    Port,
    #[error("`:*` is for this machine only")]
    AnyPortElsewhere,
}

impl OriginPattern {
    /// Reads `https://host[:port]`, or `http://127.0.0.1:*` and the like.
    pub(crate) fn parse(text: &str) -> Result<Self, OriginError> {
        let (scheme, rest) = text.split_once("://").ok_or(OriginError::Form)?;
        if rest.is_empty() || rest.contains(|c: char| matches!(c, '/' | '\\' | '?' | '#' | '@') || c.is_whitespace()) {
            return Err(OriginError::Form);
        }
        if scheme != "https" && scheme != "http" {
            return Err(OriginError::Scheme);
        }
        let port_at = rest.rfind(':').filter(|at| *at > rest.rfind(']').unwrap_or_default());
        let (host, port) = port_at.and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, ""));
        if host.contains('*') {
            return Err(OriginError::HostWildcard);
        }
        if !Host::parse(host).is_ok_and(|parsed| parsed.to_string() == host) {
            return Err(OriginError::Host);
        }
        let here = THIS_MACHINE.contains(&host);
        if scheme == "http" && !here {
            return Err(OriginError::HttpElsewhere);
        }
        let port = match port {
            "" => PortPattern::Default,
            ":*" if here => PortPattern::Any,
            ":*" => return Err(OriginError::AnyPortElsewhere),
            number => port_number(number).map(PortPattern::Is).ok_or(OriginError::Port)?,
        };
        Ok(Self { scheme: scheme.to_owned(), host: host.to_owned(), port })
    }

    /// Whether the host is this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        THIS_MACHINE.contains(&self.host.as_str())
    }

    /// Whether a URL lies in this origin. Names and passwords in a URL never do.
    #[must_use]
    pub fn covers(&self, url: &Url) -> bool {
        let port = match self.port {
            PortPattern::Default => url.port().is_none(),
            PortPattern::Is(port) => url.port_or_known_default() == Some(port),
            PortPattern::Any => true,
        };
        let bare = url.username().is_empty() && url.password().is_none();
        bare && port && url.scheme() == self.scheme && url.host_str() == Some(self.host.as_str())
    }
}

impl ResourcePattern {
    /// Reads an origin whose host may begin with `*.`.
    pub(crate) fn parse(text: &str) -> Result<Self, OriginError> {
        let Some((scheme, rest)) = text.split_once("://*.") else {
            return Ok(Self { origin: OriginPattern::parse(text)?, below: false });
        };
        let origin = OriginPattern::parse(&format!("{scheme}://{rest}"))?;
        // `*.com` would be half of the web, and addresses have nothing below them.
        let name = matches!(Host::parse(&origin.host), Ok(Host::Domain(_)));
        if name && origin.host.contains('.') { Ok(Self { origin, below: true }) } else { Err(OriginError::Below) }
    }

    /// Whether a URL lies in this origin, or in one below it.
    #[must_use]
    pub fn covers(&self, url: &Url) -> bool {
        let at_home = |host: &str| OriginPattern { host: host.to_owned(), ..self.origin.clone() }.covers(url);
        match url.host_str() {
            Some(host) if self.below => {
                host.strip_suffix(&self.origin.host).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
                    && at_home(host)
            }
            Some(_) => self.origin.covers(url),
            None => false,
        }
    }
}

impl fmt::Display for ResourcePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.origin.to_string();
        if self.below { f.write_str(&shown.replacen("://", "://*.", 1)) } else { f.write_str(&shown) }
    }
}

/// `:8443` → 8443.
fn port_number(text: &str) -> Option<u16> {
    let digits = text.strip_prefix(':')?;
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|port| all_digits && *port > 0)
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        match self.port {
            PortPattern::Default => Ok(()),
            PortPattern::Is(port) => write!(f, ":{port}"),
            PortPattern::Any => f.write_str(":*"),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn only_what_keeps_a_session_at_home_is_an_origin() {
        for (text, expected) in [
            ("https://practice.test/", OriginError::Form),
            ("practice.test", OriginError::Form),
            ("https://a@practice.test", OriginError::Form),
            ("ftp://practice.test", OriginError::Scheme),
            ("http://practice.test", OriginError::HttpElsewhere),
            ("https://*.practice.test", OriginError::HostWildcard),
            ("https://Practice.test", OriginError::Host),
            ("https://practice.test:*", OriginError::AnyPortElsewhere),
            ("https://practice.test:0", OriginError::Port),
            ("https://practice.test:+1", OriginError::Port),
            ("https://practice.test:99999", OriginError::Port),
        ] {
            assert_eq!(OriginPattern::parse(text), Err(expected), "{text}");
        }
        for text in [
            "https://practice.test",
            "https://practice.test:8443",
            "http://127.0.0.1:*",
            "http://[::1]:80",
            "https://[::1]",
        ] {
            assert_eq!(OriginPattern::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_resource_may_stand_for_the_hosts_below_it() {
        let covers =
            |pattern: &str, url: &str| ResourcePattern::parse(pattern).unwrap().covers(&Url::parse(url).unwrap());
        for good in ["https://a.cdn.test/x", "https://b.a.cdn.test/", "https://a.cdn.test:443/"] {
            assert!(covers("https://*.cdn.test", good), "{good}");
        }
        for bad in ["https://cdn.test/", "https://evilcdn.test/", "https://.cdn.test/", "http://a.cdn.test/"] {
            assert!(!Url::parse(bad).is_ok_and(|_| covers("https://*.cdn.test", bad)), "{bad}");
        }
        assert!(covers("http://127.0.0.1:*", "http://127.0.0.1:9/"));
        for bad in ["https://*.test", "https://*.127.0.0.1", "https://*.*.cdn.test", "http://*.cdn.test"] {
            assert!(ResourcePattern::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(ResourcePattern::parse("https://*.cdn.test").unwrap().to_string(), "https://*.cdn.test");
    }

    #[test]
    fn a_look_alike_is_not_covered() {
        let covers =
            |pattern: &str, url: &str| OriginPattern::parse(pattern).unwrap().covers(&Url::parse(url).unwrap());
        assert!(covers("https://practice.test", "https://practice.test:443/x"));
        assert!(covers("https://practice.test:443", "https://practice.test/x"));
        assert!(covers("http://127.0.0.1:*", "http://127.0.0.1:9/"));
        assert!(!covers("https://practice.test", "http://practice.test"));
        assert!(!covers("https://practice.test", "https://practice.test:8443"));
        assert!(!covers("https://practice.test", "https://practice.test.evil.example"));
        assert!(!covers("https://practice.test", "https://practice.test@evil.example"));
        assert!(!covers("https://practice.test", "https://evil@practice.test"));
    }
}
