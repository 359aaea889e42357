//! What stands between a client and an S3 server and does harm: one request, one roll of the dice.
//!
//! It counts what the server took, so that an object that was put twice is seen.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::pause;

/// What may be done to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The connection ends before anything is read.
    Refused,
    /// It ends in the middle of the body.
    CutBody,
    /// Nothing happens for a while, then everything.
    Slow,
    /// 500, and the server heard nothing.
    Error,
    /// 503 `SlowDown`, and the server heard nothing.
    Busy,
    /// The server did it, and half of its answer gets back.
    HalfAnswer,
    /// The server did it, and no answer gets back.
    NoAnswer,
    /// 412 though nothing is there; to a `PUT` only.
    Exists,
    /// 200 though the server heard nothing; to a `PUT` only.
    Swallowed,
    /// Refused: no room; to a `PUT` only.
    NoRoom,
    /// 404 though something is there; to a `HEAD` only: as where another one puts it between the look and the `PUT`.
    Hidden,
    /// What the server encrypted is told without that; of a `HEAD` only: as where it ignored that it was asked to.
    Unencrypted,
}

impl Fault {
    /// All that a store may do without telling lies that last.
    pub const PASSING: [Self; 8] = [
        Self::Refused,
        Self::CutBody,
        Self::Slow,
        Self::Error,
        Self::Busy,
        Self::HalfAnswer,
        Self::NoAnswer,
        Self::Exists,
    ];
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// Requests.
    pub requests: u64,
    /// What was done to them.
    pub faults: BTreeMap<Fault, u64>,
    /// How often the server took a `PUT` of each path.
    pub taken: BTreeMap<String, u64>,
}

/// A proxy on a port of its own.
pub struct Faulty {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    to: u16,
    faults: Mutex<Vec<Fault>>,
    /// Of a thousand requests.
    rate: AtomicU64,
    dice: AtomicU64,
    seen: Mutex<Seen>,
    ended: AtomicBool,
}

impl Faulty {
    /// Stands before a server; does nothing yet.
    pub fn before(to: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let shared = Arc::new(Shared {
            to,
            faults: Mutex::default(),
            rate: AtomicU64::new(0),
            dice: AtomicU64::new(0x9E37_79B9_7F4A_7C15),
            seen: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        let theirs = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if theirs.ended.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&theirs);
                std::thread::spawn(move || drop(shared.serve(client)));
            }
        });
        Self { port, shared }
    }

    /// Does one of these to so many of a thousand requests.
    pub fn does(&self, faults: &[Fault], of_a_thousand: u64) {
        *self.shared.faults.lock().expect("unpoisoned") = faults.to_vec();
        self.shared.rate.store(of_a_thousand, Ordering::SeqCst);
    }

    /// Its address.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What was seen so far.
    pub fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.shared.seen.lock().expect("unpoisoned")
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    /// The fault of the next request, by a generator of fixed seed (xorshift64).
    fn roll(&self, method: &str) -> Option<Fault> {
        let next = |mut x: u64| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^ (x << 17)
        };
        let rolled = self.dice.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |x| Some(next(x))).unwrap_or(1);
        if rolled % 1000 >= self.rate.load(Ordering::SeqCst) {
            return None;
        }
        let faults = self.faults.lock().expect("unpoisoned");
        let fault = *faults.get((rolled / 1000) as usize % faults.len().max(1))?;
        let only = match fault {
            Fault::Exists | Fault::Swallowed | Fault::NoRoom | Fault::CutBody => "PUT",
            Fault::Hidden | Fault::Unencrypted => "HEAD",
            _ => method,
        };
        (method == only).then_some(fault)
    }

    fn serve(&self, mut client: TcpStream) -> std::io::Result<()> {
        client.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            client.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let text = String::from_utf8_lossy(&head).into_owned();
        let lower = text.to_lowercase();
        let length: usize =
            lower.lines().find_map(|l| l.strip_prefix("content-length: ")?.trim().parse().ok()).unwrap_or(0);
        let mut words = text.split(' ');
        let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
        let put = method == "PUT";
        let fault = self.roll(&method);
        {
            let mut seen = self.seen.lock().expect("unpoisoned");
            seen.requests += 1;
            if let Some(fault) = fault {
                *seen.faults.entry(fault).or_default() += 1;
            }
        }
        if fault == Some(Fault::Refused) {
            return client.shutdown(Shutdown::Both);
        }
        if lower.contains("expect: 100-continue") {
            client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let mut body = vec![0; if fault == Some(Fault::CutBody) { length / 2 } else { length }];
        client.read_exact(&mut body)?;
        match fault {
            Some(Fault::CutBody) => return client.shutdown(Shutdown::Both),
            Some(Fault::Slow) => pause(Duration::from_millis(400)),
            Some(Fault::Error) => return answer(&mut client, "500 Internal Server Error", "InternalError"),
            Some(Fault::Busy) => return answer(&mut client, "503 Slow Down", "SlowDown"),
            Some(Fault::Exists) => return answer(&mut client, "412 Precondition Failed", "PreconditionFailed"),
            Some(Fault::NoRoom) => return answer(&mut client, "403 Forbidden", "QuotaExceeded"),
            Some(Fault::Hidden) => {
                return client.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            }
            Some(Fault::Swallowed) => {
                return client
                    .write_all(b"HTTP/1.1 200 OK\r\netag: \"0\"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            }
            _ => {}
        }
        let answer = self.pass(&text, &body)?;
        if put && answer.starts_with(b"HTTP/1.1 200") && !path.contains("partNumber") {
            let path = path.split('?').next().unwrap_or_default().to_owned();
            *self.seen.lock().expect("unpoisoned").taken.entry(path).or_default() += 1;
        }
        match fault {
            Some(Fault::NoAnswer) => client.shutdown(Shutdown::Both),
            Some(Fault::Unencrypted) => client.write_all(&without_encryption(&answer)),
            Some(Fault::HalfAnswer) => client.write_all(&answer[..answer.len() / 2]),
            _ => client.write_all(&answer),
        }
    }

    /// The server's whole answer.
    fn pass(&self, head: &str, body: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut server = TcpStream::connect(("127.0.0.1", self.to))?;
        server.set_read_timeout(Some(Duration::from_secs(60)))?;
        let kept = head.trim_end().split("\r\n").filter(|line| {
            let line = line.to_lowercase();
            !line.starts_with("expect:") && !line.starts_with("connection:")
        });
        let head: String = kept.map(|line| format!("{line}\r\n")).collect();
        server.write_all(format!("{head}connection: close\r\n\r\n").as_bytes())?;
        server.write_all(body)?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer)?;
        Ok(answer)
    }
}

/// An answer to a `HEAD` without the lines that tell of encryption.
fn without_encryption(answer: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(answer);
    let told = |line: &str| line.to_lowercase().starts_with("x-amz-server-side-encryption");
    text.split_inclusive("\r\n").filter(|line| !told(line)).collect::<String>().into_bytes()
}

fn answer(client: &mut TcpStream, status: &str, code: &str) -> std::io::Result<()> {
    let body =
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>so the test wants it</Message></Error>");
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/xml\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    client.write_all(format!("{head}{body}").as_bytes())
}
