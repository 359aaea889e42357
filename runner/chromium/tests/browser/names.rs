//! Roles and names are those of Chromium's accessibility tree: what a recipe's `role: { button: "Post" }` means is what every other
//! tool, and the user of a screen reader, means by it.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{now, opening};
use deed_chromium::{Chromium, ChromiumConfig, LaunchConfig};
use deed_core::judge::quorum;
use deed_core::ports::browser::{Browser as _, Look, Need, Session as _};
use deed_fixtures::{Practice, PracticeConfig};

/// Each has one element marked `#`, which is asked for. What stands beside it is what it takes its name from.
const SHAPES: &[&str] = &[
    "<button #>Post</button>",
    "<button #> Post \n  now </button>",
    "<button # aria-label='Post it'>Post</button>",
    "<button # aria-label='  '>Post</button>",
    "<a # href='/a' role='link'><svg role='img' aria-label='New post'></svg> <span>Create</span></a>",
    "<a # href='/a'><svg role='img' aria-label='New post'></svg><span>Create</span></a>",
    "<button #><span aria-hidden='true'>★</span> Post</button>",
    "<button #><svg><title>Send</title></svg></button>",
    "<button #><img alt='Add'> photo</button>",
    "<button #><img alt='Add'>photo</button>",
    "<button #><img alt=''>photo</button>",
    "<button #><span>Add</span><span>photo</span></button>",
    "<button #><div>Add</div><div>photo</div></button>",
    "<button # style='display:flex'><span>Add</span><span>photo</span></button>",
    "<button #>Add<br>photo</button>",
    "<button #>Add <span style='display:none'>hidden</span><span style='visibility:hidden'>unseen</span> photo</button>",
    "<button #>Add <span hidden>hidden</span>photo</button>",
    "<button # style='text-transform:uppercase'>Post</button>",
    "<button #><span style='text-transform:uppercase'>comment</span></button>",
    "<style>.before::before { content: 'Re' }</style><button # class='before'>post</button>",
    "<style>.both::before { content: '★ ' } .both::after { content: ' now' }</style><button # class='both'>post</button>",
    "<style>.alt::before { content: '★' / 'star ' }</style><button # class='alt'>post</button>",
    "<button # title='Publish'></button>",
    "<button # title='Publish'>Post</button>",
    "<button #><i title='Publish'></i></button>",
    "<button #><i aria-label='Publish' role='img'></i></button>",
    "<button #><i aria-label='Publish'></i></button>",
    "<span id='s1'>Send</span><span id='s2'>now</span><button # aria-labelledby='s1 s2'>x</button>",
    "<span id='h1' hidden>Send</span><button # aria-labelledby='h1'>x</button>",
    "<span id='l1' aria-label='Deliver'>Send</span><button # aria-labelledby='l1'>x</button>",
    "<button # id='self' aria-label='Delete' aria-labelledby='self of'>x</button><span id='of'>the post</span>",
    "<button # aria-labelledby='nobody'>Post</button>",
    "<input # type='submit' value='Go'>",
    "<input # type='button' value='Go'>",
    "<input # type='image' alt='Go'>",
    "<label for='i1'>Your name</label><input # id='i1'>",
    "<label>Your name <input #></label>",
    "<label>Every <input # size='3' value='3'> days</label>",
    "<label>Every <select><option>two</option></select> days <input # type='checkbox'></label>",
    "<label><input # type='checkbox'> I agree to the <a href='/terms'>terms</a></label>",
    "<input # placeholder='Write something'>",
    "<input # placeholder='Write something' title='Text'>",
    "<textarea # placeholder='Write something'></textarea>",
    "<textarea # aria-label='Text' placeholder='Write something'>words</textarea>",
    "<div # role='textbox' contenteditable='true' aria-label='Text'>words</div>",
    "<div # role='textbox' contenteditable='true' aria-placeholder='Write'>words</div>",
    "<div # role='textbox' contenteditable='true'>words</div>",
    "<div # role='button' tabindex='0'><div><span>Post</span></div></div>",
    "<div # role='button' tabindex='0'><div>Like</div> <div>12</div></div>",
    "<div # role='button' tabindex='0'><span style='display:inline-block'>Like</span><span>12</span></div>",
    "<h2 #>Create <em>new</em> post</h2>",
    "<a # href='/x'>A <b>bold</b> link</a>",
    "<img # alt='A cat'>",
    "<img # alt='A cat' title='Cat'>",
    "<img # title='Cat'>",
    "<div # role='dialog' aria-label='Create post'>words</div>",
    "<div # role='dialog' aria-labelledby='d1'><h2 id='d1'>Create post</h2>words</div>",
    "<div # role='dialog'><h2>Create post</h2></div>",
    "<ul><li #>An entry</li></ul>",
    "<article #>An <b>entry</b></article>",
    "<fieldset #><legend>Who sees it</legend><input type='radio'></fieldset>",
    "<figure #><img alt='x'><figcaption>A cat</figcaption></figure>",
    "<table #><caption>Posts</caption><tr><td>1</td></tr></table>",
    "<nav # aria-label='Main'>words</nav>",
    "<section # aria-label='Feed'>words</section>",
    "<section #>words</section>",
    "<form # aria-label='Comment'>words</form>",
    "<div # role='switch' aria-checked='true' tabindex='0'>Notify <span>me</span></div>",
    "<div role='tablist'><button # role='tab'>Posts</button></div>",
    "<div role='menu'><div # role='menuitem' tabindex='0'><svg aria-hidden='true'><title>x</title></svg><span>Delete</span></div></div>",
    "<div role='listbox'><div # role='option' tabindex='0'>Friends <div>Your friends</div></div></div>",
    "<button #>Search <input value='cats'></button>",
    "<div # role='button' tabindex='0'>Page <select><option>1</option><option selected>2</option></select></div>",
    "<button #><x-word></x-word></button>",
    "<button #><x-slot>Post</x-slot></button>",
    "<button #>\u{200b}Post</button>",
    "<button #>Post<sup>2</sup></button>",
    "<button #><span>Post</span> <span aria-label='twelve' role='img'>12</span></button>",
    "<button #><button-text aria-label='Inner'>x</button-text></button>",
    "<details><summary #>More</summary>words</details>",
    "<div # role='heading' aria-level='2'><a href='/'>Home</a><button>Edit</button></div>",
    "<a # href='/p'><time datetime='2026-01-01'>2h</time></a>",
    "<div # role='link' tabindex='0'><ul><li>One</li><li>Two</li></ul></div>",
    "<button # style='display:inline-flex'><svg></svg><span>Post</span></button>",
    "<button #>   <!-- nothing -->Post</button>",
    "<div # role='radio' aria-checked='false' tabindex='0'><label>Friends</label></div>",
    "<button #><img title='Publish'></button>",
    "<button # aria-owns='owned'>Post </button><span id='owned'>now</span>",
];

const DEFINE: &str = "for (const [name, inside] of [['x-word', 'Post'], ['x-slot', '<b>Now</b> <slot></slot>']]) \
    customElements.define(name, class extends HTMLElement { constructor() { super(); this.attachShadow({ mode: 'open' }).innerHTML = inside; } });";

#[tokio::test(flavor = "multi_thread")]
async fn roles_and_names_are_those_of_the_accessibility_tree() {
    let practice = Practice::start(PracticeConfig::default()).await.unwrap();
    let browser = Chromium::new(ChromiumConfig { launch: LaunchConfig::default(), runner: None, now: Arc::new(now) });
    let names: Vec<String> = (0..SHAPES.len()).map(|number| format!("t_{number}")).collect();
    let elements = (0..SHAPES.len()).fold(String::new(), |mut all, n| {
        let _ = writeln!(all, "  t_{n}: [ {{ testid: t-{n} }} ]");
        all
    });
    let (yaml, _) = deed_recipes::builtin("practice").unwrap();
    let recipe =
        deed_recipes::load_str("practice", &yaml.replace("\nelements:\n", &format!("\nelements:\n{elements}")));
    let session = practice.storage_state("north_star").unwrap().to_string();
    let mut session = browser.open(&opening(&practice.origin(), recipe.unwrap(), &session)).await.unwrap();
    session.goto(&format!("{}/compose", practice.origin())).await.unwrap();
    let ready = Look {
        elements: vec!["post_button".into()],
        until: vec![Need::Visible("post_button".into())],
        within: Duration::from_secs(10),
        ..Look::default()
    };
    session.look(&ready).await.unwrap();
    let html: String = SHAPES
        .iter()
        .enumerate()
        .map(|(n, shape)| format!("<div>{}</div>", shape.replacen('#', &format!("data-testid='t-{n}'"), 1)))
        .collect();
    let html = serde_json::to_string(&html).unwrap();
    // Not within what the page's own script draws, and may draw once more.
    session
        .run_in_page_for_tests(&format!("{DEFINE} document.body.insertAdjacentHTML('beforeend', {html});"))
        .await
        .unwrap();
    // A picture that has no source has no box until Chromium knows that it fails.
    let until = names.iter().map(|name| Need::Visible(name.clone())).collect();
    let look = Look { elements: names.clone(), until, within: Duration::from_secs(10), ..Look::default() };
    let seen = session.look(&look).await.unwrap();
    let mut differ = Vec::new();
    for (shape, name) in SHAPES.iter().zip(&names) {
        let (node, _) = quorum::lone(&seen, name).unwrap();
        let facts = &seen.nodes[&node];
        let (role, told) = session.accessible_for_tests(node).await.unwrap();
        let told = told.replace('\u{200b}', "").split_whitespace().collect::<Vec<_>>().join(" ");
        if facts.name != told || !same_role(&facts.role, &role) {
            differ.push(format!("{shape}\n  Deed: {} {:?}\n  tree: {role} {told:?}", facts.role, facts.name));
        }
    }
    assert!(differ.is_empty(), "{} of {} differ:\n{}", differ.len(), SHAPES.len(), differ.join("\n"));
    browser.stop().await;
    practice.stop().await;
}

/// Chromium has names of its own for a few roles.
fn same_role(ours: &str, theirs: &str) -> bool {
    let theirs = match theirs {
        "image" => "img",
        "none" | "" => "generic",
        "DisclosureTriangle" => "button",
        other => other,
    };
    ours.eq_ignore_ascii_case(theirs)
}
