//! The tags of a page as `html5ever` finds them: what `tokens` is held to, tag by tag and attribute by attribute.

use std::cell::RefCell;
use std::collections::HashSet;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag as TheirTag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

use super::scan::Tree;
use super::tokens::{Tag, Tags, TextMode};

/// What a page is read as: its tags, and the canonical form that they make.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reading {
    tags: Vec<Tag>,
    canonical: String,
}

/// By the tokenizer of this module.
pub(super) fn ours(html: &str) -> Reading {
    let (mut tree, mut all) = (Tree::default(), Vec::new());
    let (mut tags, mut tag) = (Tags::of(html), Tag::default());
    while tags.read(&mut tag, tree.in_foreign_content()) {
        tags.mode = tree.add(&tag);
        all.push(without_repeats(&tag));
    }
    Reading { tags: all, canonical: tree.finish().text }
}

/// By `html5ever`.
pub(super) fn theirs(html: &str) -> Reading {
    let sink = Sink { tree: RefCell::default(), tags: RefCell::default() };
    let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(html));
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    let sink = tokenizer.sink;
    Reading { tags: sink.tags.into_inner(), canonical: sink.tree.into_inner().finish().text }
}

/// `html5ever` has already taken the second of two equal attributes out; here that is left to `attributes`.
fn without_repeats(tag: &Tag) -> Tag {
    let mut seen = HashSet::new();
    let mut once = Tag::default();
    once.begin(tag.is_end, tag.name());
    once.self_closing = tag.self_closing;
    for (key, value) in tag.attributes() {
        if seen.insert(key) {
            once.add(key, |text| text.push_str(value));
        }
    }
    once
}

struct Sink {
    tree: RefCell<Tree>,
    tags: RefCell<Vec<Tag>>,
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let Token::TagToken(tag) = token else { return TokenSinkResult::Continue };
        let tag = as_ours(&tag);
        let mode = self.tree.borrow_mut().add(&tag);
        self.tags.borrow_mut().push(tag);
        match mode {
            TextMode::Markup => TokenSinkResult::Continue,
            TextMode::Until("title" | "textarea") => TokenSinkResult::RawData(RawKind::Rcdata),
            TextMode::Until(_) => TokenSinkResult::RawData(RawKind::Rawtext),
            TextMode::Script => TokenSinkResult::RawData(RawKind::ScriptData),
            TextMode::Plain => TokenSinkResult::Plaintext,
        }
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        self.tree.borrow().in_foreign_content()
    }
}

fn as_ours(theirs: &TheirTag) -> Tag {
    let mut tag = Tag::default();
    tag.begin(theirs.kind == TagKind::EndTag, &theirs.name);
    tag.self_closing = theirs.self_closing;
    if !tag.is_end {
        for attribute in &theirs.attrs {
            tag.add(&attribute.name.local, |text| text.push_str(&attribute.value));
        }
    }
    tag
}
