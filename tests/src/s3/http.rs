//! Requests to an S3 server without the SDK: one connection each, signed with AWS signature version 4
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>).

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::{ACCESS_KEY, SECRET_KEY};

/// What came back.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The head, in lower case.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// A request that nobody signed.
pub fn plain(port: u16, method: &str, path: &str) -> Answer {
    send(port, method, path, &[("host".to_owned(), format!("127.0.0.1:{port}"))], b"")
}

/// A signed request; `path` may have a query.
pub fn signed(port: u16, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let (path_only, query) = path.split_once('?').unwrap_or((path, ""));
    let mut parts: Vec<_> = query
        .split('&')
        .filter(|p| !p.is_empty())
        .map(|p| if p.contains('=') { p.to_owned() } else { format!("{p}=") })
        .collect();
    parts.sort();
    let time = stamp();
    let day = time.get(..8).unwrap_or_default().to_owned();
    let hash = hash(body);
    let mut all: Vec<(String, String)> = headers.iter().map(|(n, v)| (n.to_lowercase(), (*v).to_owned())).collect();
    all.extend([
        ("host".to_owned(), format!("127.0.0.1:{port}")),
        ("x-amz-content-sha256".to_owned(), hash.clone()),
        ("x-amz-date".to_owned(), time.clone()),
    ]);
    all.sort();
    let names = all.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>().join(";");
    let lines: String = all.iter().map(|(n, v)| format!("{n}:{v}\n")).collect();
    let canonical = format!("{method}\n{path_only}\n{}\n{lines}\n{names}\n{hash}", parts.join("&"));
    let scope = format!("{day}/us-east-1/s3/aws4_request");
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", self::hash(canonical.as_bytes()));
    let mut key = format!("AWS4{SECRET_KEY}").into_bytes();
    for part in [day.as_str(), "us-east-1", "s3", "aws4_request", &to_sign] {
        key = mac(&key, part.as_bytes());
    }
    let signature = hex::encode(key);
    let sign =
        format!("AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders={names}, Signature={signature}");
    all.push(("authorization".to_owned(), sign));
    send(port, method, path, &all, body)
}

fn send(port: u16, method: &str, path: &str, headers: &[(String, String)], body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a bound");
    let lines: String = headers.iter().map(|(n, v)| format!("{n}: {v}\r\n")).collect();
    let head =
        format!("{method} {path} HTTP/1.1\r\n{lines}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).expect("it is sent");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let at = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(answer.len());
    let head = String::from_utf8_lossy(answer.get(..at).unwrap_or_default()).to_lowercase().replace('\r', "");
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    let rest = answer.get(at + 4..).unwrap_or_default().to_vec();
    let body = if head.contains("transfer-encoding: chunked") { unchunked(&rest) } else { rest };
    Answer { status, head, body }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(at) = rest.windows(2).position(|w| w == b"\r\n") {
        let size =
            std::str::from_utf8(&rest[..at]).ok().and_then(|s| usize::from_str_radix(s.trim(), 16).ok()).unwrap_or(0);
        let Some(chunk) = rest.get(at + 2..at + 2 + size).filter(|chunk| !chunk.is_empty()) else { break };
        body.extend_from_slice(chunk);
        rest = rest.get(at + 4 + size..).unwrap_or_default();
    }
    body
}

fn hash(bytes: &[u8]) -> String {
    deed_proofs::Sha256::of(bytes).to_string()
}

fn mac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key will do");
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

/// `20261122T040000Z`, now.
fn stamp() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = deed_core::time::Timestamp(i64::try_from(since.as_millis()).unwrap_or(0)).to_string();
    let seconds = now.get(..19).unwrap_or_default();
    format!("{}Z", seconds.replace(['-', ':'], ""))
}
