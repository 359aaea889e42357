//! Errors of a recipe in the look of a compiler. Never decides what is wrong; never reads a file.

use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::diagnostics::Diagnostic;

/// Renders errors one under the other, with a line that counts them. Plain text unless `colour`.
///
/// Tabs and wide characters are measured by the renderer, so that the caret stands under what it means.
pub(crate) fn render(list: &[Diagnostic], colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for diagnostic in list {
        out.push_str(&renderer.render(&[group(diagnostic)]));
        out.push_str("\n\n");
    }
    if let Some(first) = list.first() {
        let noun = if list.len() == 1 { "error" } else { "errors" };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}: {} {noun}", first.file, list.len());
    }
    out
}

fn group(diagnostic: &Diagnostic) -> annotate_snippets::Group<'_> {
    let (from, to) = diagnostic.in_line;
    // The renderer drops an annotation of an empty line; one blank gives the caret a place to stand.
    let source = if diagnostic.source_line.is_empty() { " " } else { diagnostic.source_line.as_str() };
    let snippet = Snippet::source(source)
        .path(diagnostic.file.as_str())
        .line_start(diagnostic.line)
        .annotation(AnnotationKind::Primary.span(from..to));
    let group = Level::ERROR.primary_title(diagnostic.message.as_str()).id(diagnostic.code.as_str()).element(snippet);
    match &diagnostic.help {
        Some(help) => group.element(Level::HELP.message(help.as_str())),
        None => group,
    }
}
