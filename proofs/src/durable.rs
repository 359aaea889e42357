//! Files and folders that are still there after the power went.
//!
//! Owns the order of write, fsync, link and fsync of the folder. What it returns `Ok` for is on the disk; what it leaves
//! behind when it is interrupted is at worst a file whose name begins with [`TEMPORARY_PREFIX`].

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// How the name of a file begins that is not finished.
pub(crate) const TEMPORARY_PREFIX: &str = ".tmp-";

static NEXT_TEMPORARY: AtomicU64 = AtomicU64::new(0);

/// A complete, fsynced file under a temporary name. Dropping it removes it.
pub(crate) struct Temporary {
    path: PathBuf,
}

impl Temporary {
    /// Writes `bytes` to a private file in `folder` and waits until they are on the disk.
    pub(crate) fn write(folder: &Path, bytes: &[u8]) -> io::Result<Self> {
        let (mut file, temporary) = loop {
            let number = NEXT_TEMPORARY.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!("{TEMPORARY_PREFIX}{}-{number}", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) => break (file, Self { path }),
                // Left over by an earlier process of the same number: the next name is free, or the one after it.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        };
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(temporary)
    }

    /// A handle of it.
    pub(crate) fn open(&self) -> io::Result<File> {
        File::open(&self.path)
    }

    /// The end of its name, which no other living process's has.
    pub(crate) fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.trim_start_matches(TEMPORARY_PREFIX).to_owned()
    }

    /// Gives the file its name, unless there is one of that name already. The folder is not yet fsynced.
    pub(crate) fn publish_if_absent(self, name: &Path) -> io::Result<()> {
        match std::fs::hard_link(&self.path, name) {
            Ok(()) => Ok(()),
            // File systems without hard links; then two writers may race, which is harmless for a name that is the hash
            // of its content, and only for such names this function is used.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::Unsupported | ErrorKind::PermissionDenied | ErrorKind::TooManyLinks
                ) =>
            {
                if name.exists() {
                    return Err(ErrorKind::AlreadyExists.into());
                }
                std::fs::rename(&self.path, name)
            }
            Err(error) => Err(error),
        }
    }

    /// Gives the file its name, replacing what has it, in one step. The folder is not yet fsynced.
    pub(crate) fn replace(self, name: &Path) -> io::Result<()> {
        std::fs::rename(&self.path, name)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename it is gone already; a leftover is ignored by every reader.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Waits until the names in `folder` are on the disk.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes a folder and what is missing above it, readable by its owner only, and durable.
pub(crate) fn make_private_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_private_folder(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => {}
        Err(error) => return Err(error),
    }
    sync_folder(folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

/// Takes the rights of group and others from a folder that is ours.
pub(crate) fn make_private(folder: &Path) -> io::Result<()> {
    let permissions = std::fs::metadata(folder)?.permissions();
    if permissions.mode() & 0o077 == 0 {
        return Ok(());
    }
    std::fs::set_permissions(folder, PermissionsExt::from_mode(permissions.mode() & 0o700))
}

/// Removes what an interrupted writer left in a folder that only the caller writes to.
pub(crate) fn remove_temporaries(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY_PREFIX) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
