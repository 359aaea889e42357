//! The SDK's client: the standard credential chain, TLS by rustls with ring, bounds on everything.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::BehaviorVersion;
use aws_config::meta::region::RegionProviderChain;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Credentials, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_smithy_async::time::TimeSource;
use aws_smithy_http_client::tls;

use crate::place::Options;

/// How long a connection may take to be made.
const CONNECTED_WITHIN: Duration = Duration::from_secs(5);
/// How long the store may be silent.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);
/// How long one request may take in all: a part of 8 MiB at 70 KB/s.
const DONE_WITHIN: Duration = Duration::from_secs(120);
/// How often a request is sent before the caller hears of its failure. Each is safe to repeat: nothing is ever overwritten.
const ATTEMPTS: u32 = 3;

struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        (self.0)()
    }
}

pub(crate) async fn client(options: &Options) -> Client {
    let builder = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring));
    let trusted = options.authorities.as_ref().map(|own| tls::TrustStore::default().with_pem_certificate(own.as_pem()));
    // A context that can not be made is one of another TLS library: this one takes every trust store.
    let context = trusted.and_then(|trusted| tls::TlsContext::builder().with_trust_store(trusted).build().ok());
    let http = match context {
        Some(context) => builder.tls_context(context).build_https(),
        None => builder.build_https(),
    };
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECTED_WITHIN)
        .read_timeout(ANSWERED_WITHIN)
        .operation_attempt_timeout(DONE_WITHIN)
        .build();
    let stalled = StalledStreamProtectionConfig::enabled().grace_period(ANSWERED_WITHIN).build();
    let mut config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .time_source(Clock(Arc::clone(&options.now)))
        .timeout_config(timeouts)
        .stalled_stream_protection(stalled)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS).with_max_backoff(Duration::from_secs(5)))
        // Each request brings the SHA-256 that is meant; other servers stumble over what the SDK would add by itself.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    if let Some(endpoint) = &options.endpoint {
        config = config.endpoint_url(endpoint);
    }
    if options.path_style {
        // A server of one's own has no regions; signatures need one all the same, and nothing is asked for it.
        config = config.region(
            RegionProviderChain::first_try(aws_config::environment::EnvironmentVariableRegionProvider::new())
                .or_else("us-east-1"),
        );
    }
    if let Some((key, secret)) = &options.keys {
        config = config.credentials_provider(Credentials::new(key, secret, None, None, "deed"));
    }
    let config = config.load().await;
    let builder = aws_sdk_s3::config::Builder::from(&config).force_path_style(options.path_style);
    Client::from_conf(builder.build())
}
