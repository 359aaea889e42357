//! The value of an attribute, from how a page writes it: character references, line ends and NULs.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{BufferQueue, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
use memchr::memchr3;

/// The references that a browser writes when it serialises a page. All others are left to `html5ever`, which knows 2231 of them.
const SERIALISED: [(&str, char); 5] =
    [("&amp;", '&'), ("&quot;", '"'), ("&lt;", '<'), ("&gt;", '>'), ("&nbsp;", '\u{a0}')];

/// Adds a value to a text. `written` is as in the page, with its quotes if it has any.
pub(super) fn push_value(text: &mut String, written: &str) {
    let quoted = written.starts_with(['"', '\'']);
    let inside = if quoted { &written[1..written.len() - 1] } else { written };
    if memchr3(b'&', b'\r', 0, inside.as_bytes()).is_none() {
        text.push_str(inside);
        return;
    }
    let before = text.len();
    if !push_resolved(text, inside) {
        text.truncate(before);
        push_by_html5ever(text, written);
    }
}

/// `false` when there is a reference in it that a browser would not have written.
fn push_resolved(text: &mut String, mut rest: &str) -> bool {
    while let Some(at) = memchr3(b'&', b'\r', 0, rest.as_bytes()) {
        text.push_str(&rest[..at]);
        let special = &rest[at..];
        rest = match special.as_bytes() {
            [b'\r', b'\n', ..] => &special[1..],
            [b'\r', ..] => {
                text.push('\n');
                &special[1..]
            }
            [0, ..] => {
                text.push('\u{fffd}');
                &special[1..]
            }
            _ => {
                let Some((name, letter)) = SERIALISED.iter().find(|(name, _)| special.starts_with(name)) else {
                    return false;
                };
                text.push(*letter);
                &special[name.len()..]
            }
        };
    }
    text.push_str(rest);
    true
}

fn push_by_html5ever(text: &mut String, written: &str) {
    let tokenizer = Tokenizer::new(Value::default(), TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(format!("<a b={written}>")));
    // The sink asks for no script to be run, so the tokenizer never stops half-way.
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    text.push_str(&tokenizer.sink.0.borrow());
}

/// Takes the value of the only attribute.
#[derive(Default)]
struct Value(RefCell<StrTendril>);

impl TokenSink for Value {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        if let Token::TagToken(tag) = token
            && let Some(attribute) = tag.attrs.into_iter().next()
        {
            *self.0.borrow_mut() = attribute.value;
        }
        TokenSinkResult::Continue
    }
}
