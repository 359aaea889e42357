//! Files that only their owner may read, made once.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Makes the file with mode 0600 and these bytes, durably, unless there is one. An existing file is not opened: closing a database
/// file that this process has open elsewhere would drop the locks of that other one (POSIX).
///
/// It is written beside its place and linked into it, so that nobody ever sees half of it and two who start at once end up with one.
///
/// # Errors
/// The system's.
pub(crate) fn create_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    static DRAFTS: AtomicU64 = AtomicU64::new(0);
    let mut draft: OsString = path.as_os_str().to_owned();
    draft.push(format!(".{}-{}.new", std::process::id(), DRAFTS.fetch_add(1, Ordering::Relaxed)));
    let draft = Path::new(&draft);
    let linked = write(draft, bytes).and_then(|()| std::fs::hard_link(draft, path));
    // The draft may not be there at all; what counts is `linked`.
    let _ = std::fs::remove_file(draft);
    match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(()) => File::open(path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))?.sync_all(),
    }
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    // Once more, whatever the process's umask is.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(bytes)?;
    file.sync_all()
}
