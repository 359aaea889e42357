//! The tags of a page, in order, each with the attributes that count; everything else is passed over.
//!
//! It finds tags exactly where the tokenizer of the HTML standard does (<https://html.spec.whatwg.org/#tokenization>), but never
//! builds a text, a comment or an attribute that nobody asks for: it looks for the byte that ends what it passes over. `html5ever`'s
//! tokenizer, which does build them, took 55 of 75 ms for a page of 2 MB. It still resolves the rare character references, and
//! the tests (`reference`) hold this one to it. Time is linear: no byte is looked for twice.

use std::ops::Range;

use memchr::{memchr, memchr2};

use super::attributes::{Kept, kept};
use super::values::push_value;

/// One tag: its name and the attributes that are kept, in lower case.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) is_end: bool,
    pub(super) self_closing: bool,
    /// `name`, then `NUL key` or `NUL key=value` for each attribute: neither name nor key nor value has a NUL, so that two tags
    /// with the same text are alike in everything that counts.
    text: String,
    name_end: usize,
    attributes: Vec<(Range<usize>, Range<usize>)>,
}

impl Tag {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn name(&self) -> &str {
        &self.text[..self.name_end]
    }

    /// The attributes that are kept, in the page's order; one that is written twice is there twice, and the first one counts.
    pub(super) fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes.iter().map(|(key, value)| (&self.text[key.clone()], &self.text[value.clone()]))
    }

    pub(super) fn begin(&mut self, is_end: bool, name: &str) {
        self.is_end = is_end;
        self.self_closing = false;
        self.attributes.clear();
        self.text.clear();
        push_name(&mut self.text, name);
        self.name_end = self.text.len();
    }

    /// Adds an attribute, if it counts; `push` writes its value.
    pub(super) fn add(&mut self, key: &str, push: impl FnOnce(&mut String)) {
        let Some(kept) = kept(key) else { return };
        self.text.push('\0');
        let start = self.text.len();
        self.text.push_str(key);
        let key = start..self.text.len();
        let mut value = key.end..key.end;
        if !matches!(kept, Kept::Presence) {
            self.text.push('=');
            value.start = self.text.len();
            push(&mut self.text);
            value.end = self.text.len();
        }
        self.attributes.push((key, value));
    }
}

/// How what follows a start tag is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextMode {
    /// As tags and text.
    Markup,
    /// As text, up to the end tag of this name.
    Until(&'static str),
    /// As a script: up to its end tag, but not one that is commented out together with its start tag.
    Script,
    /// As text, up to the end of the page.
    Plain,
}

/// The tags of a page that are still to come.
pub(super) struct Tags<'a> {
    html: &'a str,
    at: usize,
    pub(super) mode: TextMode,
}

impl<'a> Tags<'a> {
    pub(super) fn of(html: &'a str) -> Self {
        Self { html, at: 0, mode: TextMode::Markup }
    }

    /// Reads the next tag; `false` at the end of the page. A tag that the page's end cuts off is none.
    pub(super) fn read(&mut self, tag: &mut Tag, in_foreign_content: bool) -> bool {
        match self.mode {
            TextMode::Markup => self.next_tag(tag, in_foreign_content),
            TextMode::Plain => None,
            TextMode::Until(name) => self.end_of_text(name).and_then(|()| self.end_tag(tag, name)),
            TextMode::Script => self.end_of_script().and_then(|()| self.end_tag(tag, "script")),
        }
        .is_some()
    }

    fn end_tag(&mut self, tag: &mut Tag, name: &str) -> Option<()> {
        self.mode = TextMode::Markup;
        tag.begin(true, name);
        self.rest_of_tag(tag)
    }

    fn next_tag(&mut self, tag: &mut Tag, in_foreign_content: bool) -> Option<()> {
        loop {
            self.skip_to(|rest| memchr(b'<', rest))?;
            let is_end = match self.byte(1)? {
                b'/' => true,
                b'!' => {
                    self.at += 2;
                    self.skip_declaration(in_foreign_content)?;
                    continue;
                }
                b'?' => {
                    self.skip_past(b'>')?;
                    continue;
                }
                first if first.is_ascii_alphabetic() => false,
                _ => {
                    self.at += 1;
                    continue;
                }
            };
            if is_end && !self.byte(2)?.is_ascii_alphabetic() {
                // `</>` is nothing and `</3>` a comment: both end here.
                self.skip_past(b'>')?;
                continue;
            }
            self.at += 1 + usize::from(is_end);
            let name = self.take_until(0, |byte| is_space(byte) || matches!(byte, b'/' | b'>'))?;
            tag.begin(is_end, name);
            return self.rest_of_tag(tag);
        }
    }

    /// From behind `<!`: a comment, a document type, character data, or what is none of them and counts as a comment.
    fn skip_declaration(&mut self, in_foreign_content: bool) -> Option<()> {
        let rest = self.rest();
        if rest.starts_with(b"--") {
            self.at += 2;
            let rest = self.rest();
            if rest.starts_with(b">") || rest.starts_with(b"->") {
                return self.skip_past(b'>');
            }
            return self.skip_past_any(&["--", "--!"]);
        }
        if in_foreign_content && rest.starts_with(b"[CDATA[") {
            self.at += "[CDATA[".len();
            return self.skip_past_any(&["]]"]);
        }
        self.skip_past(b'>')
    }

    /// Attributes and the end of a tag, from behind its name.
    fn rest_of_tag(&mut self, tag: &mut Tag) -> Option<()> {
        loop {
            match self.next_byte()? {
                b'>' => {
                    self.at += 1;
                    return Some(());
                }
                b'/' => {
                    self.at += 1;
                    tag.self_closing = self.byte(0)? == b'>';
                }
                _ => self.attribute(tag)?,
            }
        }
    }

    fn attribute(&mut self, tag: &mut Tag) -> Option<()> {
        // The first byte is of the name even when it is `=`.
        let key = self.take_until(1, |byte| is_space(byte) || matches!(byte, b'/' | b'>' | b'='))?;
        let mut value = "\"\"";
        if self.next_byte()? == b'=' {
            self.at += 1;
            value = match self.next_byte()? {
                b'>' => value,
                quote @ (b'"' | b'\'') => {
                    let start = self.at;
                    self.at += 1;
                    self.skip_past(quote)?;
                    &self.html[start..self.at]
                }
                _ => self.take_until(0, |byte| is_space(byte) || byte == b'>')?,
            };
        }
        if !tag.is_end {
            if is_plain(key) {
                tag.add(key, |text| push_value(text, value));
            } else {
                let mut plain = String::new();
                push_name(&mut plain, key);
                tag.add(&plain, |text| push_value(text, value));
            }
        }
        Some(())
    }

    /// Up to behind the name of the end tag.
    fn end_of_text(&mut self, name: &str) -> Option<()> {
        loop {
            self.skip_to(|rest| memchr(b'<', rest))?;
            self.at += 1;
            if self.skip_tag_name(b"/", name) {
                return Some(());
            }
        }
    }

    /// Up to behind the name of the end tag. Inside `<!--` a script may have another script's tags in its text.
    fn end_of_script(&mut self) -> Option<()> {
        loop {
            self.skip_to(|rest| memchr(b'<', rest))?;
            self.at += 1;
            if self.skip_tag_name(b"/", "script") {
                return Some(());
            }
            if self.rest().starts_with(b"!--") {
                self.at += 1;
                if self.end_of_hidden_script()? {
                    return Some(());
                }
            }
        }
    }

    /// From behind `<!` to behind `-->`, or to behind the name of an end tag that counts; whether it is the latter.
    fn end_of_hidden_script(&mut self) -> Option<bool> {
        let (start, mut inner) = (self.at, false);
        loop {
            self.skip_to(|rest| memchr2(b'<', b'>', rest))?;
            let ends_comment = self.html[start..self.at].ends_with("--");
            let byte = self.byte(0)?;
            self.at += 1;
            if byte == b'>' {
                if ends_comment {
                    return Some(false);
                }
            } else if inner {
                inner = !self.skip_tag_name(b"/", "script");
            } else if self.skip_tag_name(b"/", "script") {
                return Some(true);
            } else {
                inner = self.skip_tag_name(b"", "script");
            }
        }
    }

    /// Steps over this name, if it stands here as a whole.
    fn skip_tag_name(&mut self, before: &[u8], name: &str) -> bool {
        let Some(rest) = self.rest().strip_prefix(before) else { return false };
        let Some((found, after)) = rest.split_at_checked(name.len()) else { return false };
        let whole = after.first().is_some_and(|byte| is_space(*byte) || matches!(byte, b'/' | b'>'));
        if !whole || !found.eq_ignore_ascii_case(name.as_bytes()) {
            return false;
        }
        self.at += before.len() + name.len();
        true
    }

    fn rest(&self) -> &'a [u8] {
        &self.html.as_bytes()[self.at..]
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.html.as_bytes().get(self.at + ahead).copied()
    }

    /// The next byte that is no white space.
    fn next_byte(&mut self) -> Option<u8> {
        loop {
            match self.byte(0)? {
                byte if is_space(byte) => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    /// What stands here, `sure` bytes at least, up to a byte at which it ends. One that the page's end cuts off is none.
    fn take_until(&mut self, sure: usize, ends: impl Fn(u8) -> bool) -> Option<&'a str> {
        let start = self.at;
        let length = self.rest().iter().skip(sure).position(|byte| ends(*byte))? + sure;
        self.at += length;
        Some(&self.html[start..self.at])
    }

    fn skip_to(&mut self, find: impl Fn(&[u8]) -> Option<usize>) -> Option<()> {
        self.at += find(self.rest())?;
        Some(())
    }

    fn skip_past(&mut self, byte: u8) -> Option<()> {
        self.skip_to(|rest| memchr(byte, rest))?;
        self.at += 1;
        Some(())
    }

    /// Steps over the next `>` that stands behind one of these, which do not begin before here.
    fn skip_past_any(&mut self, before: &[&str]) -> Option<()> {
        let start = self.at;
        loop {
            self.skip_past(b'>')?;
            let passed = &self.html[start..self.at - 1];
            if before.iter().any(|end| passed.ends_with(end)) {
                return Some(());
            }
        }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r' | b'\x0c')
}

/// Whether a name is written as it counts.
fn is_plain(name: &str) -> bool {
    !name.bytes().any(|byte| byte == 0 || byte.is_ascii_uppercase())
}

fn push_name(text: &mut String, name: &str) {
    if is_plain(name) {
        text.push_str(name);
    } else {
        text.extend(name.chars().map(|letter| if letter == '\0' { '\u{fffd}' } else { letter.to_ascii_lowercase() }));
    }
}
