//! One episode of an export, to be looked at beside another one.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind};
use std::path::Path;

use super::Place;
use super::check::{name_in_export, read_member};
use super::zip::{Member, scan};
use crate::files::Files;
use crate::sums::MANIFEST_FILE;

/// The files of the newest episode of an export; ids of episodes sort by their beginning.
///
/// # Errors
/// What the system says, and what of the zip's own bytes is not as it must be.
pub(crate) fn open_episode(path: &Path) -> io::Result<Box<dyn Files>> {
    let mut input = BufReader::new(File::open(path)?);
    let scan = scan(&mut input)?;
    if let Some((file, what)) = scan.flaws.into_iter().next() {
        let file = file.map_or_else(String::new, |file| format!("{file}: "));
        return Err(io::Error::new(ErrorKind::InvalidData, format!("it is no export: {file}{what}")));
    }
    let episodes = scan.members.iter().filter_map(|member| match Place::of(&member.name) {
        Some(Place::Episode(episode)) if member.name.ends_with(MANIFEST_FILE) => Some(episode.to_owned()),
        _ => None,
    });
    let episode = episodes.max().ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "it holds no episode"))?;
    let members = scan.members.into_iter().map(|member| (member.name.clone(), member)).collect();
    Ok(Box::new(OfExport { members, input: RefCell::new(input), episode }))
}

struct OfExport {
    members: BTreeMap<String, Member>,
    input: RefCell<BufReader<File>>,
    episode: String,
}

impl Files for OfExport {
    fn episode(&self) -> Option<String> {
        Some(self.episode.clone())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let own = format!("episodes/{}/", self.episode);
        Ok(self.members.keys().filter_map(|name| name.strip_prefix(&own)).map(str::to_owned).collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let member = self.members.get(&name_in_export(&self.episode, name)).ok_or(ErrorKind::NotFound)?;
        read_member(&mut *self.input.borrow_mut(), member)
    }
}
