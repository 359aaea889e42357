//! Whether a text is an XPath 1.0 expression that finds elements: its whole grammar, axes, functions and how many arguments they take.
//!
//! The grammar is that of "XML Path Language (XPath) Version 1.0" (W3C, 1999), which browsers evaluate. Never evaluates
//! one. No crate that is kept parses XPath 1.0 by itself: those that are there carry an engine for XML documents with
//! them.

use crate::suggest::nearest;

/// The greatest nesting of brackets and predicates.
const DEPTH_MAX: usize = 16;

const AXES: [&str; 13] = [
    "ancestor",
    "ancestor-or-self",
    "attribute",
    "child",
    "descendant",
    "descendant-or-self",
    "following",
    "following-sibling",
    "namespace",
    "parent",
    "preceding",
    "preceding-sibling",
    "self",
];

/// Functions of the core library with the fewest and the most arguments.
const FUNCTIONS: [(&str, usize, usize); 27] = [
    ("boolean", 1, 1),
    ("ceiling", 1, 1),
    ("concat", 2, usize::MAX),
    ("contains", 2, 2),
    ("count", 1, 1),
    ("false", 0, 0),
    ("floor", 1, 1),
    ("id", 1, 1),
    ("lang", 1, 1),
    ("last", 0, 0),
    ("local-name", 0, 1),
    ("name", 0, 1),
    ("namespace-uri", 0, 1),
    ("normalize-space", 0, 1),
    ("not", 1, 1),
    ("number", 0, 1),
    ("position", 0, 0),
    ("round", 1, 1),
    ("starts-with", 2, 2),
    ("string", 0, 1),
    ("string-length", 0, 1),
    ("substring", 2, 3),
    ("substring-after", 2, 2),
    ("substring-before", 2, 2),
    ("sum", 1, 1),
    ("translate", 3, 3),
    ("true", 0, 0),
];

/// Operators between expressions, loosest first.
const LEVELS: [&[&str]; 6] =
    [&["or"], &["and"], &["=", "!="], &["<=", "<", ">=", ">"], &["+", "-"], &["*", "div", "mod"]];

/// Why a text is no XPath expression that finds elements, in words that complete "`xpath` cannot be read: …".
pub(crate) fn fault(text: &str) -> Option<String> {
    if !text.starts_with(['/', '.', '(']) {
        return Some("it does not begin with `/`, `.` or `(`".to_owned());
    }
    let tokens = match tokens(text) {
        Ok(tokens) => tokens,
        Err(why) => return Some(why),
    };
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0 };
    let finds = match parser.union() {
        Ok(finds) => finds,
        Err(why) => return Some(why),
    };
    match parser.peek() {
        Some(Token::Symbol(")" | "]")) => Some("a bracket closes that was not opened".to_owned()),
        Some(Token::Symbol(symbol) | Token::Name(symbol)) if LEVELS.iter().any(|level| level.contains(&symbol)) => {
            Some("it is a comparison or a sum, and finds no element".to_owned())
        }
        Some(token) => Some(format!("{} stands where the expression should end", token.shown())),
        None if !finds => Some("it is a value, and finds no element".to_owned()),
        None => None,
    }
}

/// `//tag[@name='value']` as the CSS selector that finds the same; `None` of any other form.
pub(crate) fn as_css(text: &str) -> Option<String> {
    let tokens = tokens(text).ok()?;
    let [
        Token::Symbol("//"),
        tag,
        Token::Symbol("["),
        Token::Symbol("@"),
        Token::Name(name),
        Token::Symbol("="),
        Token::Literal(value),
        Token::Symbol("]"),
    ] = tokens.as_slice()
    else {
        return None;
    };
    let tag = match tag {
        Token::Symbol("*") => "",
        Token::Name(tag) => tag,
        Token::Symbol(_) | Token::Literal(_) | Token::Number => return None,
    };
    (!value.contains('"')).then(|| format!("{tag}[{name}=\"{value}\"]"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'t> {
    Symbol(&'t str),
    /// With a prefix, where there is one.
    Name(&'t str),
    Literal(&'t str),
    Number,
}

impl Token<'_> {
    fn shown(self) -> String {
        match self {
            Self::Symbol(text) | Self::Name(text) => format!("`{text}`"),
            Self::Literal(text) => format!("the text '{text}'"),
            Self::Number => "a number".to_owned(),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token<'_>>, String> {
    const SYMBOLS: [&str; 21] =
        ["//", "::", "..", "!=", "<=", ">=", "/", "(", ")", "[", "]", "@", ",", "|", "+", "-", "=", "<", ">", "*", "."];
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        let taken = if first.is_whitespace() {
            first.len_utf8()
        } else if matches!(first, '\'' | '"') {
            let inner = rest.get(1..).unwrap_or_default();
            let end = inner.find(first).ok_or("a quote is never closed")?;
            found.push(Token::Literal(inner.get(..end).unwrap_or_default()));
            end + 2
        } else if first.is_ascii_digit()
            || (first == '.' && rest.get(1..).is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit())))
        {
            found.push(Token::Number);
            rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len())
        } else if first.is_alphabetic() || first == '_' {
            let end = rest.find(|c| !name(c)).unwrap_or(rest.len());
            let after = rest.get(end..).unwrap_or_default();
            if after.starts_with(':') && !after.starts_with("::") {
                let prefix = rest.get(..end).unwrap_or_default();
                return Err(format!("the prefix `{prefix}:` is bound to nothing; write `*[local-name()='…']`"));
            }
            found.push(Token::Name(rest.get(..end).unwrap_or_default()));
            end
        } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            found.push(Token::Symbol(symbol));
            symbol.len()
        } else {
            return Err(format!("`{first}` is a character that XPath does not know here"));
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    Ok(found)
}

struct Parser<'p> {
    tokens: &'p [Token<'p>],
    at: usize,
    depth: usize,
}

/// Whether what was read finds nodes (or else is a value).
type Read = Result<bool, String>;

impl<'p> Parser<'p> {
    fn peek(&self) -> Option<Token<'p>> {
        self.tokens.get(self.at).copied()
    }

    fn after(&self) -> Option<Token<'p>> {
        self.tokens.get(self.at + 1).copied()
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let there = self.peek() == Some(Token::Symbol(symbol));
        self.at += usize::from(there);
        there
    }

    fn close(&mut self, symbol: &str) -> Result<(), String> {
        match self.peek() {
            _ if self.eat(symbol) => Ok(()),
            None => Err("a bracket is never closed".to_owned()),
            Some(Token::Symbol(")" | "]")) => Err("a bracket closes that was not opened".to_owned()),
            Some(token) => Err(format!("{} stands where `{symbol}` is expected", token.shown())),
        }
    }

    /// Within a bracket.
    fn inside(&mut self) -> Read {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("its brackets nest deeper than {DEPTH_MAX}"));
        }
        let read = self.level(0);
        self.depth -= 1;
        read
    }

    fn level(&mut self, level: usize) -> Read {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut finds = self.level(level + 1)?;
        while let Some(Token::Symbol(word) | Token::Name(word)) = self.peek() {
            if !operators.contains(&word) {
                break;
            }
            self.at += 1;
            self.level(level + 1)?;
            finds = false;
        }
        Ok(finds)
    }

    fn unary(&mut self) -> Read {
        let mut finds = true;
        while self.eat("-") {
            finds = false;
        }
        Ok(self.union()? && finds)
    }

    fn union(&mut self) -> Read {
        let finds = self.path()?;
        while self.eat("|") {
            if !(self.path()? && finds) {
                return Err("`|` joins what finds elements only".to_owned());
            }
        }
        Ok(finds)
    }

    fn path(&mut self) -> Read {
        if self.eat("//") {
            return self.steps();
        }
        if self.eat("/") {
            return if self.at_step() { self.steps() } else { Err("a step is empty".to_owned()) };
        }
        let filtered = match self.peek() {
            Some(Token::Symbol("(")) => {
                self.at += 1;
                let finds = self.inside()?;
                self.close(")")?;
                Some(finds)
            }
            Some(Token::Literal(_) | Token::Number) => {
                self.at += 1;
                Some(false)
            }
            Some(Token::Name(name)) if self.after() == Some(Token::Symbol("(")) && !is_node_type(name) => {
                Some(self.function(name)?)
            }
            _ => None,
        };
        let Some(finds) = filtered else {
            return self.steps();
        };
        let predicates = self.predicates()?;
        let goes_on = self.eat("//") || self.eat("/");
        if (predicates || goes_on) && !finds {
            return Err("a value has no elements within it".to_owned());
        }
        if goes_on { self.steps() } else { Ok(finds) }
    }

    fn at_step(&self) -> bool {
        matches!(self.peek(), Some(Token::Name(_) | Token::Symbol("*" | "@" | "." | "..")))
    }

    fn steps(&mut self) -> Read {
        loop {
            self.step()?;
            if !(self.eat("//") || self.eat("/")) {
                return Ok(true);
            }
        }
    }

    fn step(&mut self) -> Result<(), String> {
        if self.eat(".") || self.eat("..") {
            return Ok(());
        }
        if let (Some(Token::Name(axis)), Some(Token::Symbol("::"))) = (self.peek(), self.after()) {
            if !AXES.contains(&axis) {
                return Err(unknown("axis", axis, AXES));
            }
            self.at += 2;
        } else {
            self.eat("@");
        }
        match self.peek() {
            Some(Token::Symbol("*")) => self.at += 1,
            Some(Token::Name(name)) if self.after() == Some(Token::Symbol("(")) => {
                if !is_node_type(name) {
                    return Err(format!("a step is an element's name, `*`, `text()` or `node()`; `{name}()` is none"));
                }
                self.at += 2;
                if name == "processing-instruction" && matches!(self.peek(), Some(Token::Literal(_))) {
                    self.at += 1;
                }
                self.close(")")?;
            }
            Some(Token::Name(_)) => self.at += 1,
            Some(Token::Symbol(")")) if self.depth == 0 => {
                return Err("a bracket closes that was not opened".to_owned());
            }
            _ => return Err("a step is empty".to_owned()),
        }
        self.predicates().map(drop)
    }

    /// Whether there were some.
    fn predicates(&mut self) -> Read {
        let mut some = false;
        while self.eat("[") {
            self.inside()?;
            self.close("]")?;
            some = true;
        }
        Ok(some)
    }

    fn function(&mut self, name: &str) -> Read {
        let Some((_, fewest, most)) = FUNCTIONS.iter().find(|(known, ..)| *known == name) else {
            return Err(unknown("function", name, FUNCTIONS.map(|(known, ..)| known)));
        };
        self.at += 2;
        let mut given = 0;
        while self.peek() != Some(Token::Symbol(")")) {
            self.inside()?;
            given += 1;
            if !self.eat(",") {
                break;
            }
        }
        self.close(")")?;
        if given < *fewest || given > *most {
            return Err(format!("`{name}()` does not take {given} arguments"));
        }
        Ok(name == "id")
    }
}

fn unknown<'c>(what: &str, name: &str, known: impl IntoIterator<Item = &'c str>) -> String {
    let near = nearest(name, known).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    format!("there is no {what} `{name}`{near}")
}

fn is_node_type(name: &str) -> bool {
    matches!(name, "text" | "node" | "comment" | "processing-instruction")
}

#[cfg(test)]
mod tests {
    use super::{as_css, fault};

    #[test]
    fn every_form_of_the_grammar_is_read() {
        for good in [
            "//button",
            "//button[@type='submit' and contains(., ']')]",
            "(//form)[2]//a",
            ".//x",
            "//*[. = \"it's\"]",
            "//h1/preceding-sibling::img[1]",
            "(//*[@role='dialog']//form//*[@role='button'])[last()]",
            "//a[not(ancestor::article)][position() > 1 or @x != 'y']",
            "//a | //b[count(.//c) = 2 div 1 - -3 mod 2]",
            "//main//button[@aria-label='React Like' or @aria-label='Unreact Like'][not(ancestor::article)]",
            "//*[local-name()='svg']/../text()/parent::node()",
            "//div[div]/div[mod * 2]",
            "/html/body//p[normalize-space()='a']",
            "//p[concat('a', \"b\", 'c')='abc'][string-length() >= .5]",
            "//input/@value/..",
            "//*[substring(@id, 1, 2)='ab' and starts-with(@href,'/')]",
            "//label[@for=//input/@id]",
            "//node-set[id('x')/y]",
        ] {
            assert_eq!(fault(good), None, "{good}");
        }
    }

    #[test]
    fn what_a_browser_would_refuse_is_refused() {
        for (bad, why) in [
            ("button", "begin with"),
            ("//button[", "a step is empty"),
            ("//a]", "was not opened"),
            ("//a[@b='c]", "quote"),
            ("//a(]", "is none"),
            ("//", "empty"),
            ("/", "empty"),
            ("///a", "empty"),
            ("//a[]", "empty"),
            ("//a{b}", "`{`"),
            ("//main//h1/follwing-sibling::p[1]", "no axis `follwing-sibling`; did you mean `following-sibling`?"),
            ("//a[nosuch(.)]", "no function `nosuch`"),
            ("//a[contains(.)]", "does not take 1"),
            ("//a/contains(., 'b')", "is none"),
            ("//svg:path", "prefix `svg:`"),
            ("//a[$x]", "`$`"),
            ("//a = 'b'", "comparison"),
            ("(1)", "a value"),
            ("(//a", "never closed"),
            ("//a b", "should end"),
            ("//a[1", "never closed"),
            ("//a[@b=]", "empty"),
            ("//a[text()='x' y]", "`]` is expected"),
            ("(count(//a))[1]", "a value has no elements"),
            ("(//a | 2)", "joins"),
        ] {
            let found = fault(bad).unwrap_or_default();
            assert!(found.contains(why), "{bad}: {found:?}");
        }
        let deep = format!("//a{}1{}", "[b".repeat(40), "]".repeat(40));
        assert!(fault(&deep).is_some_and(|why| why.contains("deeper")));
    }

    #[test]
    fn one_attribute_is_read_as_css() {
        assert_eq!(as_css("//*[@data-testid='post']").as_deref(), Some("[data-testid=\"post\"]"));
        assert_eq!(as_css("//button[@type=\"submit\"]").as_deref(), Some("button[type=\"submit\"]"));
        for other in ["//a//b[@c='d']", "//b[@c]", "//b[@c='d'][1]", "(//b[@c='d'])", "//b[@c='\"']"] {
            assert_eq!(as_css(other), None, "{other}");
        }
    }
}
