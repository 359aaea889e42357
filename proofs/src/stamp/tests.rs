#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::path::Path;
use std::process::Command;

use super::*;

/// An authority of openssl's, in a folder of its own: a root, and a certificate for time stamping below it.
struct Authority {
    folder: tempfile::TempDir,
}

const CONFIG: &str = "
[tsa]
serial = serial
crypto_device = builtin
signer_cert = tsa.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
ess_cert_id_alg = sha256
certs = root.pem
[ca]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
[stamping]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[serving]
basicConstraints = critical, CA:false
extendedKeyUsage = critical, serverAuth
";

fn openssl(folder: &Path, arguments: &str) {
    let said = Command::new("openssl").args(arguments.split_whitespace()).current_dir(folder).output().unwrap();
    assert!(said.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&said.stderr));
}

impl Authority {
    fn new(purpose: &str, key: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        std::fs::write(at.join("conf"), CONFIG).unwrap();
        let empty = at.join("empty");
        std::fs::write(&empty, "[req]\ndistinguished_name = dn\n[dn]\n").unwrap();
        for step in [
            format!(
                "req -x509 -config empty -newkey {key} -nodes -keyout root.key -out root.pem -days 30 -subj /CN=root"
            ),
            format!("req -config empty -newkey {key} -nodes -keyout tsa.key -out tsa.csr -subj /CN=tsa"),
            format!(
                "x509 -req -in tsa.csr -CA root.pem -CAkey root.key -CAcreateserial -days 30 -out tsa.pem -extfile conf -extensions {purpose}"
            ),
        ] {
            openssl(at, &step);
        }
        Self { folder }
    }

    fn answer(&self, request: &StampRequest) -> Vec<u8> {
        let at = self.folder.path();
        std::fs::write(at.join("q"), request.as_der()).unwrap();
        openssl(at, "ts -reply -config conf -section tsa -queryfile q -out r");
        std::fs::read(at.join("r")).unwrap()
    }

    fn root(&self) -> Authorities {
        Authorities::from_pem(&std::fs::read(self.folder.path().join("root.pem")).unwrap()).unwrap()
    }
}

const RSA: &str = "rsa:2048";
const P256: &str = "ec -pkeyopt ec_paramgen_curve:P-256";

#[test]
fn a_stamp_of_openssl_holds_here_and_a_request_of_ours_there() {
    for key in [RSA, P256] {
        let authority = Authority::new("stamping", key);
        let of = Sha256::of(b"the envelope");
        let request = StampRequest::new(of).unwrap();
        let answer = authority.answer(&request);
        let stamp = request.answer(&of, &answer).unwrap();
        stamp.signed_by(&authority.root()).unwrap();
        assert_eq!(stamp.policy, "1.2.3.4.1");
        assert!(stamp.at.len() == 20 && stamp.at.ends_with('Z'), "{}", stamp.at);
        let at = authority.folder.path();
        openssl(at, "ts -verify -in r -queryfile q -CAfile root.pem");
        openssl(at, &format!("ts -verify -in r -digest {of} -CAfile root.pem"));
    }
}

#[test]
fn a_stamp_is_of_these_bytes_and_of_this_request() {
    let authority = Authority::new("stamping", P256);
    let (of, other) = (Sha256::of(b"the envelope"), Sha256::of(b"another"));
    let request = StampRequest::new(of).unwrap();
    let answer = authority.answer(&request);
    assert_eq!(request.answer(&other, &answer), Err(StampError::Imprint));
    assert_eq!(StampRequest::new(of).unwrap().answer(&of, &answer), Err(StampError::Nonce));
    for wrong in [b"".as_slice(), b"hello", &answer[..answer.len() - 1], &[0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x00]] {
        assert_eq!(request.answer(&of, wrong).unwrap_err().code(), "stamp-malformed");
    }
    // Status 2, rejection, and no token.
    let refused = [0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x02];
    assert_eq!(request.answer(&of, &refused).unwrap_err().code(), "stamp-refused");
}

#[test]
fn only_a_certificate_for_time_stamping_that_leads_to_a_named_authority_counts() {
    let authority = Authority::new("stamping", P256);
    let of = Sha256::of(b"the envelope");
    let request = StampRequest::new(of).unwrap();
    let answer = authority.answer(&request);
    let stamp = request.answer(&of, &answer).unwrap();
    let stranger = Authority::new("stamping", P256);
    assert_eq!(stamp.signed_by(&stranger.root()).unwrap_err().code(), "stamp-signature");

    // Another time in the token: its hash is what the signature is over.
    let told = stamp.at.replace(['-', ':', 'T'], "");
    let place = answer.windows(told.len()).position(|window| window == told.as_bytes()).unwrap();
    let mut later = answer.clone();
    later[place + 3] += 1;
    let error = request.answer(&of, &later).unwrap().signed_by(&authority.root()).unwrap_err();
    assert!(error.to_string().contains("not the time"), "{error}");
    // A changed signature.
    let mut forged = answer.clone();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let error = request.answer(&of, &forged).map(|stamp| stamp.signed_by(&authority.root()));
    assert!(!matches!(error, Ok(Ok(()))), "{error:?}");
}

#[test]
fn openssl_gives_no_stamp_with_a_certificate_for_something_else() {
    // That a certificate of another purpose does not count here either is webpki's; openssl does not even sign with one.
    let authority = Authority::new("serving", P256);
    let request = StampRequest::new(Sha256::of(b"x")).unwrap();
    let at = authority.folder.path();
    std::fs::write(at.join("q"), request.as_der()).unwrap();
    let arguments = ["ts", "-reply", "-config", "conf", "-section", "tsa", "-queryfile", "q", "-out", "r"];
    let said = Command::new("openssl").args(arguments).current_dir(at).output().unwrap();
    assert!(!said.status.success());
}

#[test]
fn a_file_without_certificates_names_no_authority() {
    for text in ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert_eq!(Authorities::from_pem(text.as_bytes()).unwrap_err().code(), "stamp-authorities", "{text}");
    }
}
