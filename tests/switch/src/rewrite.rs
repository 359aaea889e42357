//! Sources in which each change stands beside what is there, behind `crate::switch`.

use std::collections::HashMap;
use std::ops::Range;

use proc_macro2::{LineColumn, Span};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{
    Arm, BinOp, Block, Expr, ExprBinary, ExprMatch, ExprStruct, ExprUnary, ImplItemFn, ItemConst, ItemFn, ItemStatic,
    Member, TraitItemFn, UnOp,
};

use crate::list::{Genre, Mutant, Place};

#[cfg(test)]
#[path = "rewrite_tests.rs"]
mod tests;

/// A source with its changes.
pub struct Switched {
    /// The new text.
    pub text: String,
    /// Where in it each change stands: what the compiler says of these bytes is said of that change.
    pub places: Vec<(Range<usize>, u32)>,
    /// The changes that have a place in it; all others are of a kind, or stand at a place, where this can not be done.
    pub planted: Vec<u32>,
}

enum Piece {
    Text(String),
    /// What is there, with the changes inside it.
    Source(Range<usize>),
    Begin(u32),
    End,
}

/// A piece of source and what stands there instead.
struct Rewrite {
    range: Range<usize>,
    pieces: Vec<Piece>,
}

/// The source with these changes.
///
/// # Errors
/// It is no Rust.
pub fn switched(source: &str, mutants: &[(u32, &Mutant)]) -> syn::Result<Switched> {
    let file = syn::parse_file(source)?;
    let mut at: HashMap<(Place, Genre), Vec<(u32, &str)>> = HashMap::new();
    for (id, mutant) in mutants {
        at.entry((mutant.span.start, mutant.genre)).or_default().push((*id, mutant.replacement.as_str()));
    }
    let mut finder = Finder { at, rewrites: Vec::new() };
    finder.visit_file(&file);
    let mut rewrites = finder.rewrites;
    // What holds another one comes first; of two of the same extent, the one that was found first: the visitor goes inwards.
    rewrites.sort_by_key(|rewrite| (rewrite.range.start, usize::MAX - rewrite.range.end));
    let mut switched = Switched { text: String::new(), places: Vec::new(), planted: Vec::new() };
    render(source, &rewrites, 0, 0..source.len(), &mut switched);
    switched.planted.sort_unstable();
    switched.planted.dedup();
    Ok(switched)
}

/// Writes `range` of the source, with those of the rewrites from `from` on that lie in it.
fn render(source: &str, rewrites: &[Rewrite], from: usize, range: Range<usize>, out: &mut Switched) {
    let mut at = range.start;
    for (index, rewrite) in rewrites.iter().enumerate().skip(from) {
        // One that lies in another one is written with it.
        if rewrite.range.start < at || rewrite.range.end > range.end {
            continue;
        }
        out.text.push_str(&source[at..rewrite.range.start]);
        at = rewrite.range.end;
        let mut open = Vec::new();
        for piece in &rewrite.pieces {
            match piece {
                Piece::Text(text) => out.text.push_str(text),
                Piece::Source(part) => render(source, rewrites, index + 1, part.clone(), out),
                Piece::Begin(id) => open.push((*id, out.text.len())),
                Piece::End => {
                    if let Some((id, begun)) = open.pop() {
                        out.places.push((begun..out.text.len(), id));
                        out.planted.push(id);
                    }
                }
            }
        }
    }
    out.text.push_str(&source[at..range.end]);
}

struct Finder<'m> {
    at: HashMap<(Place, Genre), Vec<(u32, &'m str)>>,
    rewrites: Vec<Rewrite>,
}

fn text(text: impl Into<String>) -> Piece {
    Piece::Text(text.into())
}

fn bytes(span: Span) -> Range<usize> {
    span.byte_range()
}

/// Whether a `let` of an `if` is part of it: no operator around it can be another one.
fn binds(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) => binds(&binary.left) || binds(&binary.right),
        _ => false,
    }
}

impl<'m> Finder<'m> {
    fn found(&mut self, start: LineColumn, genre: Genre) -> Vec<(u32, &'m str)> {
        let place = Place { line: start.line, column: start.column + 1 };
        self.at.remove(&(place, genre)).unwrap_or_default()
    }

    fn push(&mut self, range: Range<usize>, pieces: Vec<Piece>) {
        self.rewrites.push(Rewrite { range, pieces });
    }

    /// What is there, and the others, one of which is chosen.
    fn push_match(&mut self, whole: Range<usize>, ids: &[u32], others: Vec<Vec<Piece>>) {
        let mut pieces = vec![text(format!("(match crate::switch::which(&{ids:?}) {{ "))];
        for (place, (id, other)) in ids.iter().zip(others).enumerate() {
            pieces.push(Piece::Begin(*id));
            pieces.push(text(format!("{} => {{ ", place + 1)));
            pieces.extend(other);
            pieces.push(text(" } "));
            pieces.push(Piece::End);
        }
        pieces.extend([text("_ => { "), Piece::Source(whole.clone()), text(" } })")]);
        self.push(whole, pieces);
    }

    /// No for yes and yes for no.
    fn opposite(&mut self, whole: Range<usize>, id: u32) {
        let before = text(format!("(crate::switch::on({id}) != ("));
        let pieces = vec![Piece::Begin(id), before, Piece::Source(whole.clone()), text("))"), Piece::End];
        self.push(whole, pieces);
    }

    fn body(&mut self, block: &Block) {
        let Some(first) = block.stmts.first() else { return };
        let answers = self.found(first.span().start(), Genre::FnValue);
        if answers.is_empty() {
            return;
        }
        let mut pieces = Vec::new();
        for (id, answer) in answers {
            pieces.push(Piece::Begin(id));
            pieces.push(text(format!(" if crate::switch::on({id}) {{ return {answer}; }}")));
            pieces.push(Piece::End);
        }
        let open = bytes(block.brace_token.span.open()).end;
        self.push(open..open, pieces);
    }

    fn arm(&mut self, arm: &Arm) {
        let deleted = self.found(arm.span().start(), Genre::MatchArm);
        let deleted = deleted.first().map(|(id, _)| *id);
        let Some((_, guard)) = &arm.guard else {
            if let Some(id) = deleted {
                let end = bytes(arm.pat.span()).end;
                self.push(end..end, vec![Piece::Begin(id), text(format!(" if !crate::switch::on({id})")), Piece::End]);
            }
            return;
        };
        let mut guards = self.found(guard.span().start(), Genre::MatchArmGuard);
        if guards.is_empty() && deleted.is_none() {
            return;
        }
        let whole = bytes(guard.span());
        let mut ids: Vec<u32> = deleted.into_iter().collect();
        let mut before = deleted.map(|id| format!("!crate::switch::on({id}) && ")).unwrap_or_default();
        before.push('(');
        // One that always holds before one that never does: on, or else not off and what it says.
        guards.sort_by_key(|(_, always)| *always != "true");
        for (id, always) in &guards {
            ids.push(*id);
            before.push_str(&match *always {
                "true" => format!("crate::switch::on({id}) || "),
                _ => format!("!crate::switch::on({id}) && "),
            });
        }
        let mut pieces: Vec<_> = ids.iter().map(|id| Piece::Begin(*id)).collect();
        pieces.extend([text(before), text("("), Piece::Source(whole.clone()), text("))")]);
        pieces.extend(ids.iter().map(|_| Piece::End));
        self.push(whole, pieces);
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    // What is worked out when it is compiled asks nobody what is on.
    fn visit_item_const(&mut self, _: &'ast ItemConst) {}
    fn visit_item_static(&mut self, _: &'ast ItemStatic) {}

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if item.sig.constness.is_none() {
            self.body(&item.block);
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if item.sig.constness.is_none() {
            self.body(&item.block);
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let (None, Some(block)) = (&item.sig.constness, &item.default) {
            self.body(block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_expr_match(&mut self, expr: &'ast ExprMatch) {
        for arm in &expr.arms {
            self.arm(arm);
        }
        visit::visit_expr_match(self, expr);
    }

    fn visit_expr_unary(&mut self, expr: &'ast ExprUnary) {
        let found = self.found(expr.op.span().start(), Genre::UnaryOperator);
        if let Some((id, _)) = found.first() {
            let whole = bytes(expr.span());
            match expr.op {
                UnOp::Not(_) => self.opposite(whole, *id),
                _ => self.push_match(whole, &[*id], vec![vec![Piece::Source(bytes(expr.expr.span()))]]),
            }
        }
        visit::visit_expr_unary(self, expr);
    }

    fn visit_expr_binary(&mut self, expr: &'ast ExprBinary) {
        let found = self.found(expr.op.span().start(), Genre::BinaryOperator);
        if !found.is_empty() {
            let (whole, left, right) = (bytes(expr.span()), bytes(expr.left.span()), bytes(expr.right.span()));
            let ids: Vec<u32> = found.iter().map(|(id, _)| *id).collect();
            let operator = found.first().map_or(0, |(id, _)| *id);
            let around = |before: String, middle: &str, after: &str| {
                let mut pieces: Vec<_> = ids.iter().map(|id| Piece::Begin(*id)).collect();
                let parts = [Piece::Source(left.clone()), text(middle), Piece::Source(right.clone()), text(after)];
                pieces.push(text(before));
                pieces.extend(parts);
                pieces.extend(ids.iter().map(|_| Piece::End));
                pieces
            };
            match expr.op {
                BinOp::And(_) | BinOp::Or(_) if binds(&expr.left) || binds(&expr.right) => {}
                BinOp::And(_) | BinOp::Or(_) => {
                    // The second is asked only where it would be.
                    let asked = if matches!(expr.op, BinOp::And(_)) { "!=" } else { "==" };
                    let middle = format!("; if first {asked} crate::switch::on({operator}) {{ ");
                    let pieces = around("({ let first: bool = ".to_owned(), &middle, " } else { first } })");
                    self.push(whole, pieces);
                }
                BinOp::Eq(_) | BinOp::Ne(_) => {
                    self.opposite(whole, operator);
                }
                BinOp::Lt(_) | BinOp::Le(_) | BinOp::Gt(_) | BinOp::Ge(_) => {
                    let plain = match expr.op {
                        BinOp::Lt(_) => "<",
                        BinOp::Le(_) => "<=",
                        BinOp::Gt(_) => ">",
                        _ => ">=",
                    };
                    let after = format!("), \"{plain}\", &{found:?})");
                    self.push(whole, around("crate::switch::compare(&(".to_owned(), "), &(", &after));
                }
                _ => {
                    let others = found.iter().map(|(_, other)| {
                        vec![Piece::Source(left.clone()), text(format!(" {other} ")), Piece::Source(right.clone())]
                    });
                    self.push_match(whole, &ids, others.collect());
                }
            }
        }
        visit::visit_expr_binary(self, expr);
    }

    fn visit_expr_struct(&mut self, expr: &'ast ExprStruct) {
        if let Some(rest) = &expr.rest {
            for field in &expr.fields {
                let found = self.found(field.span().start(), Genre::StructField);
                let (Some((id, _)), Member::Named(name)) = (found.first(), &field.member) else { continue };
                let value = bytes(field.expr.span());
                let mut pieces = vec![Piece::Begin(*id)];
                if field.colon_token.is_none() {
                    pieces.push(text(format!("{name}: ")));
                }
                pieces.push(text(format!("(if crate::switch::on({id}) {{ (")));
                pieces.push(Piece::Source(bytes(rest.span())));
                pieces.push(text(format!(").{name} }} else {{ ")));
                pieces.extend([Piece::Source(value.clone()), text(" })"), Piece::End]);
                self.push(value, pieces);
            }
        }
        visit::visit_expr_struct(self, expr);
    }
}
