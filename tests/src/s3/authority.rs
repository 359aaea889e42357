//! A certificate authority of openssl's for one server: `ca.pem`, and `server.pem` with `server.key` for this machine's address.

use std::path::Path;
use std::process::Command;

const CONFIG: &str = "[req]\ndistinguished_name = dn\n[dn]\n[authority]\nbasicConstraints = critical, CA:true\nkeyUsage = critical, keyCertSign\n\
                      [server]\nbasicConstraints = critical, CA:false\nsubjectAltName = IP:127.0.0.1\nextendedKeyUsage = serverAuth\n";

/// Makes it in a folder.
pub fn make(folder: &Path) {
    std::fs::write(folder.join("openssl.conf"), CONFIG).expect("its settings");
    let key = "ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    for step in [
        format!("req -x509 -config openssl.conf -extensions authority -newkey {key} -keyout ca.key -out ca.pem -days 30 -subj /CN=authority"),
        format!("req -config openssl.conf -newkey {key} -keyout server.key -out server.csr -subj /CN=server"),
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out server.pem -extfile openssl.conf -extensions server".into(),
    ] {
        let said = Command::new("openssl").args(step.split_whitespace()).current_dir(folder).output().expect("openssl");
        assert!(said.status.success(), "openssl {step}: {}", String::from_utf8_lossy(&said.stderr));
    }
}
