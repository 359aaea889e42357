//! One message, one request, one status: no redirect is followed, no proxy is asked, nothing of the answer but its status is read.

use std::time::Duration;

use deed_core::time::Timestamp;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::address::Address;
use super::sign::signature;

/// How long a receiver may take, from the look-up of its name to its status.
pub const SEND_WITHIN: Duration = Duration::from_secs(15);

/// Sends messages.
#[derive(Clone)]
pub struct Sender {
    tls: TlsConnector,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sender(…)")
    }
}

impl Sender {
    /// Trusts the certificate authorities that browsers trust.
    ///
    /// # Errors
    /// In words, when TLS can not be set up.
    pub fn new() -> Result<Self, String> {
        Ok(Self { tls: crate::tls::connector()? })
    }

    /// Posts a signed body; the receiver's status.
    ///
    /// # Errors
    /// In words: it did not get there, or no status came within [`SEND_WITHIN`]. It may have been taken all the same.
    pub async fn post(
        &self,
        to: &Address,
        secret: &str,
        id: &str,
        at: Timestamp,
        body: &str,
    ) -> Result<StatusCode, String> {
        let request = request(to, secret, id, at, body)?;
        match tokio::time::timeout(SEND_WITHIN, self.exchange(to, request)).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} s", SEND_WITHIN.as_secs())),
        }
    }

    async fn exchange(&self, to: &Address, request: Request<Full<Bytes>>) -> Result<StatusCode, String> {
        let at = to.resolve().await?;
        let stream = TcpStream::connect(at).await.map_err(|e| format!("failed to connect: {e}"))?;
        if to.url().scheme() == "http" {
            return status(stream, request).await;
        }
        let host = to.url().host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(host).map_err(|e| e.to_string())?;
        let stream = self.tls.connect(name, stream).await.map_err(|e| format!("failed to connect over TLS: {e}"))?;
        status(stream, request).await
    }
}

fn request(to: &Address, secret: &str, id: &str, at: Timestamp, body: &str) -> Result<Request<Full<Bytes>>, String> {
    let seconds = at.0.div_euclid(1000);
    let url = to.url();
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
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", signature(secret, id, seconds, body).map_err(|e| e.to_string())?)
        .body(Full::new(Bytes::from(body.to_owned())))
        .map_err(|e| e.to_string())
}

/// The status; the connection ends with it, and what else the receiver says is never read.
async fn status<S>(stream: S, request: Request<Full<Bytes>>) -> Result<StatusCode, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let shake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shake.map_err(|e| e.to_string())?;
    let driving = tokio::spawn(connection);
    let answer = sender.send_request(request).await;
    driving.abort();
    answer.map(|answer| answer.status()).map_err(|e| format!("no answer: {e}"))
}
