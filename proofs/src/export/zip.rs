//! The container of an export: a zip file (PKWARE APPNOTE 6.3.10) of which there is exactly one byte form.
//!
//! Owns that form and nothing of what lies in it. Files are stored, not compressed: how a compressor writes the same bytes changes from
//! one release of it to the next, and then nobody could say what the zip's own bytes must be. So a file takes the bytes that it has,
//! no zip can grow while it is read, and every field of every header is either a fact (name, size, CRC-32, place) or has one value:
//! no time, no owner, no extra field, no comment, members in the order of their names, nothing before, between or behind them. Without
//! ZIP64: less than 4 GiB and 65,535 members.

use std::collections::HashSet;
use std::io::{self, Read, Seek, SeekFrom, Write};

use sha2::{Digest as _, Sha256 as Sha256State};

use crate::hash::Sha256;

/// The most bytes of a zip without ZIP64.
pub(super) const ZIP_BYTES_MAX: u64 = u32::MAX as u64;
/// The most members of a zip without ZIP64.
pub(super) const MEMBERS_MAX: usize = u16::MAX as usize;
/// The longest name, in bytes.
const NAME_MAX: usize = 255;

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
const LOCAL_BYTES: usize = 30;
const CENTRAL_BYTES: usize = 46;
const END_BYTES: u64 = 22;
/// Stored files need version 1.0 of the format to be taken out.
const VERSION_NEEDED: u16 = 10;
/// Version 2.0 on Unix: so that the attributes are read as a mode.
const VERSION_MADE_BY: u16 = 3 << 8 | 20;
/// 1980-01-01 00:00:00, the first moment of the format.
const TIME: u16 = 0;
const DATE: u16 = 1 << 5 | 1;
/// A regular file that its owner may write and all may read.
const MODE: u32 = 0o100_644 << 16;
const FILE_TYPE: u32 = 0o170_000 << 16;
const SYMBOLIC_LINK: u32 = 0o120_000 << 16;

/// A member of a zip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) crc: u32,
    pub(super) sha256: Sha256,
    /// Where its bytes begin.
    pub(super) at: u64,
}

/// What some bytes are: size, CRC-32, SHA-256. They are read once, a piece at a time.
pub(super) fn measure(from: &mut dyn Read, into: &mut dyn Write) -> io::Result<(u64, u32, Sha256)> {
    let (mut crc, mut sha256, mut size) = (crc32fast::Hasher::new(), Sha256State::new(), 0);
    let mut piece = vec![0; 64 * 1024];
    loop {
        let read = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => &piece[..read],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        crc.update(read);
        sha256.update(read);
        into.write_all(read)?;
        size += read.len() as u64;
    }
    Ok((size, crc.finalize(), Sha256::from_state(sha256)))
}

impl Member {
    /// What stands before its bytes.
    fn local_header(&self) -> Vec<u8> {
        let mut header = LOCAL.to_vec();
        header.extend(VERSION_NEEDED.to_le_bytes());
        self.push_common(&mut header);
        header.extend(self.name.as_bytes());
        header
    }

    /// Its record in the directory at the end.
    fn central_header(&self) -> Vec<u8> {
        let mut header = CENTRAL.to_vec();
        header.extend(VERSION_MADE_BY.to_le_bytes());
        header.extend(VERSION_NEEDED.to_le_bytes());
        self.push_common(&mut header);
        // No comment, the first disk, no internal attributes.
        header.extend([0; 6]);
        header.extend(MODE.to_le_bytes());
        header.extend(low(self.header_at()).to_le_bytes());
        header.extend(self.name.as_bytes());
        header
    }

    /// The fields that both headers have: flags, method, time, date, CRC, both sizes, lengths of name and extra field.
    fn push_common(&self, header: &mut Vec<u8>) {
        for field in [0, 0, TIME, DATE] {
            header.extend(field.to_le_bytes());
        }
        for field in [self.crc, low(self.size), low(self.size)] {
            header.extend(field.to_le_bytes());
        }
        header.extend((self.name.len() as u16).to_le_bytes());
        header.extend([0; 2]);
    }

    fn header_at(&self) -> u64 {
        self.at.saturating_sub((LOCAL_BYTES + self.name.len()) as u64)
    }
}

/// The format's fields are smaller than a size on a disk; what does not fit was refused before.
fn low(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Everything behind the last member's bytes.
fn directory(members: &[Member], at: u64) -> Vec<u8> {
    let mut tail: Vec<u8> = members.iter().flat_map(Member::central_header).collect();
    let size = tail.len() as u64;
    let count = (members.len() as u16).to_le_bytes();
    tail.extend(END);
    tail.extend([0; 4]);
    tail.extend(count);
    tail.extend(count);
    tail.extend(low(size).to_le_bytes());
    tail.extend(low(at).to_le_bytes());
    tail.extend([0; 2]);
    tail
}

/// A zip that is being written, member by member in the order of their names.
pub(super) struct Writer<W> {
    out: W,
    at: u64,
    members: Vec<Member>,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, at: 0, members: Vec::new() }
    }

    /// Adds a member whose bytes were measured before; they are copied and compared.
    pub(super) fn add(
        &mut self,
        name: &str,
        (size, crc, sha256): (u64, u32, Sha256),
        bytes: &mut dyn Read,
    ) -> io::Result<()> {
        let at = self.at + (LOCAL_BYTES + name.len()) as u64;
        let member = Member { name: name.to_owned(), size, crc, sha256, at };
        // Room for the directory counts too.
        let directory_bytes = self.members.iter().map(|member| CENTRAL_BYTES + member.name.len()).sum::<usize>() as u64;
        let end = at + size + directory_bytes + (CENTRAL_BYTES + name.len()) as u64 + END_BYTES;
        if end > ZIP_BYTES_MAX || self.members.len() >= MEMBERS_MAX || name.len() > NAME_MAX {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "the export would have 4 GiB, or 65,535 files, or more",
            ));
        }
        self.out.write_all(&member.local_header())?;
        if measure(bytes, &mut self.out)? != (size, crc, sha256) {
            return Err(io::Error::other(format!("{name} was changed while it was exported; export it again")));
        }
        self.at = at + size;
        self.members.push(member);
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&directory(&self.members, self.at))?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// What of a zip's own bytes is not as it must be: the member's name, or none where it is the zip itself, and what.
type Flaw = (Option<String>, String);

/// What a zip holds.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) members: Vec<Member>,
    pub(super) flaws: Vec<Flaw>,
    /// Whether it was read to its end; otherwise there may be members that were not found.
    pub(super) whole: bool,
}

/// Reads a zip from its first byte to its last, a piece at a time, and compares every byte that is not of a member with what it must be.
/// Where that cannot go on, what comes behind is not read, and this is said.
pub(super) fn scan<R: Read + Seek>(input: &mut R) -> io::Result<Scan> {
    let length = input.seek(SeekFrom::End(0))?;
    input.seek(SeekFrom::Start(0))?;
    let mut scan = Scan::default();
    if length > ZIP_BYTES_MAX {
        scan.flaws.push((None, format!("has {length} bytes; an export has at most {ZIP_BYTES_MAX}")));
        return Ok(scan);
    }
    let (mut at, mut names) = (0, HashSet::new());
    loop {
        let mut fixed = [0; LOCAL_BYTES];
        let read = read_up_to(input, &mut fixed)?;
        if fixed.starts_with(&CENTRAL) || fixed.starts_with(&END) {
            break;
        }
        let last = scan.members.last().map(|member| member.name.clone());
        if read < LOCAL_BYTES || !fixed.starts_with(&LOCAL) {
            scan.flaws.push(broken_off(last, read, length, at));
            return Ok(scan);
        }
        if scan.members.len() >= MEMBERS_MAX {
            scan.flaws.push((None, format!("holds more than {MEMBERS_MAX} files")));
            return Ok(scan);
        }
        let fields = Fields::of(&fixed);
        let start = at + (LOCAL_BYTES + fields.name + fields.extra) as u64;
        if fields.name == 0 || fields.name > NAME_MAX || start + u64::from(fields.stored) > length {
            let what = format!(
                "is damaged or cut short at the header that begins at byte {at}; what comes behind was not read"
            );
            scan.flaws.push((last, what));
            return Ok(scan);
        }
        let mut name = vec![0; fields.name + fields.extra];
        input.read_exact(&mut name)?;
        name.truncate(fields.name);
        // What is no text becomes a name that no export has.
        let name = String::from_utf8_lossy(&name).into_owned();
        let (size, crc, sha256) = measure(&mut input.by_ref().take(u64::from(fields.stored)), &mut io::sink())?;
        let member = Member { name, size, crc, sha256, at: start };
        fields.compare(&fixed, &member, &mut scan.flaws);
        if !names.insert(member.name.clone()) {
            scan.flaws.push((Some(member.name.clone()), "is in the zip twice".to_owned()));
        } else if let Some(last) = last.filter(|last| *last > member.name) {
            scan.flaws.push((Some(member.name.clone()), format!("stands behind {last}, and belongs before it")));
        }
        scan.members.push(member);
        at = start + size;
    }
    input.seek(SeekFrom::Start(at))?;
    check_directory(input, &scan.members, at, length, &mut scan.flaws)?;
    scan.whole = true;
    Ok(scan)
}

fn broken_off(last: Option<String>, read: usize, length: u64, at: u64) -> Flaw {
    if at == 0 {
        return (None, "is no zip file, or its beginning was changed".to_owned());
    }
    let what = match read {
        0 => return (None, "is cut short: the directory at its end is missing".to_owned()),
        _ => "is followed by bytes that are neither a file nor the directory",
    };
    (last, format!("{what}, at byte {at} of {length}; what comes behind was not read"))
}

/// The fields of a local header that are not compared as they are.
struct Fields {
    method: u16,
    crc: u32,
    stored: u32,
    size: u32,
    name: usize,
    extra: usize,
}

impl Fields {
    fn of(header: &[u8; LOCAL_BYTES]) -> Self {
        let two = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let four = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        Self {
            method: two(8),
            crc: four(14),
            stored: four(18),
            size: four(22),
            name: usize::from(two(26)),
            extra: usize::from(two(28)),
        }
    }

    /// Says what in the header is not as it must be for such a member.
    fn compare(&self, header: &[u8; LOCAL_BYTES], member: &Member, flaws: &mut Vec<Flaw>) {
        if member.local_header().get(..LOCAL_BYTES) == Some(header.as_slice()) {
            return;
        }
        let what = if self.method != 0 || self.stored != self.size {
            "is compressed, or its header was changed: the files of an export are stored as they are".to_owned()
        } else if self.crc != member.crc {
            format!("was changed: its CRC-32 is {:08x}, the zip says {:08x}", member.crc, self.crc)
        } else if self.extra != 0 {
            "has an extra field in its header, which no file of an export has".to_owned()
        } else {
            "has another header than a file of an export (version, flags or time)".to_owned()
        };
        flaws.push((Some(member.name.clone()), what));
    }
}

/// Compares everything behind the members with what must stand there.
fn check_directory<R: Read>(
    input: &mut R,
    members: &[Member],
    at: u64,
    length: u64,
    flaws: &mut Vec<Flaw>,
) -> io::Result<()> {
    let right = directory(members, at);
    let mut actual = Vec::new();
    input.take(right.len() as u64).read_to_end(&mut actual)?;
    if actual == right && length == at + right.len() as u64 {
        return Ok(());
    }
    let mut place = 0;
    for member in members {
        let record = member.central_header();
        let found = actual.get(place..place + record.len()).unwrap_or_default();
        if found != record {
            let mode = found.get(38..42).map_or(0, |mode| u32::from_le_bytes([mode[0], mode[1], mode[2], mode[3]]));
            let what = if mode & FILE_TYPE == SYMBOLIC_LINK {
                "is a symbolic link in the zip's directory"
            } else {
                "has another entry in the zip's directory than a file of an export"
            };
            flaws.push((Some(member.name.clone()), what.to_owned()));
            // Once one entry has another length, the rest cannot be told apart.
            if found.len() < record.len() || found.get(28..34) != record.get(28..34) {
                return Ok(());
            }
        }
        place += record.len();
    }
    if actual.get(place..) != right.get(place..) {
        let comment = actual.get(place + 20..place + 22).is_some_and(|bytes| bytes != [0, 0]);
        let what = if comment { "carries a comment, which no export does" } else { "has another end than an export" };
        flaws.push((None, what.to_owned()));
    } else if length > at + right.len() as u64 {
        flaws.push((None, format!("goes on for {} bytes behind its end", length - at - right.len() as u64)));
    }
    Ok(())
}

fn read_up_to<R: Read>(input: &mut R, into: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < into.len() {
        match input.read(&mut into[read..]) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}
