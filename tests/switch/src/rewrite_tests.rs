//! A program with all its changes in it is built once and does what each of them says, one at a time.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use std::fs;
use std::process::Command;

use super::switched;
use crate::list::{Genre, Mutant, Place, Span};

const SOURCE: &str = r#"struct Pair { left: i64, right: i64 }
impl Default for Pair { fn default() -> Self { Pair { left: 7, right: 7 } } }
fn whole(n: i64) -> i64 {
    n * 10
}
fn both(a: bool, b: bool) -> bool {
    a && b
}
fn named(n: i64) -> &'static str {
    match n {
        1 => "one",
        n if n > 5 => "many",
        _ => "some",
    }
}
const fn fixed() -> i64 {
    1 + 1
}
fn main() {
    let left = 1;
    let pair = Pair { left, ..Pair::default() };
    let mut sum = pair.left + pair.right;
    sum += 1;
    let not = !(sum == 9);
    println!("{} {} {} {}{}{} {sum} {not} {}", whole(2), both(true, false), both(false, true), named(1), named(3), named(6), fixed());
}
"#;

/// The `nth` time that `text` stands in the source, from 0 on.
fn place(text: &str, nth: usize) -> Place {
    let (at, _) = SOURCE.match_indices(text).nth(nth).expect("a place");
    let before = &SOURCE[..at];
    Place { line: before.matches('\n').count() + 1, column: at - before.rfind('\n').map_or(0, |end| end + 1) + 1 }
}

fn mutant(genre: Genre, start: Place, replacement: &str) -> Mutant {
    let (name, file, package) = ("a change".into(), "main.rs".into(), "a".into());
    Mutant { name, file, package, genre, replacement: replacement.into(), span: Span { start } }
}

#[test]
fn each_change_does_what_it_says_and_only_while_it_is_on() {
    let plain = "20 false false onesomemany 9 false 2";
    let wanted = [
        (mutant(Genre::FnValue, place("n * 10", 0), "0"), "0 false false onesomemany 9 false 2"),
        (mutant(Genre::BinaryOperator, place("* 10", 0), "+"), "12 false false onesomemany 9 false 2"),
        (mutant(Genre::BinaryOperator, place("* 10", 0), "/"), "0 false false onesomemany 9 false 2"),
        (mutant(Genre::BinaryOperator, place("&& b", 0), "||"), "20 true true onesomemany 9 false 2"),
        (mutant(Genre::MatchArm, place("1 => ", 0), ""), "20 false false somesomemany 9 false 2"),
        (mutant(Genre::MatchArmGuard, place("n > 5", 0), "true"), "20 false false onemanymany 9 false 2"),
        (mutant(Genre::MatchArmGuard, place("n > 5", 0), "false"), "20 false false onesomesome 9 false 2"),
        (mutant(Genre::BinaryOperator, place("> 5", 0), "<"), "20 false false onemanysome 9 false 2"),
        (mutant(Genre::BinaryOperator, place("> 5", 0), "=="), "20 false false onesomesome 9 false 2"),
        (mutant(Genre::StructField, place("left, ..", 0), ""), "20 false false onesomemany 15 true 2"),
        (mutant(Genre::BinaryOperator, place("+= 1", 0), "-="), "20 false false onesomemany 7 true 2"),
        (mutant(Genre::UnaryOperator, place("!(sum", 0), ""), "20 false false onesomemany 9 true 2"),
        (mutant(Genre::BinaryOperator, place("== 9", 0), "!="), "20 false false onesomemany 9 true 2"),
        // Asked while it is compiled: there is no place for it.
        (mutant(Genre::BinaryOperator, place("+ 1\n", 0), "-"), plain),
    ];
    let numbered: Vec<_> = (1..).zip(wanted.iter().map(|(mutant, _)| mutant)).collect();
    let switched = switched(SOURCE, &numbered).expect("it is Rust");
    assert_eq!(switched.planted, (1..=13).collect::<Vec<u32>>());

    let dir = tempfile::tempdir().expect("a directory");
    let (main, program) = (dir.path().join("main.rs"), dir.path().join("program"));
    fs::write(dir.path().join("switch.rs"), include_str!("planted.rs")).expect("written");
    fs::write(&main, format!("mod switch;\n{}", switched.text)).expect("written");
    let built = Command::new("rustc").args(["--edition=2024", "-Awarnings", "-o"]).arg(&program).arg(&main).output();
    let built = built.expect("a compiler");
    assert!(built.status.success(), "{}\n{}", String::from_utf8_lossy(&built.stderr), switched.text);
    let says = |id: u32| {
        let seen = dir.path().join("seen");
        fs::create_dir_all(&seen).expect("a directory");
        let told = Command::new(&program).env("DEED_SWITCH", id.to_string()).env("DEED_SWITCH_SEEN", seen).output();
        String::from_utf8_lossy(&told.expect("it runs").stdout).trim().to_owned()
    };
    assert_eq!(says(0), plain);
    for (id, (mutant, wanted)) in (1..).zip(&wanted) {
        assert_eq!(says(id), *wanted, "{id}: {mutant:?}");
    }
    let seen = fs::read_dir(dir.path().join("seen")).expect("a directory").next().expect("one file").expect("a file");
    let mut seen: Vec<u32> =
        fs::read_to_string(seen.path()).expect("read").lines().map(|line| line.parse().expect("a number")).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, switched.planted, "each is come by");
}
