//! An authority for time stamps of openssl's, behind a tiny HTTP server on this machine.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

const CONFIG: &str = "
[tsa]
serial = serial
crypto_device = builtin
signer_cert = tsa.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
certs = root.pem
[stamping]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
";

/// The authority's files, in a folder.
pub struct Authority {
    folder: PathBuf,
}

pub fn openssl(folder: &Path, arguments: &str) {
    let said =
        Command::new("openssl").args(arguments.split_whitespace()).current_dir(folder).output().expect("openssl");
    assert!(said.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&said.stderr));
}

impl Authority {
    pub fn new(folder: PathBuf) -> Self {
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("conf"), CONFIG).expect("written");
        std::fs::write(folder.join("empty"), "[req]\ndistinguished_name = dn\n[dn]\n").expect("written");
        let key = "ec -pkeyopt ec_paramgen_curve:P-256";
        for step in [
            format!("req -x509 -config empty -newkey {key} -nodes -keyout root.key -out root.pem -days 30 -subj /CN=root"),
            format!("req -config empty -newkey {key} -nodes -keyout tsa.key -out tsa.csr -subj /CN=tsa"),
            "x509 -req -in tsa.csr -CA root.pem -CAkey root.key -CAcreateserial -days 30 -out tsa.pem -extfile conf -extensions stamping".into(),
        ] {
            openssl(&folder, &step);
        }
        Self { folder }
    }

    pub fn root(&self) -> String {
        self.folder.join("root.pem").display().to_string()
    }

    /// Answers requests on this listener until the test's process ends.
    pub fn serve(self: std::sync::Arc<Self>, listener: TcpListener) {
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                self.answer(stream);
            }
        });
    }

    fn answer(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
        let (mut length, mut line) = (0, String::new());
        while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().expect("a length");
            }
            line.clear();
        }
        let mut query = vec![0; length];
        reader.read_exact(&mut query).expect("a request");
        std::fs::write(self.folder.join("q"), query).expect("written");
        openssl(&self.folder, "ts -reply -config conf -section tsa -queryfile q -out r");
        let answer = std::fs::read(self.folder.join("r")).expect("an answer");
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/timestamp-reply\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            answer.len()
        );
        // A client that has gone misses nothing.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&answer));
    }
}
