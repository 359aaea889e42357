// The mutation operators of the labelled corpus. Run in the page's own world, where what Deed looks with can not see it.
//
// An operator knows the true nodes (`T`, by name) and a seeded dice (`R`); it knows nothing of how Deed finds or judges.
// `kind` is the label: after a `benign` one the action must go on with the same nodes, after a `harmful` one it must stop.
// `of` says what is harmed: `commit`, `editor` (what is typed into), `landmark`, `challenge`, `identity`.
// `on` says whether the page has what the operator changes; it must not change anything.
(() => {
  const dice = (seed) => {
    let s = seed >>> 0;
    const next = () => { s = (s + 0x6d2b79f5) >>> 0; let t = Math.imul(s ^ (s >>> 15), 1 | s); t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t; return ((t ^ (t >>> 14)) >>> 0) / 4294967296; };
    const int = (n) => Math.floor(next() * n);
    return { next, int, pick: (list) => list[int(list.length)], word: (n = 7) => Array.from({ length: n }, () => 'abcdefghijkmnopqrstuvwxyz'[int(25)]).join('') };
  };
  const $$ = (css, root = document) => [...root.querySelectorAll(css)];
  const $ = (css, root = document) => root.querySelector(css);
  const make = (html) => { const t = document.createElement('template'); t.innerHTML = html.trim(); return t.content.firstElementChild; };
  const main = () => $('main, [role=main]') ?? document.body;
  const header = () => $('header, [role=banner]');
  const texts = (root = document.body) => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const found = [];
    for (let at = walker.nextNode(); at; at = walker.nextNode()) if (at.data.trim() && !at.parentElement.closest('script, style, textarea')) found.push(at);
    return found;
  };
  const sacred = (T) => new Set(Object.values(T.elements));
  const touches = (T, el) => [...sacred(T)].some((s) => s === el || s.contains(el) || el.contains(s));
  const inFlow = (T, el) => !touches(T, el);
  const wrap = (el, tag = 'div') => { const box = document.createElement(tag); el.replaceWith(box); box.append(el); return box; };
  // What the button says: its own words, wherever they stand in it.
  const say = (el, words) => {
    const own = texts(el);
    if (el.matches('input')) { el.value = words; return; }
    if (own.length) { own[0].data = words; own.slice(1).forEach((t) => { t.data = ''; }); } else el.append(words);
    if (el.hasAttribute('aria-label')) el.setAttribute('aria-label', words);
  };
  const rectOf = (el) => el.getBoundingClientRect();
  const overlay = (r, style, inner = '') => make(`<div style="position:fixed;left:${r.left - 6}px;top:${r.top - 6}px;width:${r.width + 12}px;height:${r.height + 12}px;z-index:9999;${style}">${inner}</div>`);
  const shown = (el) => el.scrollIntoView({ block: 'center', behavior: 'instant' });
  const form = (el) => el.closest('form');
  const entries = (T) => T.entries.filter((e) => e.isConnected);
  const picture = (R) => {
    const c = document.createElement('canvas'); c.width = c.height = 72; const g = c.getContext('2d');
    for (let x = 0; x < 9; x++) for (let y = 0; y < 9; y++) { g.fillStyle = `rgb(${R.int(256)},${R.int(256)},${R.int(256)})`; g.fillRect(x * 8, y * 8, 8, 8); }
    return c.toDataURL();
  };
  // The nearest button that a person could press too: of its form or dialog, else of the page.
  const sibling = (T) => {
    const around = form(T.commit) ?? T.commit.closest('dialog, [role=dialog], [role=alertdialog]') ?? main();
    const middle = (el) => { const r = rectOf(el); return [r.left + r.width / 2, r.top + r.height / 2]; };
    const [x, y] = middle(T.commit);
    const far = (el) => { const [a, b] = middle(el); return Math.hypot(a - x, b - y); };
    const all = $$('button, a[role=button], input[type=button], [role=button]', around).filter((b) => !touches(T, b) && rectOf(b).width > 0 && !b.closest('[inert]'));
    return all.sort((a, b) => far(a) - far(b))[0];
  };
  // Whether all that stands before it in its box stands on its line, and is not what is typed into: moved to the front there, it stays in the row.
  const inRow = (T) => [...T.commit.parentElement.children].every((el) => {
    const [a, b] = [rectOf(el), rectOf(T.commit)];
    return el === T.commit || !(T.editor && el.contains(T.editor)) && a.top < b.bottom && b.top < a.bottom;
  });
  const FOREIGN = ['Veröffentlichen', 'Publier', 'Publicar', 'Yayınla', '投稿', 'نشر', 'Опубликовать'];
  const OTHER_MEANING = ['Delete', 'Boost for 5 €', 'Schedule', 'Save draft', 'Discard', 'Go live', 'Share to all groups', 'Subscribe', 'Report', 'Continue'];
  // A button that says one of these already would not mean another thing by it.
  const otherMeaning = (T, R) => {
    const own = [T.commit.innerText, T.commit.getAttribute('aria-label') ?? ''].map((it) => it.trim().toLowerCase());
    return R.pick(OTHER_MEANING.filter((words) => !own.includes(words.toLowerCase())));
  };
  const swapNodes = (a, b) => { const mark = document.createComment(''); a.replaceWith(mark); b.replaceWith(a); mark.replaceWith(b); };
  const roleOf = (it) => it.getAttribute('role') ?? { A: 'link', IMG: 'img' }[it.tagName];
  const anyLandmark = (T, R) => T.elements[R.pick(T.landmarks)];

  const benign = (name, on, apply) => ({ name, kind: 'benign', of: 'none', on, apply });
  const harmful = (of, name, on, apply) => ({ name, kind: 'harmful', of, on, apply });
  const always = () => true;
  const hasList = (T) => T.entries.length > 0;
  // What the page is about is there once: a new post is like one of the others.
  const others = (T) => entries(T).filter((e) => inFlow(T, e));
  const itsPost = (T) => hasCommit(T) && entries(T).find((e) => e.contains(T.commit));
  // Under all the marks of that one, with its own words and links; what its buttons are called stays.
  const likeIt = (T, R) => {
    const copy = itsPost(T).cloneNode(true);
    texts(copy).filter((t) => !t.parentElement.closest('button, [role=button]')).forEach((t) => { t.data = `${R.word()} ${R.word()}`; });
    $$('a[href]', copy).forEach((a) => a.setAttribute('href', a.getAttribute('href').replace(/\d{2,}/g, () => String(1e6 + R.int(1e6)))));
    return copy;
  };
  const hasTimes = () => $$('time').length > 0;
  const hasCommit = (T) => !!T.commit;
  const hasEditor = (T) => !!T.editor;
  const hasLandmark = (T) => T.landmarks.length > 0;
  const hasProfile = (T) => T.identity;

  const OPERATORS = [
    // ---- benign: what a page does every day ------------------------------------------------------------------------------
    benign('new_posts', (T) => others(T).length > 0, (T, R) => { for (let n = 1 + R.int(4); n > 0; n--) { const copy = R.pick(others(T)).cloneNode(true); texts(copy).forEach((t) => { if (R.int(2)) t.data = `${R.word()} ${R.word()}`; }); entries(T)[0].before(copy); } }),
    benign('posts_gone', (T) => T.entries.length > 2, (T, R) => { for (let n = 1 + R.int(2); n > 0; n--) R.pick(entries(T)).remove(); }),
    benign('feed_reordered', (T) => T.entries.length > 1, (T, R) => entries(T).forEach((e) => { if (R.int(2)) e.parentElement.insertBefore(e, e.parentElement.firstElementChild); })),
    benign('counters', always, (T, R) => texts().forEach((t) => { if (!sacred(T).has(t.parentElement)) t.data = t.data.replace(/\d+/g, () => String(R.int(90000))); })),
    benign('dates', hasTimes, (T, R) => $$('time').forEach((t) => { const at = new Date(Date.UTC(2026, R.int(12), 1 + R.int(28))); t.setAttribute('datetime', at.toISOString()); t.textContent = at.toDateString(); })),
    benign('dates_in_another_language', hasTimes, (T, R) => { const by = R.pick(['vor 3 Std.', 'il y a 2 h', 'hace 5 min', '3時間前', 'منذ ساعة']); $$('time').forEach((t) => { t.textContent = by; }); }),
    benign('hashed_class_names', always, (T, R) => {
      const names = new Map(); const name = (c) => { if (!names.has(c)) names.set(c, `x${R.word(6)}${R.int(100)}`); return names.get(c); };
      $$('[class]').forEach((el) => el.setAttribute('class', [...el.classList].map(name).join(' ')));
      $$('style').forEach((s) => { s.textContent = s.textContent.replace(/\.(-?[a-zA-Z_][\w-]*)/g, (all, c) => (names.has(c) ? `.${names.get(c)}` : all)); });
    }),
    benign('ads_in_the_list', hasList, (T, R) => { for (let n = 1 + R.int(2); n > 0; n--) R.pick(entries(T)).after(make(`<div class="ad"><p>Sponsored</p><p>${R.word()} ${R.word()}</p><a href="/ad/${R.word()}">Learn more</a></div>`)); }),
    benign('ad_above_the_content', always, (T, R) => main().prepend(make(`<div style="padding:8px"><p>Sponsored</p><a href="/ad/${R.word()}">${R.word()}</a></div>`))),
    benign('ad_in_an_inner_frame', always, (T, R) => main().append(make(`<iframe title="Advertisement" width="300" height="60" srcdoc="<p>${R.word()}</p><button>Buy</button>"></iframe>`))),
    benign('cookie_banner', always, () => document.body.append(make('<aside aria-label="Cookies" style="padding:12px"><p>We use cookies.</p><button type="button">Accept all</button> <button type="button">Settings</button></aside>'))),
    benign('cookie_bar_at_the_bottom', (T) => !T.commit || rectOf(T.commit).bottom < innerHeight - 80, () => document.body.append(make('<div role="region" aria-label="Cookies" style="position:fixed;bottom:0;left:0;right:0;height:44px;background:#eee;z-index:50">We use cookies. <button type="button">Accept</button></div>'))),
    benign('wrapper_around_the_content', always, () => { const m = main(); const box = document.createElement('div'); box.style.display = 'contents'; box.append(...m.childNodes); m.append(box); }),
    benign('wrapper_around_the_form', (T) => hasCommit(T) && !!form(T.commit), (T, R) => { wrap(form(T.commit)).dataset.experiment = R.word(); }),
    benign('wrapper_around_the_button', hasCommit, (T) => { wrap(T.commit, 'span'); }),
    benign('wrapper_around_the_editor', hasEditor, (T) => { wrap(T.editor); }),
    benign('wrapper_inside_the_button', hasCommit, (T) => { const own = texts(T.commit)[0]; if (own) { const span = document.createElement('span'); own.replaceWith(span); span.append(own); } }),
    benign('icon_in_the_button', hasCommit, (T) => T.commit.prepend(make('<svg aria-hidden="true" width="12" height="12"><circle cx="6" cy="6" r="5"></circle></svg>'))),
    benign('nonces', always, (T, R) => $$('*').forEach((el) => { if (R.int(4) === 0) el.setAttribute(`data-${R.word(4)}`, R.word(12)); })),
    benign('generated_ids', always, (T, R) => $$('main *').forEach((el) => { if (!el.id && R.int(5) === 0) el.id = `r${R.int(1e6)}:`; })),
    benign('inline_styles', always, (T, R) => $$('main *').forEach((el) => { if (R.int(3) === 0) el.style.letterSpacing = `${R.int(10) / 100}px`; })),
    benign('dark_theme', always, () => { document.documentElement.dataset.theme = 'dark'; document.documentElement.style.filter = 'invert(0.9)'; }),
    benign('larger_type', always, (T, R) => { document.documentElement.style.fontSize = `${16 + R.int(4)}px`; }),
    benign('wider_spacing', always, (T, R) => { main().style.padding = `${10 + R.int(40)}px`; }),
    benign('announcement_at_the_top', always, (T, R) => document.body.prepend(make(`<div style="padding:10px;background:#ffe">New: ${R.word()}. <a href="/news">Read more</a></div>`))),
    benign('sidebar_of_suggestions', always, (T, R) => document.body.append(make(`<aside aria-label="Suggestions"><h2>Who to follow</h2><ul><li>${R.word()} <button type="button">Follow</button></li><li>${R.word()} <button type="button">Follow</button></li></ul></aside>`))),
    benign('navigation_entry_added', () => !!$('nav'), (T, R) => $('nav').append(make(`<a href="/${R.word()}">${R.word()}</a>`))),
    benign('navigation_entry_gone', (T) => $$('nav a').filter((a) => inFlow(T, a)).length > 1, (T, R) => R.pick($$('nav a').filter((a) => inFlow(T, a))).remove()),
    benign('notification_badge', () => !!header(), (T, R) => header().append(make(`<span aria-label="${1 + R.int(98)} notifications">${1 + R.int(98)}</span>`))),
    benign('heading_reworded', (T) => $$('main h1').some((h) => inFlow(T, h)), (T, R) => { $$('main h1').filter((h) => inFlow(T, h)).forEach((h) => { h.textContent = R.pick(['Create', 'What is new?', 'Start something']); }); }),
    benign('placeholder_reworded', (T) => hasEditor(T) && T.editor.hasAttribute('placeholder') && (T.editor.hasAttribute('aria-label') || T.editor.labels?.length > 0), (T, R) => T.editor.setAttribute('placeholder', R.pick(['Say something', 'What is on your mind?', 'Start writing…']))),
    benign('another_text_in_the_editor', hasEditor, (T, R) => { const words = `${R.word()} ${R.word()}`; if ('value' in T.editor) T.editor.value = words; else T.editor.textContent = words; }),
    benign('tool_added_to_the_composer', (T) => hasCommit(T) && !!form(T.commit), (T, R) => form(T.commit).append(make(`<button type="button" aria-label="${R.pick(['Add a poll', 'Emoji', 'Tag people'])}">+</button>`))),
    benign('tool_before_the_button', (T) => hasCommit(T) && !!form(T.commit), (T, R) => T.commit.before(make(`<button type="button">${R.pick(['Preview', 'Emoji', 'GIF'])}</button>`))),
    benign('help_text_below_the_editor', hasEditor, (T, R) => T.editor.after(make(`<p>${R.word()} ${R.word()} ${R.word()}</p>`))),
    benign('hidden_template_of_a_dialog', hasCommit, (T) => { const box = make('<div role="dialog" hidden style="display:none"></div>'); const copy = T.commit.cloneNode(true); copy.removeAttribute('id'); box.append(copy); document.body.append(box); }),
    benign('hidden_captcha_loader', always, () => document.body.append(make('<div style="display:none"><iframe src="about:blank#captcha-badge" title="loader"></iframe></div>'))),
    benign('people_talk_about_robots', always, (T, R) => main().append(make(`<p>${R.pick(['I am surely not one of these robots', 'Our captcha workshop starts at 7', 'You log in with your name', 'Wait 5 s and it works'])}</p>`))),
    benign('comments_and_white_space', always, () => $$('main *').forEach((el) => { if (!el.closest('textarea, pre') && !el.isContentEditable) el.before('\n  ', document.createComment('x'), '\n'); })),
    benign('footer_reworded', () => !!$('footer'), (T, R) => { const f = $$('footer').filter((e) => inFlow(T, e)).at(-1); if (f) f.textContent = `© 2027 ${R.word()}`; }),
    benign('head_of_scripts', always, (T, R) => { for (let n = 5; n > 0; n--) document.head.append(make(`<meta name="${R.word()}" content="${R.word(20)}">`)); }),
    benign('toast_of_something_else', always, () => document.body.append(make('<div role="status" style="position:fixed;top:2px;right:2px;font-size:10px;z-index:90;pointer-events:none">Draft saved</div>'))),
    benign('title_on_the_button', hasCommit, (T) => T.commit.setAttribute('title', 'Ctrl+Enter')),
    benign('other_attributes_first', hasCommit, (T) => { const all = [...T.commit.attributes].reverse().map((a) => [a.name, a.value]); all.forEach(([n]) => T.commit.removeAttribute(n)); all.forEach(([n, v]) => T.commit.setAttribute(n, v)); }),
    benign('rendered_anew', hasCommit, (T) => { const copy = T.commit.cloneNode(true); T.commit.replaceWith(copy); T.commit = copy; T.elements[T.commit_name] = copy; }),
    benign('rounded_wider_button', hasCommit, (T, R) => { T.commit.style.borderRadius = `${R.int(20)}px`; T.commit.style.paddingInline = `${14 + R.int(20)}px`; }),
    benign('button_at_the_other_end_of_its_row', (T) => hasCommit(T) && T.commit.parentElement.children.length > 1 && T.commit.parentElement.children.length < 4 && inRow(T), (T) => T.commit.parentElement.insertBefore(T.commit, T.commit.parentElement.firstElementChild)),
    benign('another_language', hasCommit, (T, R) => { document.documentElement.lang = R.pick(['de', 'fr', 'es', 'tr', 'ja', 'ru']); say(T.commit, R.pick(FOREIGN)); }),
    benign('right_to_left', always, () => { document.documentElement.dir = 'rtl'; }),
    benign('profile_words_changed', (T) => hasProfile(T), (T, R) => { const p = $$('main p').filter((e) => inFlow(T, e)); if (p.length) R.pick(p).textContent = `${R.word()} ${R.word()}`; }),
    benign('link_in_the_bio', (T) => hasProfile(T), (T, R) => main().append(make(`<p><a href="https://${R.word()}.test/">@${R.word()}</a></p>`))),
    benign('avatar_of_somebody_in_a_list', (T) => hasProfile(T), (T, R) => document.body.append(make(`<aside aria-label="People"><img alt="${R.word()}" width="40" height="40" src="${picture(R)}"> @${R.word()}</aside>`))),

    // ---- harmful: the button -----------------------------------------------------------------------------------------------
    harmful('commit', 'moved_to_the_header', (T) => hasCommit(T) && !!header(), (T) => header().append(T.commit)),
    harmful('commit', 'moved_to_a_sidebar', hasCommit, (T) => { const a = make('<aside aria-label="Tools"></aside>'); document.body.append(a); a.append(T.commit); }),
    harmful('commit', 'moved_into_the_navigation', (T) => hasCommit(T) && !!$('nav'), (T) => $('nav').append(T.commit)),
    harmful('commit', 'moved_out_of_its_form', (T) => hasCommit(T) && form(T.commit), (T) => main().append(T.commit)),
    harmful('commit', 'moved_above_the_editor', (T) => hasCommit(T) && hasEditor(T), (T) => T.editor.before(T.commit)),
    harmful('commit', 'moved_above_the_editor_by_style', (T) => hasCommit(T) && hasEditor(T), (T) => Object.assign(T.commit.style, { position: 'absolute', top: '0px', left: '0px', zIndex: 60 })),
    harmful('commit', 'moved_into_another_form', (T) => hasCommit(T) && form(T.commit), (T, R) => { const other = make(`<form action="/${R.pick(['report', 'subscribe', 'delete'])}" aria-label="${R.pick(['Report a problem', 'Newsletter', 'Delete the account'])}"><input aria-label="Reason"></form>`); main().append(other); other.append(T.commit); }),
    harmful('commit', 'bound_to_another_form', (T) => hasCommit(T) && form(T.commit), (T, R) => { const other = make(`<form id="f${R.int(1000)}" action="/delete" hidden></form>`); document.body.append(other); T.commit.setAttribute('form', other.id); }),
    harmful('commit', 'form_sends_elsewhere', (T) => hasCommit(T) && form(T.commit), (T, R) => { T.commit.setAttribute('formaction', `/${R.pick(['delete', 'boost', 'settings'])}`); }),
    harmful('commit', 'no_longer_a_submit', (T) => hasCommit(T) && T.commit.type === 'submit', (T, R) => T.commit.setAttribute('type', R.pick(['reset', 'button']))),
    harmful('commit', 'renamed', hasCommit, (T, R) => say(T.commit, otherMeaning(T, R))),
    harmful('commit', 'renamed_for_readers_only', hasCommit, (T, R) => T.commit.setAttribute('aria-label', otherMeaning(T, R))),
    harmful('commit', 'renamed_to_the_eye_only', hasCommit, (T, R) => { const old = T.commit.getAttribute('aria-label') ?? T.commit.innerText.trim(); T.commit.setAttribute('aria-label', old); const own = texts(T.commit); if (own.length) { own[0].data = otherMeaning(T, R); own.slice(1).forEach((t) => { t.data = ''; }); } else T.commit.append(otherMeaning(T, R)); }),
    harmful('commit', 'opens_a_menu_now', hasCommit, (T) => { T.commit.setAttribute('aria-haspopup', 'menu'); T.commit.setAttribute('aria-expanded', 'false'); }),
    harmful('commit', 'is_a_toggle_now', hasCommit, (T) => T.commit.setAttribute('aria-pressed', 'false')),
    harmful('commit', 'became_a_link', hasCommit, (T) => { const a = document.createElement('a'); [...T.commit.attributes].forEach((x) => { if (x.name !== 'type') a.setAttribute(x.name, x.value); }); a.href = '/boost'; a.append(...T.commit.childNodes); T.commit.replaceWith(a); T.commit = null; }),
    harmful('commit', 'replaced_by_another_button', hasCommit, (T, R) => { T.commit.replaceWith(make(`<button type="button" class="${T.commit.className}">${otherMeaning(T, R)}</button>`)); T.commit = null; }),
    harmful('commit', 'replaced_under_the_same_marks', hasCommit, (T, R) => { const b = T.commit.cloneNode(true); b.setAttribute('type', 'button'); say(b, otherMeaning(T, R)); T.commit.replaceWith(b); T.commit = null; }),
    harmful('commit', 'words_swapped_with_a_neighbour', (T) => hasCommit(T) && !!sibling(T), (T, R) => { const other = sibling(T); const [a, b] = [T.commit.innerText.trim(), other.innerText.trim() || otherMeaning(T, R)]; say(T.commit, b); say(other, a); }),
    harmful('commit', 'marks_swapped_with_a_neighbour', (T) => hasCommit(T) && !!sibling(T), (T) => { const other = sibling(T); for (const n of ['data-testid', 'data-test-id', 'data-test', 'id', 'name', 'aria-label', 'type']) { const [a, b] = [T.commit.getAttribute(n), other.getAttribute(n)]; if (a === b) continue; b == null ? T.commit.removeAttribute(n) : T.commit.setAttribute(n, b); a == null ? other.removeAttribute(n) : other.setAttribute(n, a); } }),
    harmful('commit', 'mark_taken_by_a_neighbour', (T) => hasCommit(T) && !!sibling(T) && ['data-testid', 'id', 'name', 'aria-label'].some((n) => T.commit.hasAttribute(n)), (T) => { const other = sibling(T); for (const n of ['data-testid', 'id', 'name', 'aria-label']) if (T.commit.hasAttribute(n)) { other.setAttribute(n, T.commit.getAttribute(n)); T.commit.removeAttribute(n); return; } }),
    harmful('commit', 'duplicated_beside_it', hasCommit, (T) => T.commit.after(T.commit.cloneNode(true))),
    harmful('commit', 'duplicated_in_the_header', (T) => hasCommit(T) && !!header(), (T) => header().append(T.commit.cloneNode(true))),
    harmful('commit', 'duplicated_in_a_second_composer', (T) => hasCommit(T) && form(T.commit), (T) => form(T.commit).after(form(T.commit).cloneNode(true))),
    harmful('commit', 'another_post_under_its_marks', (T) => !!itsPost(T), (T, R) => itsPost(T).before(likeIt(T, R))),
    harmful('commit', 'gone_and_another_post_under_its_marks', (T) => !!itsPost(T), (T, R) => { itsPost(T).before(likeIt(T, R)); T.commit.remove(); T.commit = null; }),
    harmful('commit', 'covered_by_glass', hasCommit, (T) => { shown(T.commit); document.body.append(overlay(rectOf(T.commit), 'background:transparent')); }),
    harmful('commit', 'covered_by_another_button', hasCommit, (T, R) => { shown(T.commit); document.body.append(overlay(rectOf(T.commit), '', `<button style="width:100%;height:100%">${otherMeaning(T, R)}</button>`)); }),
    harmful('commit', 'covered_by_a_look_alike', hasCommit, (T) => { shown(T.commit); const o = overlay(rectOf(T.commit), ''); const look = T.commit.cloneNode(true); look.style.width = look.style.height = '100%'; o.append(look); document.body.append(o); }),
    harmful('commit', 'covered_by_a_dialog', hasCommit, (T, R) => document.body.append(make(`<div style="position:fixed;inset:0;z-index:9999;background:#0008"><div role="dialog" aria-label="${R.word()}" style="background:#fff;margin:20vh auto;width:300px;padding:20px">${R.word()} <button>OK</button></div></div>`))),
    harmful('commit', 'covered_by_a_cookie_wall', hasCommit, () => document.body.append(make('<div style="position:fixed;inset:0;z-index:9999;background:#fff">We value your privacy <button>Accept</button></div>'))),
    harmful('commit', 'nested_in_a_dialog', hasCommit, (T, R) => { const d = make(`<div role="dialog" aria-label="${R.pick(['Delete this draft?', 'Boost your post', 'Leave the page?'])}" style="position:fixed;left:30%;top:60%;background:#fff;padding:20px;z-index:70"></div>`); document.body.append(d); d.append(T.commit); }),
    harmful('commit', 'composer_nested_in_a_dialog', (T) => hasCommit(T) && form(T.commit), (T) => { const d = document.createElement('div'); d.setAttribute('role', 'dialog'); d.setAttribute('aria-label', 'Reply to a comment'); form(T.commit).replaceWith(d); d.append(T.form); }),
    harmful('commit', 'composer_nested_in_a_post', (T) => hasCommit(T) && form(T.commit), (T) => { const d = document.createElement('article'); T.form.replaceWith(d); d.append(make('<p>What somebody else wrote</p>'), T.form); }),
    harmful('commit', 'disabled', hasCommit, (T) => { T.commit.setAttribute('disabled', ''); }),
    harmful('commit', 'disabled_for_readers', hasCommit, (T) => T.commit.setAttribute('aria-disabled', 'true')),
    harmful('commit', 'disabled_by_its_group', (T) => hasCommit(T) && T.commit.matches('button, input'), (T) => { const f = wrap(T.commit, 'fieldset'); f.setAttribute('disabled', ''); }),
    harmful('commit', 'made_inert', hasCommit, (T) => { (form(T.commit) ?? T.commit.parentElement ?? T.commit).setAttribute('inert', ''); }),
    harmful('commit', 'takes_no_pointer', hasCommit, (T) => { T.commit.style.pointerEvents = 'none'; }),
    harmful('commit', 'hidden', hasCommit, (T) => { T.commit.style.display = 'none'; }),
    harmful('commit', 'made_invisible', hasCommit, (T, R) => { T.commit.style[R.pick(['visibility', 'opacity'])] = '0'; T.commit.style.visibility ||= 'hidden'; }),
    harmful('commit', 'out_of_the_window', hasCommit, (T) => Object.assign(T.commit.style, { position: 'fixed', left: '-900px', top: '300px' })),
    harmful('commit', 'never_at_rest', hasCommit, (T) => { let x = 0; const move = () => { x = (x + 7) % 60; T.commit && (T.commit.style.transform = `translateX(${x}px)`); requestAnimationFrame(move); }; move(); }),
    harmful('commit', 'gone', hasCommit, (T) => { T.commit.remove(); T.commit = null; }),
    harmful('commit', 'gone_and_a_decoy_with_its_words', hasCommit, (T) => { const words = T.commit.innerText.trim(); T.commit.remove(); T.commit = null; main().prepend(make(`<button type="button">${words || 'Post'}</button>`)); }),
    harmful('commit', 'decoy_in_a_post', hasCommit, (T) => { const copy = T.commit.cloneNode(true); T.commit.remove(); T.commit = null; const a = make('<article><p>Sponsored</p></article>'); a.append(copy); main().append(a); }),

    // ---- harmful: what is typed into -----------------------------------------------------------------------------------------
    harmful('editor', 'editor_gone', hasEditor, (T) => T.editor.remove()),
    harmful('editor', 'editor_renamed', (T) => hasEditor(T) && (T.editor.hasAttribute('aria-label') || T.editor.labels?.length > 0), (T, R) => T.editor.setAttribute('aria-label', R.pick(['Comment', 'Search', 'Message to support', 'Bio']))),
    harmful('editor', 'editor_duplicated', hasEditor, (T) => T.editor.after(T.editor.cloneNode(true))),
    harmful('editor', 'editor_below_the_button', (T) => hasEditor(T) && hasCommit(T), (T) => (form(T.commit) ?? main()).append(T.editor)),
    harmful('editor', 'editor_outside_the_form', (T) => hasEditor(T) && hasCommit(T) && form(T.commit)?.contains(T.editor), (T) => form(T.commit).before(T.editor)),
    harmful('editor', 'editor_replaced', hasEditor, (T, R) => T.editor.replaceWith(make(`<input type="search" aria-label="${R.word()}">`))),
    harmful('editor', 'editor_in_a_dialog', hasEditor, (T) => { const d = wrap(T.editor); d.setAttribute('role', 'dialog'); d.setAttribute('aria-label', 'Comment'); }),
    harmful('editor', 'editor_locked', hasEditor, (T) => { if ('readOnly' in T.editor) T.editor.readOnly = true; else T.editor.setAttribute('contenteditable', 'false'); T.editor.setAttribute('aria-readonly', 'true'); }),

    // ---- harmful: landmarks ----------------------------------------------------------------------------------------------------
    harmful('landmark', 'landmark_gone', hasLandmark, (T, R) => anyLandmark(T, R).remove()),
    harmful('landmark', 'landmark_hidden', hasLandmark, (T, R) => { anyLandmark(T, R).style.display = 'none'; }),
    harmful('landmark', 'landmark_in_the_footer', (T) => hasLandmark(T) && !!$('body > footer'), (T, R) => $('body > footer').append(anyLandmark(T, R))),
    harmful('landmark', 'landmark_in_a_dialog', hasLandmark, (T, R) => { const d = wrap(anyLandmark(T, R)); d.setAttribute('role', 'dialog'); }),
    harmful('landmark', 'landmark_of_another_role', hasLandmark, (T, R) => { const it = anyLandmark(T, R); it.setAttribute('role', R.pick(['link', 'img', 'tab'].filter((role) => role !== roleOf(it)))); }),
    harmful('landmark', 'landmark_renamed', hasLandmark, (T, R) => anyLandmark(T, R).setAttribute('aria-label', R.pick(['Sign in', 'Join now', 'Open in the app']))),

    // ---- harmful: a challenge --------------------------------------------------------------------------------------------------
    harmful('challenge', 'captcha_frame', (T) => T.challenges.includes('captcha'), () => main().prepend(make('<iframe title="Security check" src="about:blank?captcha" width="300" height="80"></iframe>'))),
    harmful('challenge', 'captcha_in_words', (T) => T.challenges.includes('captcha'), (T) => main().prepend(make(`<section role="alertdialog" aria-label="Check"><h2>${T.words.captcha ?? ''}</h2><button>Continue</button></section>`))),
    harmful('challenge', 'log_in_wall', (T) => !!T.css.logged_out, (T) => document.body.append(make(T.css.logged_out))),
    harmful('challenge', 'checkpoint_in_place', (T) => !!T.css.checkpoint, (T) => main().prepend(make(T.css.checkpoint))),
    harmful('challenge', 'suspicious_in_words', (T) => !!T.words.suspicious, (T) => main().prepend(make(`<div role="alert">${T.words.suspicious} from a new device</div>`))),
    harmful('challenge', 'rate_limit_in_words', (T) => !!T.words.rate_limit, (T, R) => main().prepend(make(`<div role="alert">You are ${T.words.rate_limit.replace('{seconds}', String(1 + R.int(600)))}</div>`))),

    // ---- harmful: somebody else ------------------------------------------------------------------------------------------------
    harmful('identity', 'another_account_throughout', hasProfile, (T, R) => { const other = R.word(); T.set('handle', `@${other}`); T.set('name', other); T.setPicture(picture(R)); T.set('switcher', `@${other}`); }),
    harmful('identity', 'another_handle', (T) => hasProfile(T) && !!T.signals.handle, (T, R) => T.set('handle', `@${R.word()}`)),
    harmful('identity', 'another_handle_by_one_letter', (T) => hasProfile(T) && !!T.signals.handle, (T, R) => T.set('handle', R.pick([`@${T.handle}1`, `@the${T.handle}`, `@${T.handle.replace('o', '0')}x`, `@${T.handle.replace('o', 'о')}`.replace('a', 'а')]))),
    harmful('identity', 'another_entry_selected', (T) => hasProfile(T) && !!T.signals.switcher, (T, R) => T.set('switcher', `@${R.word()}`)),
    harmful('identity', 'only_the_name_is_left', (T) => hasProfile(T) && !!T.signals.name, (T) => { T.drop('handle'); T.drop('switcher'); }),
    harmful('identity', 'only_the_handle_is_left', (T) => hasProfile(T) && !!T.signals.handle, (T, R) => { T.set('name', R.word()); T.setPicture(picture(R)); T.drop('switcher'); }),
    harmful('identity', 'another_accounts_avatar_and_name', (T) => hasProfile(T) && !!T.signals.switcher, (T, R) => { T.setPicture(picture(R)); T.set('name', R.word()); T.drop('handle'); }),
    harmful('identity', 'public_view_of_the_profile', (T) => hasProfile(T) && !!T.signals.own, (T) => { T.drop('own'); T.drop('switcher'); }),
    harmful('identity', 'two_handles', (T) => hasProfile(T) && !!T.signals.handle && !!T.signals.switcher, (T, R) => { const copy = T.signals.handle.cloneNode(true); copy.textContent = `@${R.word()}`; T.signals.handle.after(copy); T.drop('switcher'); T.signals.handle.before(copy.cloneNode(true)); }),
    harmful('identity', 'signed_out_shell', hasProfile, (T) => { for (const s of ['handle', 'name', 'avatar', 'switcher', 'own']) T.drop(s); }),
  ];

  // A place counts siblings from the document's element down; 65535 leads into a shadow root.
  const at = (path) => path.reduce((el, i) => (i === 65535 ? el?.shadowRoot : el?.children[i]), document.documentElement);
  // The true nodes of this page, from the places where they stood when it was recorded.
  const truth = (given) => {
    const elements = {};
    for (const [name, path] of Object.entries(given.elements)) elements[name] = at(path);
    const T = { ...given, elements, commit_name: given.commit, commit: elements[given.commit] ?? null, editor: elements[given.editor] ?? null, entries: given.entries.map(at) };
    T.form = T.commit?.closest('form');
    T.signals = Object.fromEntries(Object.entries(given.signals).map(([signal, name]) => [signal, elements[name] ?? null]));
    const selected = given.selected ? at(given.selected) : null;
    // As the platform writes a handle there: what stands before it on the page, else in the recipe.
    const form = (signal, el) => { const shown = el.textContent.trim(); return shown.includes(given.handle) ? shown.split(given.handle)[0] : given.forms[signal] ?? '@'; };
    T.set = (signal, words) => { const el = signal === 'switcher' ? selected : T.signals[signal]; if (el) say(el, words.replace(/^@/, form(signal, el))); };
    T.setPicture = (src) => { const el = T.signals.avatar; if (el) { el.removeAttribute('srcset'); el.src = src; } };
    T.drop = (signal) => T.signals[signal]?.remove();
    return T;
  };
  // An operator that can not even be asked has nothing to change here: it was written for pages without shadow roots.
  // Where a form is sent to is told by its submit button alone: on another element these two attributes do nothing.
  // What stands above the editor can not be moved there. Nor is anything but a form's control disabled by the attribute of that name.
  const OF_A_SUBMIT = ['form_sends_elsewhere', 'bound_to_another_form'];
  const fits = (o, T) => { try { return o.on(T) && (!OF_A_SUBMIT.includes(o.name) || T.commit.type === 'submit') && (o.name !== 'disabled' || 'disabled' in T.commit)
    && (o.name !== 'moved_above_the_editor_by_style' || rectOf(T.commit).bottom > rectOf(T.editor).top); } catch { return false; } };
  const whole = (root) => [...root.children].map((el) => el.outerHTML).join('') + [...root.querySelectorAll('*')].map((el) => (el.shadowRoot ? whole(el.shadowRoot) : '')).join('');
  const kept = { truth: null };
  globalThis.__judgement = {
    list: (given) => { const T = truth(given); return OPERATORS.filter((o) => fits(o, T)).map(({ name, kind, of }) => ({ name, kind, of })); },
    all: () => OPERATORS.map(({ name, kind, of }) => ({ name, kind, of })),
    apply: (given, names, seed) => {
      const T = truth(given);
      kept.truth = T;
      let before = '';
      names.forEach((name, i) => { before = whole(document); OPERATORS.find((o) => o.name === name).apply(T, dice(seed + i * 7919)); });
      // A harm that changes nothing is none: two neighbours with the same marks, say. (One moves later, from frame to frame.)
      const label = OPERATORS.find((o) => o.name === names.at(-1));
      return label.kind === 'benign' || label.name === 'never_at_rest' || before !== whole(document);
    },
    // Where the true commit element stands now; null: there is none any more.
    commit: () => { const path = []; let el = kept.truth?.commit; if (!el?.isConnected) return null; for (let up = el.parentNode; up?.children && up !== document; up = el.parentNode) { path.unshift([...up.children].indexOf(el)); const root = up instanceof ShadowRoot; if (root) path.unshift(65535); el = root ? up.host : up; } return path; },
    // The five states of an identity signal.
    signal: (given, signal, state, lateMs) => {
      const T = kept.truth ?? (kept.truth = truth(given));
      const names = signal === 'avatar_or_name' ? ['name', 'avatar'] : [signal];
      const each = (f) => names.forEach((n) => { if (T.signals[n]) f(n, T.signals[n]); });
      if (state === 'mismatch') each((n) => (n === 'avatar' ? T.setPicture(picture(dice(5))) : T.set(n, n === 'name' ? 'Somebody Else' : '@somebody_else')));
      if (state === 'missing') each((n, el) => el.remove());
      if (state === 'ambiguous') each((n, el) => el.after(el.cloneNode(true)));
      if (state === 'late') each((n, el) => { const next = document.createComment(''); el.replaceWith(next); setTimeout(() => next.replaceWith(el), lateMs); });
    },
  };
})();
