//! Where a message may go: https to public machines; this machine only where the operator said so; never another private one.
//!
//! A name is judged by what it resolves to, each time, and the connection goes to exactly the address that was judged.

use std::net::{IpAddr, SocketAddr};

use deed_chromium::relay::is_public;
use url::{Host, Url};

use super::WebhookError;

/// Longest address that is taken, in bytes.
const URL_BYTES_MAX: usize = 2048;

/// An address whose form was checked.
#[derive(Debug, Clone)]
pub struct Address {
    url: Url,
    allow_local: bool,
}

impl Address {
    /// Checks the form, and the machine where the address names it by number.
    ///
    /// # Errors
    /// [`WebhookError::Url`].
    pub fn parse(text: &str, allow_local: bool) -> Result<Self, WebhookError> {
        let refuse = |why: &str| WebhookError::Url { url: text.to_owned(), why: why.to_owned() };
        if text.len() > URL_BYTES_MAX {
            return Err(refuse("it is longer than 2048 bytes"));
        }
        let url = Url::parse(text).map_err(|e| refuse(&e.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("a name or password in an address would stand in lists and logs"));
        }
        if url.fragment().is_some() {
            return Err(refuse("what stands after `#` is never sent"));
        }
        let named = match url.host() {
            Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            Some(Host::Domain(_)) => None,
            None => return Err(refuse("it names no machine")),
        };
        let here = named.is_some_and(|ip| ip.to_canonical().is_loopback()) || url.host_str() == Some("localhost");
        match url.scheme() {
            "https" => {}
            "http" if here => {}
            "http" => return Err(refuse("plain http is for this machine only")),
            _ => return Err(refuse("its scheme is neither https nor http")),
        }
        let address = Self { url, allow_local };
        if here && !allow_local {
            return Err(refuse("it is on this machine, and --allow-local was not said"));
        }
        if named.is_some_and(|ip| !address.allows(ip)) {
            return Err(refuse("it is in a private network, or of special use"));
        }
        Ok(address)
    }

    /// Whether a message may go to this machine.
    pub fn allows(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        if ip.is_loopback() {
            return self.allow_local;
        }
        // In plain http it stays here, whatever the name resolves to.
        self.url.scheme() == "https" && is_public(ip)
    }

    /// The address as it was checked.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The first machine that the name stands for now and that a message may go to.
    ///
    /// # Errors
    /// In words: the name is unknown, or none of its machines may be sent to.
    pub async fn resolve(&self) -> Result<SocketAddr, String> {
        let port = self.url.port_or_known_default().ok_or("it names no port")?;
        let found: Vec<SocketAddr> = match self.url.host() {
            Some(Host::Ipv4(ip)) => vec![(ip, port).into()],
            Some(Host::Ipv6(ip)) => vec![(ip, port).into()],
            Some(Host::Domain(name)) => {
                let found = tokio::net::lookup_host((name, port)).await;
                found.map_err(|e| format!("the name does not resolve: {e}"))?.collect()
            }
            None => Vec::new(),
        };
        let allowed = found.into_iter().find(|at| self.allows(at.ip()));
        allowed.ok_or_else(|| "none of the machines it stands for may be sent to".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_machines_over_https_and_this_one_where_that_was_said() {
        let taken = |text: &str, local| Address::parse(text, local).is_ok();
        for text in ["https://hooks.example/deed?x=1", "https://1.1.1.1/", "https://[2606:4700::1111]:8443/x"] {
            assert!(taken(text, false) && taken(text, true), "{text}");
        }
        for text in [
            "http://127.0.0.1:8080/x",
            "https://127.0.0.1/",
            "http://localhost:1/",
            "http://[::1]:1/",
            "https://[::ffff:127.0.0.1]/",
        ] {
            assert!(!taken(text, false) && taken(text, true), "{text}");
        }
        for text in [
            "http://hooks.example/",
            "http://1.1.1.1/",
            "https://10.0.0.1/",
            "https://192.168.1.1/",
            "https://169.254.169.254/latest",
            "https://[fd00::1]/",
            "https://0.0.0.0/",
            "https://2130706433.0x7f.example@10.0.0.1/",
            "https://ann:secret@hooks.example/",
            "https://hooks.example/#x",
            "ftp://hooks.example/",
            "hooks.example",
            "https://",
        ] {
            assert!(!taken(text, false) && !taken(text, true), "{text}");
        }
        assert!(!taken(&format!("https://hooks.example/{}", "x".repeat(URL_BYTES_MAX)), false));
    }

    #[tokio::test]
    async fn a_name_is_judged_by_what_it_resolves_to() -> Result<(), Box<dyn std::error::Error>> {
        // As a name would be that only its look-up shows to be this machine's.
        let of = |url: &str, allow_local| Ok::<_, url::ParseError>(Address { url: Url::parse(url)?, allow_local });
        assert!(of("https://localhost:1/", false)?.resolve().await.is_err());
        assert!(of("https://localhost:1/", true)?.resolve().await.is_ok_and(|at| at.ip().is_loopback()));
        let (public, private) = ("1.1.1.1".parse()?, "10.0.0.1".parse()?);
        let named = of("https://hooks.example/", true)?;
        assert!(named.allows(public) && !named.allows(private));
        assert!(
            !of("http://hooks.example/", true)?.allows(public),
            "plain http stays here, whatever the name stands for"
        );
        Ok(())
    }
}
