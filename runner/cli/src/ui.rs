//! What a person and a script see: data to stdout, words to stderr, colour only where it is wanted.
//!
//! Everything reads the same without colour: no fact is told by colour alone.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};

use serde_json::Value;

use crate::error::CliError;
use crate::exit::Exit;

/// How a word is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// To be looked at.
    Warn,
    /// Not as it should be.
    Bad,
    /// Less important.
    Faint,
    /// A name or head.
    Strong,
}

/// Whether to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint(pub bool);

impl Paint {
    /// The text in its tone.
    pub fn tone(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Warn => "33",
            Tone::Bad => "31",
            Tone::Faint => "2",
            Tone::Strong => "1",
        };
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The terminal.
#[derive(Debug, Clone, Copy)]
pub struct Ui {
    /// One JSON document on stdout instead of text.
    pub json: bool,
    /// Colour on stdout.
    pub out: Paint,
    /// Colour on stderr.
    pub err: Paint,
    /// Whether stderr is a terminal, so that progress is worth showing.
    pub live: bool,
}

impl Ui {
    /// Looks at the terminal and at `NO_COLOR` (<https://no-color.org>).
    pub fn detect(json: bool) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        let wanted = !set("NO_COLOR") && !dumb;
        let live = io::stderr().is_terminal();
        Self { json, out: Paint(wanted && io::stdout().is_terminal()), err: Paint(wanted && live), live }
    }

    /// Words for a person.
    pub fn say(&self, words: &str) {
        line(&mut io::stderr().lock(), words);
    }

    /// A warning.
    pub fn warn(&self, words: &str) {
        self.say(&format!("{}: {words}", self.err.tone(Tone::Warn, "warning")));
    }

    /// An error in its fixed form; with `--json` also as the one document on stdout.
    pub fn error(&self, error: &CliError) {
        self.say(&render_error(error, self.err));
        if self.json {
            self.document(&error.to_json());
        }
    }

    /// The result of a command.
    pub fn answer(&self, answer: &Answer) {
        if self.json {
            self.document(&answer.data);
        } else if !answer.text.is_empty() {
            line(&mut io::stdout().lock(), answer.text.trim_end_matches('\n'));
        }
    }

    fn document(&self, value: &Value) {
        // Written by serde, so that it is one JSON document whatever stands in it.
        line(&mut io::stdout().lock(), &format!("{value:#}"));
    }
}

/// A reader that has gone away (`deed … | head`) is no reason to stop an action or to end with an error.
fn line(to: &mut impl io::Write, words: &str) {
    let _ = writeln!(to, "{words}");
    let _ = to.flush();
}

/// What a command has to say.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The exit code.
    pub exit: Exit,
    /// For `--json`.
    pub data: Value,
    /// For a person.
    pub text: String,
}

impl Answer {
    /// A command that did what was asked.
    pub fn done(data: Value, text: impl Into<String>) -> Self {
        Self { exit: Exit::Done, data, text: text.into() }
    }
}

/// `error[code]: what happened`, where, what to do.
pub fn render_error(error: &CliError, paint: Paint) -> String {
    let mut text = format!("{}: {error}", paint.tone(Tone::Bad, &format!("error[{}]", error.code())));
    if let Some(place) = error.place() {
        let _ = write!(text, "\n  where: {place}");
    }
    let _ = write!(text, "\n  {}: {}", paint.tone(Tone::Strong, "help"), error.help());
    text
}

/// Rows of `key  value`, the values in one column.
#[derive(Debug, Default)]
pub struct Facts {
    rows: Vec<(&'static str, String)>,
}

impl Facts {
    /// Adds a row.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl ToString) -> Self {
        self.rows.push((key, value.to_string()));
        self
    }

    /// Adds a row when there is a value.
    #[must_use]
    pub fn maybe(self, key: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// The rows, indented.
    pub fn render(&self) -> String {
        let width = self.rows.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
        self.rows.iter().fold(String::new(), |mut text, (key, value)| {
            let _ = writeln!(text, "  {key:<width$}  {value}");
            text
        })
    }
}

/// A table with a head; columns as wide as their widest cell.
pub fn table(head: &[&str], rows: &[Vec<String>], paint: Paint) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|h| h.len())).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..head.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<_> = cells.zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut text = paint.tone(Tone::Faint, &line(&mut head.iter().copied()));
    for row in rows {
        text.push('\n');
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_where_and_what_to_do() {
        let error = CliError::NotInitialised { place: "/data/ledger.sqlite".to_owned() };
        let expected = "error[not-initialised]: there is no ledger here yet\n  where: /data/ledger.sqlite\n  \
                        help: `deed init` makes it; when it should be there already, check --data-dir (DEED_DATA), or DATABASE_URL";
        assert_eq!(render_error(&error, Paint(false)), expected);
        assert!(render_error(&error, Paint(true)).starts_with("\x1b[31merror[not-initialised]\x1b[0m: there is"));
    }

    #[test]
    fn columns_stand_under_each_other() {
        let rows = vec![vec!["a".to_owned(), "live".to_owned()], vec!["north_star".to_owned(), "draft".to_owned()]];
        assert_eq!(
            table(&["ACCOUNT", "MODE"], &rows, Paint(false)),
            "ACCOUNT     MODE\na           live\nnorth_star  draft"
        );
        let facts = Facts::default().with("id", 7).maybe("none", None::<u8>).with("handle", "@x");
        assert_eq!(facts.render(), "  id      7\n  handle  @x\n");
    }
}
