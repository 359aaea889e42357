//! The relay: every connection of a context goes through it, so that a write request can not be sent twice on the wire.
//!
//! Chromium sends a request again by itself, beneath every interception, when a connection that it had used before dies before the
//! first byte of the answer (`HttpNetworkTransaction::ShouldResendRequest`): a lost answer becomes a second post. So before the gate
//! lets the one write through, the relay cuts all connections to its host and, until the answer is there, admits exactly one new one;
//! others wait. A request on a fresh connection is not sent again by Chromium; and if it tried, there would be no way out.
//!
//! A SOCKS5 server on this machine, one for each context. It only carries bytes: TLS stays between Chromium and the platform. Through
//! it a local process gets nowhere that it can not go by itself, and it can not drive the browser.
//!
//! It also is where a context ends: private, loopback and link-local addresses are refused, by the address that a name resolved to, so
//! that no page reaches into the operator's network by a name of its own. Only a recipe of this machine reaches this machine. In replay
//! nothing is reached at all.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deed_core::ports::browser::BrowserFault;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::network::Stage;

/// Bound of the SOCKS handshake and of connecting to the platform.
const CONNECT: Duration = Duration::from_secs(20);

/// 2: not allowed by ruleset (RFC 1928, section 6).
const NOT_ALLOWED: [u8; 10] = [5, 2, 0, 1, 0, 0, 0, 0, 0, 0];

/// How long other connections wait for the write's answer.
const WAITS: Duration = Duration::from_secs(30);

/// How far a context reaches.
#[derive(Clone)]
pub enum Reach {
    /// Nowhere; what tries is told to the stage.
    Nothing(Option<Arc<dyn Stage>>),
    /// Public addresses only.
    Public,
    /// Public addresses and this machine's own: recipes of local platforms.
    Local,
}

impl Reach {
    fn allows(&self, ip: IpAddr) -> bool {
        match self {
            Self::Nothing(_) => false,
            Self::Public => is_public(ip),
            Self::Local => is_public(ip) || ip.to_canonical().is_loopback(),
        }
    }
}

/// Whether an address is one of the public internet's: neither this machine's, nor a private network's, nor of special use (RFC 6890).
pub fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let benchmarks = a == 198 && (b == 18 || b == 19);
            let protocol = a == 192 && b == 0 && c == 0;
            !(ip.is_loopback()
                || ip.is_private()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_documentation()
                || a == 0
                || a >= 240
                || shared
                || benchmarks
                || protocol)
        }
        IpAddr::V6(ip) => {
            let [first, second, ..] = ip.segments();
            let translated = [0x64, 0xff9b] == [first, second] || first == 0x2002 || [0x2001, 0] == [first, second];
            // Only global unicast is public, and of it not what carries another address within (6to4, Teredo, NAT64) or is for books.
            (first & 0xe000) == 0x2000 && !translated && [0x2001, 0xdb8] != [first, second]
        }
    }
}

/// Where a connection leads: host as Chromium wrote it, and port.
type Destination = (String, u16);

#[derive(Default)]
struct State {
    next: u64,
    connections: HashMap<u64, (Destination, JoinHandle<()>)>,
    /// While a write is under way: its destination, and whether its one connection was given.
    single: Option<(Destination, bool)>,
}

/// The relay of one context; ends with its last clone.
#[derive(Clone)]
pub struct Relay {
    shared: Arc<Shared>,
}

struct Shared {
    port: u16,
    doors: Arc<Doors>,
    accept: JoinHandle<()>,
}

/// What the relay and its connections share.
struct Doors {
    state: Mutex<State>,
    reopened: Notify,
    reach: Mutex<Reach>,
}

impl Doors {
    fn reach(&self) -> Reach {
        self.reach.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.accept.abort();
        for (_, (_, task)) in lock(&self.doors.state).connections.drain() {
            task.abort();
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Every change is a single step; a panic leaves the map whole.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Relay {
    /// Listens on a port of this machine.
    pub async fn start() -> Result<Self, BrowserFault> {
        let fault =
            |e: std::io::Error| BrowserFault::Launch(format!("failed to listen on this machine for the relay: {e}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(fault)?;
        let port = listener.local_addr().map_err(fault)?.port();
        // Until it is known whose context this is, it reaches nothing.
        let reach = Mutex::new(Reach::Nothing(None));
        let doors = Arc::new(Doors { state: Mutex::default(), reopened: Notify::new(), reach });
        let accept = tokio::spawn(accept(listener, Arc::clone(&doors)));
        Ok(Self { shared: Arc::new(Shared { port, doors, accept }) })
    }

    /// How far the context reaches from now on.
    pub fn reach(&self, reach: Reach) {
        *self.shared.doors.reach.lock().unwrap_or_else(PoisonError::into_inner) = reach;
    }

    /// As Chromium is told of it.
    pub fn proxy_server(&self) -> String {
        format!("socks5://127.0.0.1:{}", self.shared.port)
    }

    /// Cuts every connection to a URL's host, and from now on admits one new one only. Returns when the old ones are closed.
    pub async fn single(&self, url: &str) {
        let Some(to) = destination(url) else { return };
        let cut: Vec<_> = {
            let mut state = lock(&self.shared.doors.state);
            state.single = Some((to.clone(), false));
            let ids: Vec<_> = state.connections.iter().filter(|(_, (d, _))| *d == to).map(|(id, _)| *id).collect();
            ids.into_iter().filter_map(|id| state.connections.remove(&id)).map(|(_, task)| task).collect()
        };
        for task in &cut {
            task.abort();
        }
        for task in cut {
            // Aborted, so its sockets are closed when this returns. An error only says that it was.
            let _ = task.await;
        }
    }

    /// The write was answered, or never will be: connections are admitted as before.
    pub fn reopen(&self) {
        lock(&self.shared.doors.state).single = None;
        self.shared.doors.reopened.notify_waiters();
    }

    /// Cuts every connection and admits none any more. Returns when they are closed.
    pub async fn cut(&self) {
        self.reach(Reach::Nothing(None));
        let cut: Vec<_> = lock(&self.shared.doors.state).connections.drain().map(|(_, (_, task))| task).collect();
        cut.iter().for_each(JoinHandle::abort);
        for task in cut {
            // As in `single`.
            let _ = task.await;
        }
    }
}

fn destination(url: &str) -> Option<Destination> {
    let url = url::Url::parse(url).ok()?;
    Some((url.host_str()?.trim_matches(['[', ']']).to_ascii_lowercase(), url.port_or_known_default()?))
}

async fn accept(listener: TcpListener, doors: Arc<Doors>) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: others will be closed.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        tokio::spawn(begin(client, Arc::clone(&doors)));
    }
}

async fn begin(mut client: TcpStream, shared: Arc<Doors>) {
    let asked = tokio::time::timeout(CONNECT, handshake(&mut client)).await;
    let Ok(Ok(to)) = asked else { return };
    if let Reach::Nothing(stage) = shared.reach() {
        tracing::warn!(host = to.0, port = to.1, "a connection beside the gate was refused");
        if let Some(stage) = stage {
            stage.escaped(&to.0, to.1);
        }
        let _ = client.write_all(&NOT_ALLOWED).await;
        return;
    }
    let mut client = client;
    loop {
        let reopened = shared.reopened.notified();
        client = match admit(client, &to, &shared) {
            Ok(()) => return,
            Err(waiting) => waiting,
        };
        // While a write is under way, one connection is all there is. The others wait for its answer, not for long.
        if tokio::time::timeout(WAITS, reopened).await.is_err() {
            tracing::warn!(host = to.0, "a second connection while a write is under way was refused");
            let _ = client.write_all(&NOT_ALLOWED).await;
            return;
        }
    }
}

/// Counts the connection and has it carried, or gives it back when a write under way has its one connection already.
fn admit(client: TcpStream, to: &Destination, shared: &Arc<Doors>) -> Result<(), TcpStream> {
    let mut held = lock(&shared.state);
    if let Some((single, given)) = &mut held.single
        && single == to
        && std::mem::replace(given, true)
    {
        return Err(client);
    }
    held.next += 1;
    let id = held.next;
    // Carried only once it is counted, so that no connection is ever outside the count.
    let (go, counted) = tokio::sync::oneshot::channel();
    let task = tokio::spawn(carry(client, to.clone(), id, Arc::clone(shared), counted));
    held.connections.insert(id, (to.clone(), task));
    let _ = go.send(());
    Ok(())
}

async fn carry(
    mut client: TcpStream,
    to: Destination,
    id: u64,
    shared: Arc<Doors>,
    counted: tokio::sync::oneshot::Receiver<()>,
) {
    let _ = counted.await;
    match tokio::time::timeout(CONNECT, connect(&to, &shared.reach())).await {
        Ok(Ok(None)) => {
            tracing::warn!(host = to.0, port = to.1, "a connection to an address that is not public was refused");
            let _ = client.write_all(&NOT_ALLOWED).await;
        }
        Ok(Ok(Some(mut server))) => {
            let _ = client.set_nodelay(true);
            let _ = server.set_nodelay(true);
            if client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.is_ok() {
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            }
        }
        _ => {
            // 4: host unreachable.
            let _ = client.write_all(&[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]).await;
        }
    }
    lock(&shared.state).connections.remove(&id);
}

/// Resolves once and connects to what was judged, so that a name can not mean another address a moment later. `None`: not allowed.
async fn connect(to: &Destination, reach: &Reach) -> std::io::Result<Option<TcpStream>> {
    let all: Vec<SocketAddr> = tokio::net::lookup_host((to.0.as_str(), to.1)).await?.collect();
    let allowed: Vec<_> = all.iter().copied().filter(|a| reach.allows(a.ip())).collect();
    if allowed.is_empty() && !all.is_empty() {
        return Ok(None);
    }
    TcpStream::connect(allowed.as_slice()).await.map(Some)
}

/// SOCKS5 without authentication, CONNECT only (RFC 1928).
async fn handshake(client: &mut TcpStream) -> std::io::Result<Destination> {
    let bad = || std::io::Error::from(std::io::ErrorKind::InvalidData);
    let mut head = [0; 2];
    client.read_exact(&mut head).await?;
    let mut methods = vec![0; usize::from(head[1])];
    client.read_exact(&mut methods).await?;
    if head[0] != 5 || !methods.contains(&0) {
        return Err(bad());
    }
    client.write_all(&[5, 0]).await?;
    let mut request = [0; 4];
    client.read_exact(&mut request).await?;
    if request[..3] != [5, 1, 0] {
        return Err(bad());
    }
    let host = match request[3] {
        1 => Ipv4Addr::from(client.read_u32().await?).to_string(),
        4 => Ipv6Addr::from(client.read_u128().await?).to_string(),
        3 => {
            let mut name = vec![0; usize::from(client.read_u8().await?)];
            client.read_exact(&mut name).await?;
            String::from_utf8(name).map_err(|_| bad())?.to_ascii_lowercase()
        }
        _ => return Err(bad()),
    };
    Ok((host, client.read_u16().await?))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    async fn through(relay: &Relay, to: SocketAddr) -> std::io::Result<TcpStream> {
        let mut client = TcpStream::connect(("127.0.0.1", relay.shared.port)).await?;
        client.write_all(&[5, 1, 0]).await?;
        let mut reply = [0; 2];
        client.read_exact(&mut reply).await?;
        let mut request = vec![5, 1, 0, 3, 9];
        request.extend(b"127.0.0.1");
        request.extend(to.port().to_be_bytes());
        client.write_all(&request).await?;
        let mut reply = [0; 10];
        client.read_exact(&mut reply).await?;
        if reply[1] == 0 { Ok(client) } else { Err(std::io::Error::other(format!("refused: {}", reply[1]))) }
    }

    /// A server that echoes.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = socket.split();
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                });
            }
        });
        at
    }

    async fn echoes(stream: &mut TcpStream) -> bool {
        let mut byte = [0; 1];
        stream.write_all(b"x").await.is_ok() && stream.read_exact(&mut byte).await.is_ok()
    }

    #[tokio::test]
    async fn a_write_cuts_the_old_connections_and_gets_exactly_one_new_one() {
        let relay = Relay::start().await.unwrap();
        relay.reach(Reach::Local);
        let (platform, elsewhere) = (echo().await, echo().await);
        let mut old = through(&relay, platform).await.unwrap();
        let mut other = through(&relay, elsewhere).await.unwrap();
        assert!(echoes(&mut old).await && echoes(&mut other).await);

        relay.single(&format!("http://{platform}/api/posts")).await;
        assert!(!echoes(&mut old).await, "the old connection is cut");
        assert!(echoes(&mut other).await, "other hosts are not touched");
        let mut one = through(&relay, platform).await.unwrap();
        assert!(echoes(&mut one).await);
        let mut second = Box::pin(through(&relay, platform));
        let moment = Duration::from_millis(200);
        assert!(tokio::time::timeout(moment, &mut second).await.is_err(), "a second one waits");
        drop(one);
        assert!(tokio::time::timeout(moment, &mut second).await.is_err(), "also when the first has ended");

        relay.reopen();
        assert!(echoes(&mut second.await.unwrap()).await, "and goes on when the write is answered");
        assert!(echoes(&mut through(&relay, platform).await.unwrap()).await);
    }

    #[tokio::test]
    async fn what_is_cut_carries_nothing_more() {
        let relay = Relay::start().await.unwrap();
        relay.reach(Reach::Local);
        let platform = echo().await;
        let mut open = through(&relay, platform).await.unwrap();
        assert!(echoes(&mut open).await);
        relay.cut().await;
        assert!(!echoes(&mut open).await, "what was open is cut");
        assert!(through(&relay, platform).await.is_err(), "and nothing new is let in");
    }

    #[test]
    fn only_the_public_internet_is_public() {
        for ip in ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "100.63.0.1", "172.32.0.1", "192.169.0.1"] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "2001:db8::1",
            // The same in other clothes.
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:0:53aa::1",
            "::127.0.0.1",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[tokio::test]
    async fn an_address_is_judged_by_what_its_name_resolves_to() {
        let platform = echo().await;
        let to = |host: &str| (host.to_owned(), platform.port());
        // A name that leads to this machine, as a hostile page's own would after its first lookup.
        for host in ["localhost", "127.0.0.1", "::ffff:127.0.0.1"] {
            assert!(connect(&to(host), &Reach::Public).await.unwrap().is_none(), "{host}");
        }
        assert!(connect(&to("localhost"), &Reach::Local).await.unwrap().is_some());
        assert!(connect(&to("127.0.0.1"), &Reach::Nothing(None)).await.unwrap().is_none());
        // Local is this machine, not the network that it is in.
        assert!(!Reach::Local.allows("192.168.1.1".parse().unwrap()));
        assert!(!Reach::Local.allows("169.254.169.254".parse().unwrap()));
    }

    #[tokio::test]
    async fn until_it_is_known_whose_it_is_and_in_public_nothing_here_is_reached() {
        let relay = Relay::start().await.unwrap();
        let platform = echo().await;
        let refused = through(&relay, platform).await.unwrap_err();
        assert_eq!(refused.to_string(), "refused: 2");
        relay.reach(Reach::Public);
        let refused = through(&relay, platform).await.unwrap_err();
        assert_eq!(refused.to_string(), "refused: 2");
        relay.reach(Reach::Local);
        assert!(echoes(&mut through(&relay, platform).await.unwrap()).await);
    }
}
