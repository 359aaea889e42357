//! Where the files of one episode lie when they are checked: in its folder, or in an export.
//!
//! Owns reading by name, within bounds. Names are those of `SHA256SUMS`: paths from the episode's folder.

use std::fs;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::hash::Sha256;

/// The most that is read of one file into memory, in bytes. Recordings are bounded far below it.
pub(crate) const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// The most files that an episode's folder may hold.
const FILES_MAX: usize = 4096;

/// The files of one episode.
pub(crate) trait Files {
    /// The name of the episode's folder.
    fn episode(&self) -> Option<String>;

    /// The names of all files in the episode's folder, sorted; objects lie elsewhere and are not among them.
    ///
    /// # Errors
    /// What the system says.
    fn names(&self) -> io::Result<Vec<String>>;

    /// The content of a file.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is none of that name, [`ErrorKind::FileTooLarge`] beyond [`FILE_BYTES_MAX`].
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;

    /// The hash of a file's content, which was just read: where it was computed before, it need not be again.
    fn hash(&self, _name: &str, bytes: &[u8]) -> Sha256 {
        Sha256::of(bytes)
    }
}

/// A folder `…/episodes/<episode_id>` on a disk.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// # Errors
    /// What the system says when there is no such folder.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        Ok(Self(folder.canonicalize()?))
    }
}

impl Files for Folder {
    fn episode(&self) -> Option<String> {
        Some(self.0.file_name()?.to_string_lossy().into_owned())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        names_below(&self.0)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let file = fs::File::open(self.0.join(name))?;
        if file.metadata()?.len() > FILE_BYTES_MAX {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

pub(crate) fn too_large() -> io::Error {
    io::Error::new(ErrorKind::FileTooLarge, format!("it has more than {FILE_BYTES_MAX} bytes, and is not read"))
}

/// The names of all files below a folder, sorted, with `/` between folder and file; links are named and not followed.
pub(crate) fn names_below(root: &Path) -> io::Result<Vec<String>> {
    let (mut open, mut names) = (vec![(root.to_owned(), String::new())], Vec::new());
    while let Some((folder, prefix)) = open.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if names.len() + open.len() > FILES_MAX {
                return Err(io::Error::other(format!("there are more than {FILES_MAX} files")));
            }
            if entry.file_type()?.is_dir() {
                open.push((entry.path(), format!("{name}/")));
            } else {
                names.push(name);
            }
        }
    }
    names.sort_unstable();
    Ok(names)
}
