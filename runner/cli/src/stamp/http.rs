//! One request to an authority for time stamps: no redirect is followed, no proxy is asked. Plain http is enough: what is sent is a hash,
//! and what comes back is signed.

use std::time::Duration;

use deed_proofs::stamp::{ANSWER_BYTES_MAX, ANSWER_TYPE, REQUEST_TYPE};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use url::Url;

/// How long an authority may take, from the look-up of its name to its answer.
const WITHIN: Duration = Duration::from_secs(15);

/// Asks authorities.
#[derive(Clone)]
pub struct Authority {
    tls: TlsConnector,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority(…)")
    }
}

impl Authority {
    /// Trusts, for the connection, the certificate authorities that browsers trust.
    ///
    /// # Errors
    /// In words, when TLS can not be set up.
    pub fn new() -> Result<Self, String> {
        Ok(Self { tls: crate::tls::connector()? })
    }

    /// Sends a request and returns the answer's bytes, unchecked.
    ///
    /// # Errors
    /// In words.
    pub async fn ask(&self, url: &str, request: &[u8]) -> Result<Vec<u8>, String> {
        match tokio::time::timeout(WITHIN, self.exchange(url, request)).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} s", WITHIN.as_secs())),
        }
    }

    async fn exchange(&self, url: &str, request: &[u8]) -> Result<Vec<u8>, String> {
        let url = Url::parse(url).map_err(|e| e.to_string())?;
        let host = url.host_str().ok_or("it names no machine")?.trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default().ok_or("it names no port")?;
        let request = form(&url, request)?;
        let stream = TcpStream::connect((host.as_str(), port)).await.map_err(|e| format!("failed to connect: {e}"))?;
        if url.scheme() == "http" {
            return answer(stream, request).await;
        }
        let name = ServerName::try_from(host).map_err(|e| e.to_string())?;
        let stream = self.tls.connect(name, stream).await.map_err(|e| format!("failed to connect over TLS: {e}"))?;
        answer(stream, request).await
    }
}

fn form(url: &Url, body: &[u8]) -> Result<Request<Full<Bytes>>, String> {
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    Request::post(path)
        .header(HOST, host)
        .header(USER_AGENT, concat!("deed/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, REQUEST_TYPE)
        .header(ACCEPT, ANSWER_TYPE)
        .body(Full::new(Bytes::copy_from_slice(body)))
        .map_err(|e| e.to_string())
}

async fn answer<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Vec<u8>, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let shake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shake.map_err(|e| e.to_string())?;
    let driving = tokio::spawn(connection);
    let read = async {
        let answer = sender.send_request(request).await.map_err(|e| format!("no answer: {e}"))?;
        if answer.status() != StatusCode::OK {
            return Err(format!("it answered with status {}", answer.status().as_u16()));
        }
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await.map_err(|e| e.to_string())?;
        Ok(body.to_bytes().to_vec())
    };
    let read = read.await;
    driving.abort();
    read
}
