#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::time::{Duration, Instant};

use super::*;

/// A page of the kind that the recipes read, with everything in it that changes by itself.
struct Page {
    posts: Vec<&'static str>,
    build: &'static str,
    nonce: &'static str,
    likes: u32,
    day: &'static str,
    typed: &'static str,
    button_in_header: bool,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            posts: vec!["text", "picture"],
            build: "1x2y3z",
            nonce: "r4nd0m",
            likes: 3,
            day: "2026-11-20",
            typed: "",
            button_in_header: false,
        }
    }
}

impl Page {
    fn html(&self) -> String {
        let Self { build, nonce, likes, day, typed, .. } = self;
        let button = format!(r#"<button type="submit" data-testid="post-submit" class="css-{build}">Post</button>"#);
        let (in_header, in_footer) = if self.button_in_header { (button.as_str(), "") } else { ("", button.as_str()) };
        let posts: String = self
            .posts
            .iter()
            .enumerate()
            .map(|(number, kind)| {
                let media = if *kind == "picture" { r#"<figure class="media"><img src="/m/1.jpg"></figure>"# } else { "" };
                format!(
                    r#"<article id="post-{number}" class="Post_card__{build}" data-id="{number}" data-at="{day}">
                    <a href="/u/{number}?t={nonce}">someone</a><time datetime="{day}">{day}</time>
                    <p>Text <b>bold</b> {number}<br>more</p>{media}
                    <button class="like" aria-label="{likes} likes"><svg><path d="M{likes}"/></svg>{likes}</button></article>"#
                )
            })
            .collect();
        format!(
            r#"<!DOCTYPE html><html class="theme-{build}"><head><title>({likes}) Feed</title>
            <style nonce="{nonce}">.css-{build}{{}}</style></head>
            <body style="--x:{likes}"><!-- built {day} --><header><h1>Feed</h1>{in_header}</header>
            <script nonce="{nonce}">if (1 < 2) document.write("<div class='not-there'>{day}</div>")</script>
            <main><form method="post" action="/posts?session={nonce}">
            <input type="hidden" name="csrf_token" value="{nonce}">
            <div role="textbox" contenteditable="true" id="editor">{typed}</div>{in_footer}</form>
            <div role="feed">{posts}</div></main></body></html>"#
        )
    }
}

fn structure(page: &Page) -> Sha256 {
    dom_hashes(&page.html()).structure
}

#[test]
fn what_changes_by_itself_is_not_structure() {
    let before = Page::default();
    let changed = [
        ("new posts", Page { posts: vec!["picture", "text", "text", "picture", "text"], ..Page::default() }),
        ("class names of a new build", Page { build: "9q8w7e", ..Page::default() }),
        ("nonce and csrf token", Page { nonce: "0th3r", ..Page::default() }),
        ("counters", Page { likes: 12_345, ..Page::default() }),
        ("dates", Page { day: "2027-01-02", ..Page::default() }),
        ("text in the editor", Page { typed: "<p>Hello</p><p><a href='/x'>you</a></p>", ..Page::default() }),
    ];
    for (what, after) in changed {
        assert_eq!(canonical(&before.html()), canonical(&after.html()), "{what}");
        assert_eq!(structure(&before), structure(&after), "{what}");
        assert_ne!(dom_hashes(&before.html()).raw, dom_hashes(&after.html()).raw, "{what}");
    }
}

#[test]
fn a_moved_button_is_another_structure_but_a_similar_page() {
    let before = dom_hashes(&Page::default().html());
    let moved = dom_hashes(&Page { button_in_header: true, ..Page::default() }.html());
    assert_ne!(before.structure, moved.structure);
    let other = dom_hashes(
        "<main><table><tr><td><input type=checkbox></td></tr></table><dialog></dialog><aside><ol></ol></aside></main>",
    );
    assert!(before.sketch.distance(moved.sketch) < before.sketch.distance(other.sketch));
    assert_eq!(before.sketch.distance(before.sketch), 0);
}

#[test]
fn each_of_these_is_another_structure() {
    let page = "<form method=post action=/posts><label>Text</label><textarea name=text></textarea>\
                <button type=submit id=post>Post</button><button type=button id=cancel>Cancel</button></form>";
    for (what, other) in [
        (
            "buttons swapped",
            page.replace("id=post", "id=_").replace("id=cancel", "id=post").replace("id=_", "id=cancel"),
        ),
        ("editor replaced", page.replace("textarea", "div")),
        ("another target", page.replace("/posts", "/logout")),
        ("a dialog in front", format!("{page}<dialog></dialog>")),
        ("a button gone", page.replace("<button type=button id=cancel>Cancel</button>", "")),
        ("wrapped", format!("<div>{page}</div>")),
    ] {
        assert_ne!(dom_hashes(page).structure, dom_hashes(&other).structure, "{what}");
    }
}

#[test]
fn swapped_entries_of_a_menu_count_and_swapped_posts_do_not() {
    let list = |tag: &str, first: &str, second: &str| {
        format!("<{tag}><ul><li><button id={first}></button></li><li><button id={second}></button></li></ul></{tag}>")
    };
    assert_ne!(canonical(&list("nav", "post", "cancel")), canonical(&list("nav", "cancel", "post")));
    assert_eq!(canonical(&list("main", "like", "reply")), canonical(&list("main", "reply", "like")));
}

#[test]
fn named_siblings_are_a_list_once_one_repeats() {
    let row = r#"<div class="row"><p></p></div>"#;
    let other = r#"<div class="row"><img></div>"#;
    assert_eq!(canonical(&[row, other, row].concat()), canonical(&[row, row, other, row, other].concat()));
    assert_ne!(canonical(&[row, other].concat()), canonical(&[other, row].concat()));
}

#[test]
fn the_order_of_attributes_and_classes_does_not_count() {
    assert_eq!(
        canonical(r#"<button type="submit" class="wide post" role="button">"#),
        canonical(r#"<button role="button" class="post wide" type="submit">"#)
    );
}

#[test]
fn pages_written_by_hand_are_closed_where_html_closes_them() {
    assert_eq!(
        canonical(
            "<ul><li>a<li><p>b<p>c</ul><table><tr><td>1<td>2<tr><td>3</table><select><option>x<option>y</select>"
        ),
        canonical(
            "<ul><li>a</li><li><p>b</p><p>c</p></li></ul><table><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></table>\
             <select><option>x</option><option>y</option></select>"
        )
    );
    assert_eq!(canonical("</b></div><p>x</i></p></p>"), "0 p\n");
}

#[test]
fn text_that_looks_like_elements_is_text() {
    for html in
        ["<textarea><div></textarea>", "<svg><title><b></title><style>a{}</style><p/></svg>", "<iframe><div></iframe>"]
    {
        assert_eq!(canonical(html).lines().count(), 1, "{html}");
    }
    for html in
        ["<script>'<div>'</script>", "<style>/*<div>*/</style>", "<noscript><div></noscript>", "<!-- <div> -->", ""]
    {
        assert_eq!(canonical(html), "", "{html}");
    }
    assert_eq!(canonical("<svg/><p></p>"), "0 svg\n0 p\n");
}

#[test]
fn values_are_read_as_the_page_means_them() {
    for (written, meant) in [
        (r#""[&amp;>svg]:w-4 &lt;&gt;&nbsp;&quot;""#, "[&>svg]:w-4 <>\u{a0}\""),
        (r#"'say "a" &amp b'"#, "say \"a\" & b"),
        ("a&eacute;&#98;/c", "a\u{e9}b/c"),
        ("\"a\r\nb\rc\0\"", "a\nb\nc\u{fffd}"),
        ("\"&copy=1 &notit; &\"", "&copy=1 &notit; &"),
    ] {
        let line = format!("0 input[type={:?}]\n", meant.trim());
        assert_eq!(canonical(&format!("<input type={written}>")), line, "{written}");
    }
    // Of an attribute that is written twice the first counts.
    assert_eq!(canonical("<input TYPE=text type=radio>"), "0 input[type=\"text\"]\n");
}

#[test]
fn the_canonical_form_stands_still() {
    insta::assert_snapshot!(canonical(&Page::default().html()));
    insta::assert_snapshot!("hashes", serde_json::to_string_pretty(&dom_hashes(&Page::default().html())).unwrap());
}

#[test]
fn hostile_pages_take_linear_time_and_no_stack() {
    let size = 60_000;
    let pages = [
        ("deep", "<div>".repeat(size)),
        ("deep and closed", format!("{}{}", "<span class=a>".repeat(size), "</span>".repeat(size))),
        ("deep formatting", "<b><i></i>".repeat(size)),
        ("deep formatting around elements", "<b><p></p>".repeat(size)),
        ("end tags of nothing", format!("{}{}", "<div>".repeat(size), "</span>".repeat(size))),
        (
            "broad",
            format!("<ul>{}</ul>", (0..size).map(|n| format!("<li data-{}>", "x".repeat(n % 50))).collect::<String>()),
        ),
        ("deep lists", "<ul><li>".repeat(size)),
        ("many attributes", format!("<div {}>", (0..size).map(|n| format!("data-testid{n}=x ")).collect::<String>())),
        ("one attribute many times", format!("<div {}>", "class=a ".repeat(size))),
        ("references", "<p class='&notit; &amp; &#65;'>".repeat(size / 10)),
        ("hidden scripts", format!("<script>{}", "<!--<script><script>".repeat(size))),
    ];
    for (what, page) in pages {
        let start = Instant::now();
        let _ = dom_hashes(&page);
        // Quadratic would be many minutes; the limit leaves room for a debug build on a busy machine.
        assert!(start.elapsed() < Duration::from_secs(120), "{what} took {:?}", start.elapsed());
    }
}

#[test]
fn a_sketch_is_sixteen_hexadecimal_digits() {
    let sketch = dom_hashes("<p></p><div></div>").sketch;
    assert_eq!(sketch.to_string().len(), 16);
    assert_eq!(sketch.to_string().parse::<Sketch>(), Ok(sketch));
    for text in ["", "0", "00000000000000000", "000000000000000G", "+000000000000000"] {
        assert_eq!(text.parse::<Sketch>(), Err(NotASketch), "{text}");
    }
}
