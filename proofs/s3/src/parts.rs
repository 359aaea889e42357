//! The bytes of one object, in pieces of bounded size, and the sums by which a store's word for them is judged.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_proofs::scrub::end_of_task;
use deed_proofs::{Sha256, StoreError};
use md5::{Digest as _, Md5};
use sha2::Digest as _;

/// The size of a part, and the largest object that is sent in one. Beyond 5 MiB each is taken for a part by every server.
pub(crate) const PART_BYTES: usize = 8 * 1024 * 1024;

/// What is to be put.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// A few bytes.
    Bytes(Arc<[u8]>),
    /// A file; what has its name later is another one.
    File(Arc<File>, PathBuf),
}

/// The sums of one part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PartSums {
    pub(crate) offset: u64,
    pub(crate) bytes: usize,
    pub(crate) sha256: [u8; 32],
    pub(crate) md5: [u8; 16],
}

/// An object that was read through once.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) sha256: Sha256,
    pub(crate) bytes: u64,
    pub(crate) parts: Vec<PartSums>,
}

impl Measured {
    /// The checksum as S3 writes it: of the whole, or of the parts' checksums with their number.
    pub(crate) fn checksum(&self) -> String {
        if self.parts.len() < 2 {
            return STANDARD.encode(self.sha256.as_bytes());
        }
        let all: Vec<u8> = self.parts.iter().flat_map(|part| part.sha256).collect();
        format!("{}-{}", STANDARD.encode(Sha256::of(&all).as_bytes()), self.parts.len())
    }

    /// The entity tag as S3 makes it where nothing is encrypted with keys of somebody's own.
    pub(crate) fn etag(&self) -> String {
        match self.parts.as_slice() {
            [one] => hex::encode(one.md5),
            parts => {
                let all: Vec<u8> = parts.iter().flat_map(|part| part.md5).collect();
                format!("{}-{}", hex::encode(Md5::digest(&all)), parts.len())
            }
        }
    }
}

impl Source {
    /// Opens a file.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn open(path: PathBuf) -> Result<Self, StoreError> {
        match File::open(&path) {
            Ok(file) => Ok(Self::File(Arc::new(file), path)),
            Err(error) => Err(local(path, error)),
        }
    }

    /// Reads it through, a part at a time.
    pub(crate) async fn measure(&self) -> Result<Measured, StoreError> {
        let source = self.clone();
        off_the_runtime(move || {
            let (mut parts, mut whole, mut offset) = (Vec::new(), sha2::Sha256::new(), 0_u64);
            loop {
                let bytes = source.read_at(offset, PART_BYTES)?;
                if bytes.is_empty() && !parts.is_empty() {
                    break;
                }
                whole.update(&bytes);
                let (sha256, md5) = (*Sha256::of(&bytes).as_bytes(), Md5::digest(&bytes).into());
                parts.push(PartSums { offset, bytes: bytes.len(), sha256, md5 });
                offset += bytes.len() as u64;
                if bytes.len() < PART_BYTES {
                    break;
                }
            }
            let digest: [u8; 32] = whole.finalize().into();
            Ok(Measured { sha256: Sha256::from(digest), bytes: offset, parts })
        })
        .await
    }

    /// The bytes of a part, which are still what was measured.
    pub(crate) async fn part(&self, part: PartSums) -> Result<ByteStream, StoreError> {
        let source = self.clone();
        let bytes = off_the_runtime(move || {
            let bytes = source.read_at(part.offset, part.bytes)?;
            if Sha256::of(&bytes).as_bytes() == &part.sha256 {
                return Ok(bytes);
            }
            Err(source.changed())
        })
        .await?;
        Ok(ByteStream::from(bytes))
    }

    fn read_at(&self, offset: u64, most: usize) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::Bytes(bytes) => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                Ok(bytes.get(from..(from + most.min(bytes.len() - from))).unwrap_or_default().to_vec())
            }
            Self::File(file, path) => {
                let at = At { file, offset };
                let mut bytes = Vec::new();
                at.take(most as u64).read_to_end(&mut bytes).map_err(|error| local(path.clone(), error))?;
                Ok(bytes)
            }
        }
    }

    fn changed(&self) -> StoreError {
        let path = match self {
            Self::Bytes(_) => PathBuf::new(),
            Self::File(_, path) => path.clone(),
        };
        local(path, io::Error::other("it changed while it was read"))
    }
}

/// Reading from a place of its own: several parts of a file are read by one handle.
struct At<'f> {
    file: &'f File,
    offset: u64,
}

impl io::Read for At<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

fn local(path: PathBuf, error: io::Error) -> StoreError {
    StoreError::Io { path, source: Arc::new(error) }
}

/// Reading and hashing block; they do so elsewhere.
async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(local(PathBuf::new(), io::Error::other(end_of_task(error.is_panic())))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sums_are_those_that_s3_tells() -> Result<(), StoreError> {
        let small = Source::Bytes(Arc::from(&b"one"[..])).measure().await?;
        assert_eq!(small.etag(), "f97c5d29941bfb1b2fdab0874906ab82");
        assert_eq!(small.checksum(), "dpLDrTVAu4A8Ags67mbNiIcSMjTqDG5xQ8Ct1z/0Me0=");
        let empty = Source::Bytes(Arc::from(&b""[..])).measure().await?;
        assert_eq!((empty.parts.len(), empty.etag().as_str()), (1, "d41d8cd98f00b204e9800998ecf8427e"));
        let large = Source::Bytes(vec![7_u8; PART_BYTES + 1].into()).measure().await?;
        assert_eq!((large.parts.len(), large.bytes), (2, PART_BYTES as u64 + 1));
        assert!(large.etag().ends_with("-2") && large.checksum().ends_with("-2"));
        let exact = Source::Bytes(vec![7_u8; PART_BYTES].into()).measure().await?;
        assert_eq!(exact.parts.len(), 1);
        Ok(())
    }
}
