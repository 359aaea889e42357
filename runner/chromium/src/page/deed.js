// Looks at a page. Runs in an isolated world of its own: the page can neither see nor change it, and it changes nothing
// in the page but scroll positions and focus. It reports what each locator names and judges nothing.
(() => {
  if (globalThis.__deed) return;

  // ---- nodes ----------------------------------------------------------------------------------------------------------
  const ids = new WeakMap();
  const nodes = new Map();
  let last = 0;
  const idOf = (el) => {
    let id = ids.get(el);
    if (!id) { id = ++last; ids.set(el, id); nodes.set(id, new WeakRef(el)); }
    return id;
  };
  const node = (id) => {
    const el = nodes.get(id)?.deref();
    return el && el.isConnected ? el : null;
  };

  // Open shadow roots are crossed; closed ones can not be.
  const roots = () => {
    const found = [document];
    for (let i = 0; i < found.length; i++) {
      for (const el of found[i].querySelectorAll('*')) if (el.shadowRoot) found.push(el.shadowRoot);
    }
    return found;
  };
  let rootsNow = null;
  const all = (css) => {
    rootsNow ??= roots();
    return rootsNow.flatMap((root) => [...root.querySelectorAll(css)]);
  };

  // ---- texts, names, roles ---------------------------------------------------------------------------------------------
  const fold = (s) => (s ?? '').replace(/[\u200b\ufeff\u2060]/g, '').replace(/\s+/g, ' ').trim();
  const box = (el) => {
    const r = el.getBoundingClientRect();
    return { x: r.x, y: r.y, width: r.width, height: r.height };
  };
  const visible = (el) => {
    const r = el.getBoundingClientRect();
    return r.width > 0 && r.height > 0 && (!el.checkVisibility || el.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
      && !el.closest('[aria-hidden=true]');
  };
  const secret = (el) => el.matches?.('input[type=password], input[autocomplete="one-time-code"]');
  const isField = (el) => el.matches?.('input, textarea, select');
  const textOf = (el) => {
    if (secret(el)) return '•'.repeat(Math.min(el.value.length, 8));
    if (el.matches?.('input[type=file]')) return [...el.files].map((f) => f.name).join(', ');
    if (isField(el)) return el.value;
    return el.innerText ?? el.textContent ?? '';
  };
  const INPUT_ROLES = { button: 'button', submit: 'button', reset: 'button', image: 'button', checkbox: 'checkbox', radio: 'radio',
    range: 'slider', number: 'spinbutton', search: 'searchbox', email: 'textbox', tel: 'textbox', text: 'textbox', url: 'textbox' };
  const TAG_ROLES = { button: 'button', textarea: 'textbox', nav: 'navigation', main: 'main', article: 'article', aside: 'complementary',
    ul: 'list', ol: 'list', li: 'listitem', dialog: 'dialog', h1: 'heading', h2: 'heading', h3: 'heading', h4: 'heading', h5: 'heading',
    h6: 'heading', p: 'paragraph', table: 'table', option: 'option', summary: 'button', progress: 'progressbar', output: 'status' };
  const roleOf = (el) => {
    const given = el.getAttribute?.('role')?.trim().split(/\s+/)[0];
    if (given) return given;
    const tag = el.localName;
    if (tag === 'a') return el.hasAttribute('href') ? 'link' : 'generic';
    if (tag === 'input') return INPUT_ROLES[el.type] ?? (el.type === 'password' || el.type === 'file' ? '' : 'textbox');
    if (tag === 'select') return el.multiple || el.size > 1 ? 'listbox' : 'combobox';
    if (tag === 'img') return el.getAttribute('alt') === '' ? 'presentation' : 'img';
    if (tag === 'header' || tag === 'footer') {
      const inside = el.parentElement?.closest('article, aside, main, nav, section');
      return inside ? 'generic' : tag === 'header' ? 'banner' : 'contentinfo';
    }
    if (tag === 'section') return labelled(el) ? 'region' : 'generic';
    if (tag === 'form') return labelled(el) ? 'form' : 'generic';
    return TAG_ROLES[tag] ?? 'generic';
  };
  const labelled = (el) => el.hasAttribute('aria-label') || el.hasAttribute('aria-labelledby');
  const FROM_CONTENT = new Set(['button', 'link', 'heading', 'menuitem', 'menuitemradio', 'menuitemcheckbox', 'option', 'tab', 'checkbox',
    'radio', 'switch', 'cell', 'listitem', 'treeitem', 'tooltip']);
  const nameOf = (el) => {
    const by = el.getAttribute?.('aria-labelledby');
    if (by) {
      const root = el.getRootNode();
      const text = fold(by.split(/\s+/).map((id) => root.getElementById?.(id)?.textContent ?? '').join(' '));
      if (text) return text;
    }
    const label = fold(el.getAttribute?.('aria-label'));
    if (label) return label;
    if (el.labels?.length) return fold([...el.labels].map((l) => l.innerText).join(' '));
    if (el.localName === 'img' || el.matches?.('input[type=image]')) return fold(el.getAttribute('alt') ?? el.title);
    if (el.matches?.('input[type=submit], input[type=button], input[type=reset]')) return fold(el.value);
    if (FROM_CONTENT.has(roleOf(el))) {
      const text = fold(el.innerText || [...el.querySelectorAll('img[alt], [aria-label]')].map((e) => e.getAttribute('aria-label') ?? e.alt).join(' '));
      if (text) return text;
    }
    return fold(el.getAttribute?.('title') || el.getAttribute?.('placeholder'));
  };
  const REGIONS = new Set(['banner', 'main', 'contentinfo', 'navigation', 'complementary', 'form', 'region', 'dialog', 'alertdialog', 'search',
    'feed', 'article', 'menu', 'toolbar', 'tablist', 'table', 'list']);
  const up = (el) => el.parentElement ?? el.getRootNode()?.host ?? null;
  const regionsOf = (el) => {
    const chain = [];
    for (let at = up(el); at; at = up(at)) {
      const role = roleOf(at);
      if (REGIONS.has(role)) chain.unshift(role);
      else if (at.localName === 'footer' || at.localName === 'header') chain.unshift(at.localName);
    }
    return chain;
  };
  const enabled = (el) => !el.disabled && el.getAttribute?.('aria-disabled') !== 'true' && !el.closest?.('fieldset[disabled], [inert]');
  const factsOf = (el) => ({ tag: el.localName, role: roleOf(el), name: nameOf(el), text: textOf(el), visible: visible(el),
    enabled: enabled(el), rect: box(el), regions: regionsOf(el) });

  // ---- locators ----------------------------------------------------------------------------------------------------------
  const ROLE_CSS = { button: 'button, input, summary, [role]', link: 'a[href], [role]', textbox: 'input, textarea, [role]', img: 'img, [role]',
    heading: 'h1, h2, h3, h4, h5, h6, [role]' };
  const byText = (wanted, among) => {
    const hits = among.filter((el) => fold(isField(el) ? el.value : el.innerText) === wanted);
    // The smallest: no other hit inside it.
    return hits.filter((el) => !hits.some((other) => other !== el && el.contains(other)));
  };
  const near = (locator, elements) => {
    const anchors = matches(elements[locator.of] ?? [], elements, true);
    const wanted = fold(locator.text);
    const candidates = all('button, a, [role], input, label, summary, span, div, p').filter((el) => visible(el)
      && (fold(el.innerText) === wanted || nameOf(el) === wanted));
    const smallest = candidates.filter((el) => !candidates.some((other) => other !== el && other.contains(el)
      && nameOf(other) === wanted) );
    return smallest.filter((el) => anchors.some((anchor) => {
      const a = anchor.getBoundingClientRect(); const b = el.getBoundingClientRect();
      switch (locator.side) {
        case 'below': return b.top >= a.bottom - 1;
        case 'above': return b.bottom <= a.top + 1;
        case 'left_of': return b.right <= a.left + 1;
        case 'right_of': return b.left >= a.right - 1;
        default: return anchor !== el && anchor.contains(el);
      }
    }));
  };
  const xpath = (expression) => {
    const result = document.evaluate(expression, document, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE, null);
    return Array.from({ length: result.snapshotLength }, (_, i) => result.snapshotItem(i)).filter((n) => n.nodeType === 1);
  };
  const find = (locator, elements) => {
    const [kind, value] = typeof locator === 'string' ? [locator, null] : Object.entries(locator)[0];
    switch (kind) {
      case 'css': return all(value);
      case 'test_id': return ['data-testid', 'data-test-id', 'data-test'].flatMap((a) => all(`[${a}="${CSS.escape(value)}"]`));
      case 'role': return all(ROLE_CSS[value.role] ?? '*').filter((el) => roleOf(el) === value.role
        && (value.name == null || nameOf(el) === fold(value.name)));
      case 'label': return all('input, textarea, select, button, [contenteditable], [role]').filter((el) => nameOf(el) === fold(value));
      case 'text': return byText(fold(value), all('body *').filter((el) => !['SCRIPT', 'STYLE', 'NOSCRIPT'].includes(el.tagName)));
      case 'xpath': return xpath(value);
      case 'near': return near(value, elements);
      default: return [];
    }
  };
  const tried = (locator, elements) => { try { return find(locator, elements); } catch { return []; } };
  const matches = (locators, elements, one) => {
    for (const locator of locators) {
      if (typeof locator === 'object' && 'near' in locator) continue;
      const found = tried(locator, elements).filter(visible);
      if (one && found.length) return found.slice(0, 1);
    }
    return [];
  };
  const hiddenCounts = (el) => el.matches?.('input[type=file]');
  const vote = (locator, elements) => tried(locator, elements).filter((el) => visible(el) || hiddenCounts(el));

  // ---- what a page says --------------------------------------------------------------------------------------------------
  const toasts = () => all('[role=status], [role=alert], [aria-live=polite], [aria-live=assertive], output').filter(visible)
    .map((el) => fold(el.innerText)).filter(Boolean);
  const globMatch = (glob, text) => {
    const parts = glob.split('*');
    if (parts.length === 1) return glob === text;
    if (!text.startsWith(parts[0]) || !text.endsWith(parts.at(-1))) return false;
    let at = parts[0].length;
    for (const part of parts.slice(1, -1)) { const i = text.indexOf(part, at); if (i < 0) return false; at = i + part.length; }
    return at <= text.length - parts.at(-1).length;
  };
  const statuses = () => {
    const document_ = performance.getEntriesByType('navigation')[0]?.responseStatus || null;
    const background = performance.getEntriesByType('resource')
      .filter((e) => (e.initiatorType === 'fetch' || e.initiatorType === 'xmlhttprequest') && e.responseStatus >= 400)
      .map((e) => e.responseStatus);
    return { document: document_, background };
  };
  const waitInWords = (pattern, text) => {
    const lower = fold(text).toLowerCase();
    const [before, after] = fold(pattern).toLowerCase().split('{seconds}');
    if (after === undefined) return lower.includes(before) ? {} : null;
    for (let at = lower.indexOf(before); at >= 0; at = lower.indexOf(before, at + 1)) {
      const rest = /^\s*(\d{1,6})\s*/.exec(lower.slice(at + before.length));
      if (rest && lower.slice(at + before.length + rest[0].length).startsWith(after.trim())) return { seconds: Number(rest[1]) };
    }
    return null;
  };
  const challenges = (list) => {
    const hits = [];
    let page = null; let status = null;
    for (const { kind, any } of list) {
      for (const detector of any) {
        const [how, value] = Object.entries(detector)[0];
        let hit = null;
        try {
          if (how === 'css') hit = all(value).some(visible) ? {} : null;
          else if (how === 'url') hit = globMatch(value, location.pathname) ? {} : null;
          else if (how === 'status') { status ??= statuses(); hit = status.document === value || status.background.includes(value) ? {} : null; }
          else if (how === 'text') { page ??= document.body?.innerText ?? ''; hit = waitInWords(value, page); }
        } catch { hit = null; }
        if (hit) hits.push({ kind, detector: `${how} ${JSON.stringify(value)}`, seconds: hit.seconds ?? null });
      }
    }
    return hits;
  };
  const items = (how, max) => all(how.each).slice(0, max).map((el) => {
    const pick = (css) => (css ? el.querySelector(css) : null);
    const time = pick(how.time);
    // An entry may be the link itself, or its text a picture's alternative (a grid of pictures that are links).
    const self = (css) => pick(css) ?? (css && el.matches(css) ? el : null);
    const link = self(how.permalink);
    const text = self(how.text);
    const words = text?.localName === 'img' ? text.alt : text?.innerText;
    return { id: how.id_attribute ? el.getAttribute(how.id_attribute) : null, text: words ?? '',
      author: how.author ? (pick(how.author)?.innerText ?? null) : null, media: how.media ? el.querySelectorAll(how.media).length : 0,
      at: time ? (time.getAttribute('datetime') || time.innerText) : null, permalink: link ? link.href : null,
      pending: !!(how.pending && pick(how.pending)) };
  });

  // ---- looking and waiting -----------------------------------------------------------------------------------------------
  const holds = (need, q) => {
    const [kind, value] = typeof need === 'string' ? [need, null] : Object.entries(need)[0];
    const shown = (name) => Math.max(0, ...(q.elements[name] ?? []).map((l) => vote(l, q.elements).filter(visible).length));
    switch (kind) {
      case 'visible': return shown(value) > 0;
      case 'present': return (q.elements[value] ?? []).some((l) => tried(l, q.elements).length > 0);
      case 'count': return shown(value[0]) >= value[1];
      case 'toast': return toasts().some((t) => t.toLowerCase().includes(fold(value).toLowerCase()));
      case 'path': return globMatch(value, location.pathname);
      default: return false;
    }
  };
  const done = (q) => (q.until.length > 0 || q.until_any.length > 0)
    && q.until.every((n) => holds(n, q)) && (q.until_any.length === 0 || q.until_any.some((n) => holds(n, q)));
  const look = (q) => {
    rootsNow = null;
    const votes = {}; const facts = {};
    for (const name of q.asked) {
      votes[name] = (q.elements[name] ?? []).map((l) => vote(l, q.elements).slice(0, 50).map((el) => {
        const id = idOf(el);
        facts[id] ??= factsOf(el);
        return id;
      }));
    }
    if (q.commit && votes[q.commit]) {
      const one = new Set(votes[q.commit].filter((v) => v.length === 1).map((v) => v[0]));
      for (const id of one) track(id);
    }
    const marker = q.marker?.attribute
      ? (all(q.marker.attribute.css)[0]?.getAttribute(q.marker.attribute.attribute) || null) : null;
    return { url: location.href, status: statuses().document, lang: document.documentElement.lang || null, votes, nodes: facts,
      challenges: challenges(q.challenges), items: q.items ? items(q.items, q.items_max) : null, toasts: toasts(), marker,
      satisfied: done(q) };
  };
  const lookUntil = (q) => new Promise((resolve) => {
    const end = performance.now() + q.within;
    // Reading all of a page's text for challenges costs a layout: on the slow beat only, not with every change of the page.
    let heard = 0;
    const ready = () => {
      rootsNow = null;
      if (done(q)) return true;
      if (performance.now() - heard < 100) return false;
      heard = performance.now();
      return challenges(q.challenges).length > 0;
    };
    if (q.within === 0 || (q.until.length === 0 && q.until_any.length === 0) || ready()) { resolve(look(q)); return; }
    let timer = 0; let observer = null;
    const finish = () => { clearTimeout(timer); observer.disconnect(); resolve(look(q)); };
    const check = () => {
      timer = 0;
      if (ready() || performance.now() >= end) finish();
      else schedule(100);
    };
    // Changes that no mutation tells (a transition, a finished picture) are seen by the slow timer.
    const schedule = (ms) => { timer = setTimeout(check, Math.max(1, Math.min(ms, end - performance.now()))); };
    let hurried = false;
    observer = new MutationObserver(() => {
      if (hurried) return;
      hurried = true;
      requestAnimationFrame(() => { hurried = false; if (observer) { clearTimeout(timer); check(); } });
    });
    observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    schedule(100);
  });

  // ---- stillness, aiming, input ------------------------------------------------------------------------------------------
  // How long a tracked node has stood where it stands.
  const still = new Map();
  const sameBox = (a, b) => ['x', 'y', 'width', 'height'].every((k) => Math.abs(a[k] - b[k]) < 0.5);
  const track = (id) => {
    if (still.has(id)) return;
    const state = { rect: null, since: performance.now() };
    still.set(id, state);
    const tick = () => {
      const el = node(id);
      if (!el) { still.delete(id); return; }
      const rect = box(el);
      if (!state.rect || !sameBox(rect, state.rect)) { state.rect = rect; state.since = performance.now(); }
      requestAnimationFrame(tick);
    };
    tick();
  };
  const deepest = (x, y) => {
    let el = document.elementFromPoint(x, y);
    while (el?.shadowRoot) {
      const inner = el.shadowRoot.elementFromPoint(x, y);
      if (!inner || inner === el) break;
      el = inner;
    }
    return el;
  };
  const holdsNode = (outer, inner) => { for (let at = inner; at; at = up(at)) if (at === outer) return true; return false; };
  const describe = (el) => (el ? `${roleOf(el)} "${nameOf(el) || fold(el.innerText).slice(0, 40)}"` : 'nothing');
  const intoView = (el) => {
    const r = el.getBoundingClientRect();
    if (r.top < 0 || r.left < 0 || r.bottom > innerHeight || r.right > innerWidth) el.scrollIntoView({ block: 'center', inline: 'nearest', behavior: 'instant' });
  };
  const hitTest = (el) => {
    const r = el.getBoundingClientRect();
    const x = r.x + r.width / 2; const y = r.y + r.height / 2;
    if (x < 0 || y < 0 || x >= innerWidth || y >= innerHeight) return { why: 'it can not be brought into view' };
    const top = deepest(x, y);
    if (!top || !holdsNode(el, top)) return { why: `${describe(top)} lies in front of it` };
    if (!visible(el)) return { why: 'it is not visible' };
    if (!enabled(el)) return { why: 'it is disabled' };
    return { point: [x, y], rect: box(el) };
  };
  const commitNodes = (q) => new Set((q.commit_locators ?? []).flatMap((l) => tried(l, q.elements)));
  // Where a reversible input may go: not onto, into or around a commit element.
  const reversible = (id, q) => {
    rootsNow = null;
    const el = node(id);
    if (!el) return { why: 'it is gone' };
    intoView(el);
    for (const commit of commitNodes(q)) {
      if (commit === el || commit.contains(el)) return { why: 'it is the commit element of the flow' };
    }
    const hit = hitTest(el);
    if (hit.point) {
      const top = deepest(...hit.point);
      for (const commit of commitNodes(q)) if (holdsNode(commit, top)) return { why: 'the commit element of the flow would be hit' };
    }
    return hit;
  };
  const aim = (id, minMs, withinMs) => new Promise((resolve) => {
    const el = node(id);
    if (!el) { resolve({ why: 'it is gone' }); return; }
    intoView(el);
    track(id);
    const end = performance.now() + withinMs;
    const check = () => {
      const state = still.get(id);
      if (!node(id) || !state) { resolve({ why: 'it is gone' }); return; }
      const age = performance.now() - state.since;
      if (age >= minMs && sameBox(state.rect, box(el))) { resolve(hitTest(el)); return; }
      if (performance.now() >= end) { resolve({ why: 'it does not stand still' }); return; }
      setTimeout(check, Math.max(4, Math.min(minMs - age, 50)));
    };
    check();
  });
  // One last pass before the press: same place, still, nothing in front.
  const recheck = (id, rect, minMs, q) => {
    const el = node(id);
    if (!el) return { why: 'it is gone' };
    const state = still.get(id);
    if (!state || performance.now() - state.since < minMs || !sameBox(rect, box(el))) return { why: 'it moved' };
    const hit = hitTest(el);
    return hit.why ? hit : { ...hit, seen: look(q) };
  };
  const focus = (id) => {
    const el = node(id);
    if (!el) return { why: 'it is gone' };
    intoView(el);
    el.focus();
    const root = el.getRootNode();
    if (root.activeElement !== el && !el.contains(root.activeElement)) return { why: 'it does not take the focus' };
    const text = isField(el) ? el.value : el.innerText;
    if (text && fold(text)) {
      if (isField(el) && el.select) el.select();
      else { const range = document.createRange(); range.selectNodeContents(el); const s = getSelection(); s.removeAllRanges(); s.addRange(range); }
    }
    return { text: text ?? '', multiline: !el.matches('input'), fold: fold(text) };
  };
  const textAt = (id) => { const el = node(id); return el ? { text: textOf(el) } : { why: 'it is gone' }; };
  const picture = async (id, withinMs) => {
    const el = node(id);
    if (!el) return { why: 'it is gone' };
    if (el.localName === 'img' && !el.complete) {
      await Promise.race([new Promise((r) => { el.addEventListener('load', r); el.addEventListener('error', r); }), new Promise((r) => setTimeout(r, withinMs))]);
    }
    if (el.localName === 'img' && !(el.complete && el.naturalWidth > 0)) return { why: 'the picture did not load' };
    intoView(el);
    return { rect: box(el), scroll: [scrollX, scrollY] };
  };
  const html = () => {
    const secrets = 'input[type=password][value], input[autocomplete="one-time-code"][value]';
    if (!document.querySelector(secrets)) return '<!DOCTYPE html>' + document.documentElement.outerHTML;
    const copy = document.documentElement.cloneNode(true);
    for (const el of copy.querySelectorAll(secrets)) el.setAttribute('value', '');
    return '<!DOCTYPE html>' + copy.outerHTML;
  };

  globalThis.__deed = { lookUntil, aim, recheck, reversible, focus, textAt, picture, html, node };
})();
