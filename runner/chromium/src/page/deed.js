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
    return el && connected(el) ? el : null;
  };

  // Open shadow roots are crossed, and inner frames of the same origin; closed roots can not be. An inner frame of another origin has looking
  // code of its own, or is not looked into at all; here it is an element like any other.
  const frames = new WeakMap();
  const frameOf = (el) => (el.ownerDocument === document ? null : frames.get(el.ownerDocument) ?? null);
  const connected = (el) => {
    if (!el.isConnected) return false;
    const frame = frameOf(el);
    return frame ? frame.contentDocument === el.ownerDocument && connected(frame) : el.ownerDocument === document;
  };
  const inner = (el) => {
    if (el.localName !== 'iframe' && el.localName !== 'frame') return null;
    try { return el.contentDocument; } catch { return null; }
  };
  // An inner frame that this code can not cross: who puts an input there does not know what it reaches.
  const isForeign = (el) => (el.localName === 'object' ? !!el.contentWindow && !el.contentDocument
    : (el.localName === 'iframe' || el.localName === 'frame') && !inner(el));
  const FOREIGN = 'an inner frame of another origin lies there';
  // The elements of a root are the same until one comes or goes; a shadow root comes without a word, so each is asked for it in
  // every pass. To be handed the elements of a large page costs ten times what asking them does.
  let elementsOf = new WeakMap();
  const forget = () => { watch.disconnect(); elementsOf = new WeakMap(); };
  const watch = new MutationObserver(forget);
  const elementsIn = (root) => {
    let known = elementsOf.get(root);
    if (!known) {
      known = { elements: Array.from(root.querySelectorAll('*')), frames: new Set(root.querySelectorAll('iframe, frame')) };
      elementsOf.set(root, known);
      watch.observe(root, { subtree: true, childList: true });
    }
    return known;
  };
  const roots = () => {
    if (watch.takeRecords().length) forget();
    const found = [document];
    for (let i = 0; i < found.length; i++) {
      const { elements, frames: inside } = elementsIn(found[i]);
      for (const el of elements) {
        if (el.shadowRoot) found.push(el.shadowRoot);
        const doc = inside.size && inside.has(el) ? inner(el) : null;
        if (doc) { frames.set(doc, el); found.push(doc); }
      }
    }
    return found;
  };
  let rootsNow = null;
  const lists = new Map();
  let framed = null;
  // What was found of the page holds for one pass only.
  const anew = () => { rootsNow = null; lists.clear(); held.clear(); texts.clear(); names.clear(); framed = null; };
  // Not to be changed by who asks: the next one gets the same.
  const all = (css) => {
    if (!lists.has(css)) {
      rootsNow ??= roots();
      lists.set(css, rootsNow.flatMap((root) => Array.from(root.querySelectorAll(css))));
    }
    return lists.get(css);
  };

  // What any of these simple selectors finds, in the order of `all`. A browser has each of them at hand, but tries a list of them on
  // each element of the page; so the few that one finds are put between the many that another one finds.
  const FEW = 256;
  const isBefore = (a, b) => (a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0;
  const anyOf = (simple) => {
    const css = simple.join(', ');
    if (lists.has(css)) return lists.get(css);
    rootsNow ??= roots();
    if (rootsNow.length > 1) return all(css);
    const [most, ...others] = simple.map(all).sort((a, b) => b.length - a.length);
    const there = new Set(most);
    const few = [...new Set(others.flat())].filter((el) => !there.has(el));
    if (few.length > FEW) return all(css);
    if (!few.length) { lists.set(css, most); return most; }
    few.sort((a, b) => (isBefore(a, b) ? -1 : 1));
    const found = [];
    let from = 0;
    for (const el of few) {
      let to = most.length;
      for (let low = from; low < to;) {
        const middle = (low + to) >> 1;
        if (isBefore(most[middle], el)) low = middle + 1; else to = middle;
      }
      for (; from < to; from++) found.push(most[from]);
      found.push(el);
    }
    for (; from < most.length; from++) found.push(most[from]);
    lists.set(css, found);
    return found;
  };

  // ---- texts, names, roles ---------------------------------------------------------------------------------------------
  const ODD = /[\s\u200b\ufeff\u2060]/;
  const fold = (s) => (s && ODD.test(s) ? s.replace(/[\u200b\ufeff\u2060]/g, '').replace(/\s+/g, ' ').trim() : s ?? '');
  // Where an inner frame's content begins, in the coordinates of the document that it stands in.
  const contentOf = (frame) => {
    const r = frame.getBoundingClientRect();
    const style = frame.ownerDocument.defaultView.getComputedStyle(frame);
    return { x: r.x + frame.clientLeft + parseFloat(style.paddingLeft), y: r.y + frame.clientTop + parseFloat(style.paddingTop) };
  };
  // In the top document's viewport, whatever frame it stands in.
  const box = (el) => {
    const r = el.getBoundingClientRect();
    let { x, y } = r;
    for (let frame = frameOf(el); frame; frame = frameOf(frame)) {
      const at = contentOf(frame);
      x += at.x; y += at.y;
    }
    return { x, y, width: r.width, height: r.height, left: x, top: y, right: x + r.width, bottom: y + r.height };
  };
  const rectOf = (el) => { const { x, y, width, height } = box(el); return { x, y, width, height }; };
  const visible = (el) => {
    const r = el.getBoundingClientRect();
    return r.width > 0 && r.height > 0 && (!el.checkVisibility || el.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
      && !el.closest('[aria-hidden=true]') && (!frameOf(el) || visible(frameOf(el)));
  };
  const secret = (el) => el.matches?.('input[type=password], input[autocomplete="one-time-code"]');
  const isField = (el) => el.matches?.('input, textarea, select');
  // Many pages show an emoji as a small picture that names it: a word of the text all the same, which `innerText` leaves out.
  const EMOJI = /\p{Extended_Pictographic}|\p{Regional_Indicator}|\u20e3/u;
  const isEmoji = (img) => img.alt.length <= 20 && EMOJI.test(img.alt);
  const wordsOf = (el) => {
    if (![...el.querySelectorAll?.('img[alt]') ?? []].some(isEmoji)) return el.innerText ?? el.textContent ?? '';
    const of = (at) => {
      if (at.nodeType === Node.TEXT_NODE) return at.data;
      if (at.nodeType !== Node.ELEMENT_NODE) return '';
      if (at.localName === 'br') return '\n';
      if (at.localName === 'img') return isEmoji(at) ? at.alt : '';
      const { display, visibility } = getComputedStyle(at);
      if (display === 'none' || visibility === 'hidden') return '';
      const inner = [...at.childNodes].map(of).join('');
      return display.startsWith('inline') || display === 'contents' ? inner : `\n${inner}\n`;
    };
    return of(el);
  };
  const textOf = (el) => {
    if (secret(el)) return '•'.repeat(Math.min(el.value.length, 8));
    if (el.matches?.('input[type=file]')) return [...el.files].map((f) => f.name).join(', ');
    if (el.localName === 'select') return [...el.selectedOptions].map((o) => o.label).join(', ');
    if (isField(el)) return el.value;
    return wordsOf(el);
  };
  const INPUT_ROLES = { button: 'button', submit: 'button', reset: 'button', image: 'button', checkbox: 'checkbox', radio: 'radio',
    range: 'slider', number: 'spinbutton', search: 'searchbox', email: 'textbox', tel: 'textbox', text: 'textbox', url: 'textbox' };
  const TAG_ROLES = { button: 'button', textarea: 'textbox', nav: 'navigation', main: 'main', article: 'article', aside: 'complementary',
    ul: 'list', ol: 'list', li: 'listitem', dialog: 'dialog', h1: 'heading', h2: 'heading', h3: 'heading', h4: 'heading', h5: 'heading',
    h6: 'heading', p: 'paragraph', table: 'table', option: 'option', summary: 'button', progress: 'progressbar', output: 'status',
    fieldset: 'group', figure: 'figure', details: 'group' };
  const roleOf = (el) => {
    const given = el.getAttribute?.('role');
    const role = given && ODD.test(given) ? given.trim().split(/\s+/)[0] : given;
    if (role) return role;
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
    'radio', 'switch', 'cell', 'treeitem', 'tooltip']);
  // What stands in for content: the parts of `content: "★" / "new"`, of which those after the stroke are what is told.
  const generated = (el, where) => {
    const { content, display } = getComputedStyle(el, where);
    if (!content || content === 'none' || content === 'normal' || display === 'none') return '';
    const told = content.split(/" \/ (?=")/).at(-1);
    const text = [...told.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, quoted]) => quoted.replace(/\\(.)/g, '$1')).join('');
    return display.startsWith('inline') ? text : ` ${text} `;
  };
  const cased = (text, how) => (how === 'uppercase' ? text.toUpperCase() : how === 'lowercase' ? text.toLowerCase() : text);
  const ownTitle = (el) => [...el.children].find((child) => child.localName === 'title')?.textContent;
  const TITLED_BY = { fieldset: 'legend', table: 'caption' };
  const NAMED_BY_VALUE = 'input[type=submit], input[type=button], input[type=reset]';
  // More is not listened to by anybody; Chromium ends there too.
  const NAME_PARTS = 100;
  // The name by which assistive technology knows an element: "Accessible Name and Description Computation 1.2" (W3C), with the spaces that
  // Chromium's accessibility tree puts between parts. `to`: what was met, whether a reference is followed, how much was read. A test
  // compares both.
  const partsOf = (el, to) => {
    const inside = el.localName === 'slot' && el.assignedNodes().length ? el.assignedNodes({ flatten: true }) : [...(el.shadowRoot ?? el).childNodes];
    for (const id of el.getAttribute('aria-owns')?.split(/\s+/) ?? []) inside.push(el.getRootNode().getElementById?.(id) ?? '');
    const { visibility, textTransform } = getComputedStyle(el);
    const shown = visibility === 'visible' || to.unseen;
    const part = (node) => {
      if (node.nodeType === Node.TEXT_NODE) return shown ? cased(node.data, textTransform) : '';
      if (node.nodeType !== Node.ELEMENT_NODE || to.seen.size > NAME_PARTS) return '';
      if (node.localName === 'br') return ' ';
      const { display } = getComputedStyle(node);
      if (!to.unseen && (display === 'none' || node.getAttribute('aria-hidden') === 'true')) return '';
      const { text, stated } = alternative(node, { ...to, of: el });
      const apart = stated || isField(node) || node.localName === 'button' || !(display.startsWith('inline') || display === 'contents');
      return apart ? ` ${text} ` : text;
    };
    return `${generated(el, '::before')}${inside.map(part).join('')}${generated(el, '::after')}`;
  };
  // `stated`: by an attribute or another element, not by what is in it. `to.of`: whose name it is a part of.
  const alternative = (el, to) => {
    if (to.seen.has(el)) return { text: '', stated: false };
    to.seen.add(el);
    const found = (text) => ({ text, stated: true });
    const referred = (others, unseen) => fold(others.map((other) => alternative(other, { ...to, of: el, followed: true, unseen }).text).join(' '));
    const by = to.followed ? null : el.getAttribute?.('aria-labelledby');
    if (by) {
      const root = el.getRootNode();
      const others = by.split(/\s+/).map((id) => root.getElementById?.(id)).filter(Boolean);
      const text = fold(others.map((other) => alternative(other, { seen: new Set(), of: el, followed: true,
        unseen: !other.checkVisibility?.() || other.getAttribute('aria-hidden') === 'true' }).text).join(' '));
      if (text) return found(text);
    }
    const role = roleOf(el);
    if (to.of && (isField(el) || role === 'textbox') && !el.matches(`${NAMED_BY_VALUE}, [type=image], [type=checkbox], [type=radio], [type=file]`)) {
      return found(textOf(el));
    }
    const label = fold(el.getAttribute?.('aria-label'));
    if (label) return found(label);
    if (el.labels?.length) {
      const text = referred([...el.labels], false);
      if (text) return found(text);
    }
    if (el.matches?.('img, area, input[type=image]') && el.hasAttribute('alt')) return found(fold(el.getAttribute('alt')));
    if (el.matches?.(NAMED_BY_VALUE) && el.value) return found(fold(el.value));
    const titled = TITLED_BY[el.localName] && [...el.children].find((child) => child.localName === TITLED_BY[el.localName]);
    const title = titled ? referred([titled], false) : el.namespaceURI === 'http://www.w3.org/2000/svg' ? fold(ownTitle(el)) : '';
    if (title) return found(title);
    if (to.of || FROM_CONTENT.has(role)) {
      const text = partsOf(el, to);
      if (fold(text)) return { text, stated: false };
    }
    if (to.of && el.localName !== 'img') return { text: '', stated: false };
    return found(fold(el.getAttribute?.('title') || el.getAttribute?.('placeholder') || el.getAttribute?.('aria-placeholder')));
  };
  const nameOf = (el) => fold(alternative(el, { seen: new Set() }).text);
  const names = new Map();
  // The name of one of many that a locator looks through; several look through the same ones.
  const nameInPass = (el) => {
    let name = names.get(el);
    if (name === undefined) { name = nameOf(el); names.set(el, name); }
    return name;
  };
  const REGIONS = new Set(['banner', 'main', 'contentinfo', 'navigation', 'complementary', 'form', 'region', 'dialog', 'alertdialog', 'search',
    'feed', 'article', 'menu', 'toolbar', 'tablist', 'table', 'list']);
  const up = (el) => el.parentElement ?? el.getRootNode()?.host ?? frameOf(el);
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
  // `null`: it does not say, or it is neither ("mixed").
  const said = (el, attribute) => ({ true: true, false: false })[el.getAttribute?.(attribute)] ?? null;
  const checkedOf = (el) => (el.matches?.('input[type=checkbox], input[type=radio]') ? (el.indeterminate ? null : el.checked)
    : said(el, 'aria-checked'));
  // What its markup says that a press does. A path without what a database made up; never a query.
  const pathOf = (url) => { try { return new URL(url, location.href).pathname.replace(/[^/]*\d[^/]*/g, '*'); } catch { return '?'; } };
  const actsOf = (el) => {
    if (el.localName === 'a') return el.hasAttribute('href') ? 'follow a link' : '';
    if (!el.matches('button, input[type=submit], input[type=image], input[type=button], input[type=reset]')) return '';
    if (el.type !== 'submit' && el.type !== 'image') return el.type;
    if (!el.form) return 'submit no form';
    const to = el.getAttribute('formaction') ?? el.form.getAttribute('action');
    return to ? `submit to ${pathOf(to)}` : 'submit to its page';
  };
  // What kind of control it is, whatever its state.
  const traitsOf = (el) => {
    const given = (name) => el.getAttribute(name);
    const popup = given('aria-haspopup');
    return [popup && popup !== 'false' ? `opens a ${popup === 'true' ? 'menu' : popup}` : null, given('aria-pressed') !== null ? 'toggle' : null,
      el.readOnly || given('aria-readonly') === 'true' || given('contenteditable') === 'false' ? 'read-only' : null].filter(Boolean);
  };
  // The controls of the page's frame (its header, navigation and footer, none of a post's), by role and name; a page has some dozens.
  const FRAME = 'header, [role=banner], nav, [role=navigation], footer, [role=contentinfo]';
  const CONTROLS = 'button, a[href], input[type=submit], input[type=button], [role=button], [role=link], [role=tab], [role=menuitem], [role=switch]';
  const spoken = (el) => `${roleOf(el)} ${nameInPass(el)}`;
  const inFrame = () => {
    const known = new Map();
    const own = new Set(all(FRAME).filter((part) => !part.closest('article, [role=article], [role=feed]')));
    const inside = all(CONTROLS).filter((el) => { for (let at = up(el); at; at = up(at)) if (own.has(at)) return true; return false; });
    for (const el of inside.slice(0, 300)) if (visible(el)) known.set(spoken(el), [...known.get(spoken(el)) ?? [], el]);
    return known;
  };
  // Whether the frame holds another one of its role and name, whoever's locators name it.
  const twinOf = (el) => el.matches?.(CONTROLS) === true && ((framed ??= inFrame()).get(spoken(el)) ?? []).some((other) => other !== el);
  // The name of the form or dialog that it belongs to.
  const containerOf = (el) => {
    const container = el.form ?? el.closest('form, [role=form], dialog, [role=dialog], [role=alertdialog]');
    return container ? nameOf(container) : '';
  };
  // A box without words of its own around fields (a date and a time) says what stands in them, in their order. What is secret says nothing.
  const FIELDS = 'input:not([type=hidden], [type=file], [type=checkbox], [type=radio]), textarea, select';
  const saysOf = (el) => {
    const text = textOf(el);
    if (fold(text) || isField(el)) return text;
    const fields = [...el.querySelectorAll?.(FIELDS) ?? []].filter((field) => visible(field) && !secret(field));
    return fields.map(textOf).filter(Boolean).join(' ');
  };
  const factsOf = (el) => ({ tag: el.localName, role: roleOf(el), name: nameOf(el), text: saysOf(el), visible: visible(el),
    enabled: enabled(el), pressed: said(el, 'aria-pressed'), checked: checkedOf(el), rect: rectOf(el), regions: regionsOf(el),
    acts: actsOf(el), traits: traitsOf(el), container: containerOf(el), twin: twinOf(el),
    test_id: ['data-testid', 'data-test-id', 'data-test'].map((a) => el.getAttribute(a)).find(Boolean) ?? null });

  // Visible text costs a layout of what is asked; on a large page most elements are ruled out by the text nodes they hold, which the
  // browser finds by itself. Letter case may be style's. A word that is cut into several nodes is not found: a locator falls silent.
  const bare = (s) => s.replace(/[\s\u200b\ufeff\u2060]+/g, '').toLowerCase();
  const literal = (s) => (s.includes('"') ? null : `"${s}"`);
  const held = new Map();
  // All text of a document or an element: forms of a word that are nowhere in it need not be looked for in each of its texts.
  const texts = new Map();
  const allText = (of) => {
    if (!texts.has(of)) texts.set(of, (of.nodeType === 9 ? of.documentElement : of)?.textContent ?? '');
    return texts.get(of);
  };
  const holders = (wanted) => {
    const word = wanted.split(' ')[0];
    const forms = [...new Set([word, word.toLowerCase(), word.toUpperCase()])];
    if (!word || forms.map(literal).includes(null)) return null;
    if (held.has(word)) return held.get(word);
    const found = new Set();
    rootsNow ??= roots();
    for (const context of rootsNow.flatMap((root) => (root.nodeType === 9 ? [root] : [...root.children]))) {
      // One form at a time: an expression with several takes longer than all of them.
      for (const form of forms.filter((f) => allText(context).includes(f))) {
        const expression = `descendant::text()[contains(., ${literal(form)})]`;
        const hits = (context.ownerDocument ?? context).evaluate(expression, context, null, XPathResult.UNORDERED_NODE_ITERATOR_TYPE, null);
        for (let text = hits.iterateNext(); text; text = hits.iterateNext()) {
          for (let at = text.parentElement; at && !found.has(at); at = at.parentElement) found.add(at);
        }
      }
    }
    held.set(word, found);
    return found;
  };
  const mayRead = (el, wanted) => isField(el) || (holders(wanted)?.has(el) ?? true);
  const reads = (el, wanted) => mayRead(el, wanted) && fold(isField(el) ? el.value : el.innerText) === wanted;
  const NAMED_WITHIN = 'img[alt], [aria-label], [aria-labelledby], [title], input, textarea, select, slot';
  const namedBy = (el) => ['aria-label', 'aria-labelledby', 'title', 'placeholder', 'alt'].some((a) => el.hasAttribute(a));
  const isNamed = (el, wanted) => (namedBy(el) || mayRead(el, wanted) || el.labels?.length > 0 || !!el.querySelector(NAMED_WITHIN))
    && nameInPass(el) === wanted;

  // ---- locators ----------------------------------------------------------------------------------------------------------
  const ROLE_CSS = { button: ['button', 'input', 'summary', '[role]'], link: ['a[href]', '[role]'], textbox: ['input', 'textarea', '[role]'],
    img: ['img', '[role]'], heading: ['h1', 'h2', 'h3', 'h4', 'h5', 'h6', '[role]'] };
  const byText = (wanted, among) => {
    const hits = among.filter((el) => reads(el, wanted));
    // The smallest: no other hit inside it.
    return hits.filter((el) => !hits.some((other) => other !== el && el.contains(other)));
  };
  const near = (locator, elements) => {
    const anchors = matches(elements[locator.of] ?? [], elements, true);
    const wanted = fold(locator.text);
    const kinds = 'button, a, [role], input, label, summary, span, div, p';
    const reading = holders(wanted);
    const withName = ['input', '[aria-label]', '[aria-labelledby]', '[title]', '[placeholder]', '[alt]'].flatMap(all);
    const among = reading ? [...new Set([...withName, ...reading])].filter((el) => el.matches(kinds)) : all(kinds);
    const candidates = among.filter((el) => (nameInPass(el) === wanted || (mayRead(el, wanted) && fold(el.innerText) === wanted)) && visible(el))
      .sort((x, y) => (x.compareDocumentPosition(y) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1));
    // Of a box and what is in it, the one that has the name.
    const named = candidates.filter((el) => nameInPass(el) === wanted);
    const smallest = candidates.filter((el) => !named.some((other) => other !== el
      && (other.contains(el) || (el.contains(other) && !named.includes(el)))));
    return smallest.filter((el) => anchors.some((anchor) => {
      const a = box(anchor); const b = box(el);
      switch (locator.side) {
        case 'below': return b.top >= a.bottom - 1;
        case 'above': return b.bottom <= a.top + 1;
        case 'left_of': return b.right <= a.left + 1;
        case 'right_of': return b.left >= a.right - 1;
        default: return anchor !== el && holdsNode(anchor, el);
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
      case 'role': {
        const name = value.name == null ? null : fold(value.name);
        return anyOf(ROLE_CSS[value.role] ?? ['*']).filter((el) => roleOf(el) === value.role && (name === null || isNamed(el, name)));
      }
      case 'label': return anyOf(['input', 'textarea', 'select', 'button', '[contenteditable]', '[role]'])
        .filter((el) => isNamed(el, fold(value)));
      case 'text': return byText(fold(value), all('body *').filter((el) => !['SCRIPT', 'STYLE', 'NOSCRIPT'].includes(el.tagName)));
      case 'xpath': return xpath(value);
      case 'near': return near(value, elements);
      case 'one_of': { const wanted = fold(value.text); return all(value.css).filter((el) => reads(el, wanted)); }
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
  const toasts = () => anyOf(['[role=status]', '[role=alert]', '[aria-live=polite]', '[aria-live=assertive]', 'output']).filter(visible)
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
  // What a person can read, inner frames that are shown included.
  const shownRoots = () => {
    rootsNow ??= roots();
    return rootsNow.filter((root) => root === document || (root.nodeType === 9 && visible(frames.get(root))));
  };
  const words = () => shownRoots().map((root) => root.body?.innerText ?? '').join('\n');
  const challenges = (list) => {
    const hits = [];
    let page = null; let content = null; let status = null;
    for (const { kind, any } of list) {
      for (const detector of any) {
        const [how, value] = Object.entries(detector)[0];
        let hit = null;
        try {
          if (how === 'css') hit = all(value).some(visible) ? {} : null;
          else if (how === 'url') hit = globMatch(value, location.pathname) ? {} : null;
          else if (how === 'status') { status ??= statuses(); hit = status.document === value || status.background.includes(value) ? {} : null; }
          else if (how === 'text') {
            content ??= bare(shownRoots().map((root) => root.body?.textContent ?? '').join('\n'));
            if (!value.split('{seconds}').every((part) => content.includes(bare(part)))) continue;
            page ??= words();
            hit = waitInWords(value, page);
          }
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
    return { id: how.id_attribute ? el.getAttribute(how.id_attribute) : null, text: text ? (text.localName === 'img' ? text.alt : wordsOf(text)) : '',
      title: how.title && pick(how.title) ? wordsOf(pick(how.title)) : null, author: how.author ? (pick(how.author)?.innerText ?? null) : null, media: how.media ? el.querySelectorAll(how.media).length : 0,
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
      case 'gone': return shown(value) === 0;
      case 'enabled': return (q.elements[value] ?? []).some((l) => vote(l, q.elements).some((el) => visible(el) && enabled(el)));
      case 'checked': return (q.elements[value[0]] ?? []).some((l) => vote(l, q.elements).some((el) => visible(el) && checkedOf(el) === value[1]));
      case 'count': return shown(value[0]) >= value[1];
      case 'toast': return toasts().some((t) => t.toLowerCase().includes(fold(value).toLowerCase()));
      case 'path': return globMatch(value, location.pathname);
      default: return false;
    }
  };
  const done = (q) => (q.until.length > 0 || q.until_any.length > 0)
    && q.until.every((n) => holds(n, q)) && (q.until_any.length === 0 || q.until_any.some((n) => holds(n, q)));
  const look = (q) => {
    anew();
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
      // Seen once more, when the composer is read back: the press is near.
      for (const id of one) { if (still.has(id)) still.get(id).watch(); else track(id); }
    }
    const marker = q.marker?.attribute
      ? (all(q.marker.attribute.css)[0]?.getAttribute(q.marker.attribute.attribute) || null) : null;
    const parted = q.parted ? { owners: Object.fromEntries(q.owners.map((id) => [id, ownerOf(id)])),
      counts: { all: q.until.map((n) => countsOf(n, q)), any: q.until_any.map((n) => countsOf(n, q)) } } : {};
    return { url: location.href, status: statuses().document, lang: document.documentElement.lang || null, votes, nodes: facts,
      challenges: challenges(q.challenges), items: q.items ? items(q.items, q.items_max) : null, toasts: toasts(), marker,
      satisfied: done(q), ...parted };
  };
  // What a condition counts here, a number for each locator: whether it holds is known when all realms of the page were asked.
  const countsOf = (need, q) => {
    const [kind, value] = typeof need === 'string' ? [need, null] : Object.entries(need)[0];
    const name = { visible: value, gone: value, count: value?.[0] }[kind];
    if (name === undefined) return [holds(need, q) ? 1 : 0];
    return (q.elements[name] ?? []).map((l) => vote(l, q.elements).filter(visible).length);
  };
  // The element that holds a frame which is looked into: where its content begins, and whether it can be seen.
  const ownerOf = (id) => {
    rootsNow ??= roots();
    const el = node(id);
    if (!el) return null;
    let { x, y } = contentOf(el);
    for (let frame = frameOf(el); frame; frame = frameOf(frame)) {
      const at = contentOf(frame);
      x += at.x; y += at.y;
    }
    const role = roleOf(el);
    return { shown: visible(el), x, y, scroll: [scrollX, scrollY], regions: [...regionsOf(el), ...(REGIONS.has(role) ? [role] : [])] };
  };
  // Ends a wait that goes on elsewhere: a frame came that is looked into as well.
  let giveUp = () => {};
  const stop = () => { giveUp(); return true; };
  const lookUntil = (q) => new Promise((resolve) => {
    const end = performance.now() + q.within;
    // Reading all of a page's text for challenges costs a layout: on the slow beat only, not with every change of the page. Where looking
    // takes long (a large page, a busy machine) it is done less often, so that most of the time is left to the page.
    let heard = 0; let looked = 0; let cost = 0;
    const BEAT = [100, 400];
    const beat = () => Math.min(Math.max(BEAT[0], 20 * cost), BEAT[1]);
    const read = () => {
      anew();
      if (done(q)) return true;
      if (performance.now() - heard < beat()) return false;
      heard = performance.now();
      return challenges(q.challenges).length > 0;
    };
    const ready = () => {
      const from = performance.now();
      const found = read();
      looked = performance.now();
      cost = looked - from;
      return found;
    };
    if (q.within === 0 || (q.until.length === 0 && q.until_any.length === 0) || ready()) { resolve(look(q)); return; }
    let timer = 0; let observer = null;
    let over = false;
    const finish = () => { over = true; clearTimeout(timer); observer.disconnect(); resolve(look(q)); };
    giveUp = () => { if (over) return; over = true; clearTimeout(timer); observer.disconnect(); resolve(null); };
    const check = () => {
      if (over) return;
      timer = 0;
      if (ready() || performance.now() >= end) finish();
      else schedule(beat());
    };
    // Changes that no mutation tells (a transition, a finished picture) are seen by the slow timer.
    const schedule = (ms) => { timer = setTimeout(check, Math.max(1, Math.min(ms, end - performance.now()))); };
    let hurried = false;
    const hurry = () => requestAnimationFrame(() => { hurried = false; clearTimeout(timer); check(); });
    observer = new MutationObserver(() => {
      if (hurried) return;
      hurried = true;
      const rest = looked + Math.min(4 * cost, BEAT[0]) - performance.now();
      if (rest > 0) setTimeout(hurry, rest); else hurry();
    });
    observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    schedule(beat());
  });

  // ---- stillness, aiming, input ------------------------------------------------------------------------------------------
  // How long a tracked node has stood where it stands. A browser that has no time to draw moves nothing either: frames count too.
  const FRAMES_MIN = 4;
  const RESTING_MS = 150;
  const still = new Map();
  const sameBox = (a, b) => ['x', 'y', 'width', 'height'].every((k) => Math.abs(a[k] - b[k]) < 0.5);
  const track = (id) => {
    if (still.has(id)) return;
    const state = { rect: null, since: performance.now(), frames: 0, close: false };
    still.set(id, state);
    let timer = 0; let frame = 0;
    const next = () => { frame = requestAnimationFrame(tick); };
    const tick = () => {
      const el = node(id);
      if (!el) { still.delete(id); return; }
      const rect = rectOf(el);
      if (!state.rect || !sameBox(rect, state.rect)) { state.rect = rect; state.since = performance.now(); state.frames = 0; }
      else state.frames++;
      // Asking for a frame makes the browser draw one. So not each of them is asked for, and one that rests is only looked at now and then
      // until it is near its press.
      timer = setTimeout(next, !state.close && state.frames >= FRAMES_MIN ? RESTING_MS : 20);
    };
    // From the review on it is watched closely, and only that time counts for the press.
    state.watch = () => {
      if (state.close) return;
      Object.assign(state, { close: true, since: performance.now(), frames: 0 });
      clearTimeout(timer); cancelAnimationFrame(frame);
      next();
    };
    state.end = () => { still.delete(id); clearTimeout(timer); cancelAnimationFrame(frame); };
    tick();
  };
  const deepest = (x, y) => {
    let el = document.elementFromPoint(x, y);
    for (let at = { x, y }; el;) {
      const doc = inner(el);
      if (doc) {
        const from = contentOf(el);
        at = { x: at.x - from.x, y: at.y - from.y };
        frames.set(doc, el);
      }
      const deeper = (doc ?? el.shadowRoot)?.elementFromPoint(at.x, at.y);
      if (!deeper || deeper === el) break;
      el = deeper;
    }
    return el;
  };
  const holdsNode = (outer, inner) => { for (let at = inner; at; at = up(at)) if (at === outer) return true; return false; };
  const describe = (el) => (el ? `${roleOf(el)} "${nameOf(el) || fold(el.innerText).slice(0, 40)}"` : 'nothing');
  // In a frame: what the browser's pointer met last. Asked anew with each element that is brought into view.
  const listening = new WeakSet();
  let met = null;
  const watchPointer = (doc) => {
    met = null;
    if (listening.has(doc)) return;
    listening.add(doc);
    doc.defaultView.addEventListener('mousemove', (e) => { if (e.isTrusted) met = e.composedPath()[0]; }, { capture: true, passive: true });
  };
  const intoView = (el) => {
    if (self !== top) watchPointer(el.ownerDocument);
    const r = box(el);
    const own = el.getBoundingClientRect(); const view = el.ownerDocument.defaultView;
    const cut = own.top < 0 || own.left < 0 || own.bottom > view.innerHeight || own.right > view.innerWidth;
    if (cut || r.top < 0 || r.left < 0 || r.bottom > innerHeight || r.right > innerWidth) el.scrollIntoView({ block: 'center', inline: 'nearest', behavior: 'instant' });
  };
  const AWAY = 'it can not be brought into view';
  const hitTest = (el) => {
    const r = box(el);
    const x = r.x + r.width / 2; const y = r.y + r.height / 2;
    if (x < 0 || y < 0 || x >= innerWidth || y >= innerHeight) return { why: AWAY };
    const top = deepest(x, y);
    if (!top || !holdsNode(el, top)) return { why: `${describe(top)} lies in front of it` };
    if (isForeign(top)) return { why: FOREIGN };
    if (!visible(el)) return { why: 'it is not visible' };
    if (!enabled(el)) return { why: 'it is disabled' };
    return { point: [x, y], rect: rectOf(el) };
  };
  const commitNodes = (q) => new Set((q.commit_locators ?? []).flatMap((l) => tried(l, q.elements)));
  // A reversible input never goes onto or into a commit element.
  const notCommit = (el, q) => {
    for (const commit of commitNodes(q)) if (holdsNode(commit, el)) return { why: 'it is the commit element of the flow' };
    return null;
  };
  // Where a reversible input may go: not onto, into or around a commit element.
  const reversible = (id, q) => {
    anew();
    const el = node(id);
    if (!el) return { why: 'it is gone' };
    intoView(el);
    const refused = notCommit(el, q);
    if (refused) return refused;
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
    still.get(id)?.watch();
    const end = performance.now() + withinMs;
    const check = () => {
      const state = still.get(id);
      if (!node(id) || !state) { resolve({ why: 'it is gone' }); return; }
      const age = performance.now() - state.since;
      if (age >= minMs && state.frames >= FRAMES_MIN && sameBox(state.rect, box(el))) { resolve(hitTest(el)); return; }
      if (performance.now() >= end) { resolve({ why: 'it does not stand still' }); return; }
      setTimeout(check, Math.max(4, Math.min(minMs - age, 50)));
    };
    check();
  });
  // An input into a frame that is looked into: the same point, in the document that holds the frame. The frame stands still there, is shown,
  // is itself what lies at that point, and belongs to no commit element.
  const hitFrame = (el, x, y, q) => {
    const refused = q && notCommit(el, q);
    if (refused) return refused;
    const from = ownerOf(idOf(el));
    const at = [from.x + x, from.y + y];
    if (at[0] < 0 || at[1] < 0 || at[0] >= innerWidth || at[1] >= innerHeight) return { why: AWAY, away: true };
    const top = deepest(...at);
    if (top !== el) return { why: `${describe(top)} lies in front of its frame` };
    if (!visible(el)) return { why: 'its frame is not visible' };
    if (!enabled(el)) return { why: 'its frame is disabled' };
    return { point: at };
  };
  const standsStill = (id, el, minMs) => {
    const state = still.get(id);
    return !!state && performance.now() - state.since >= minMs && state.frames >= FRAMES_MIN && sameBox(state.rect, rectOf(el));
  };
  const through = (id, x, y, minMs, withinMs, q) => new Promise((resolve) => {
    track(id);
    const end = performance.now() + withinMs;
    const check = () => {
      anew();
      rootsNow ??= roots();
      const el = node(id);
      if (!el) { resolve({ why: 'it is gone' }); return; }
      const hit = hitFrame(el, x, y, q);
      if (hit.away || (hit.point && standsStill(id, el, minMs))) { resolve(hit); return; }
      if (performance.now() >= end) { resolve(hit.why ? hit : { why: 'its frame does not stand still' }); return; }
      setTimeout(check, 50);
    };
    check();
  });
  // The same, of one that was waited for before: once more, right before the press.
  const throughNow = (id, x, y, minMs) => {
    anew();
    rootsNow ??= roots();
    const el = node(id);
    if (!el) return { why: 'it is gone' };
    if (!standsStill(id, el, minMs)) return { why: 'it moved, with its frame' };
    const hit = hitFrame(el, x, y, null);
    if (hit.point) still.get(id).end();
    return hit;
  };
  // Whether the browser itself leads the pointer to an element of a frame: it does so by its own picture of what lies where.
  const POINTER_MS = 2000;
  const pointed = (id) => new Promise((resolve) => {
    const end = performance.now() + POINTER_MS;
    const check = () => {
      const el = node(id);
      if (!el) { resolve({ why: 'it is gone' }); return; }
      if (met && holdsNode(el, met)) { resolve({}); return; }
      if (performance.now() >= end) { resolve({ why: 'the pointer does not reach it' }); return; }
      setTimeout(check, 20);
    };
    check();
  });
  // As `recheck`, in a frame: what is seen is looked at in all realms, and the server is asked by the page.
  const recheckInFrame = async (id, minMs) => {
    const reached = await pointed(id);
    if (reached.why) return reached;
    anew();
    rootsNow ??= roots();
    const el = node(id);
    if (!el) return { why: 'it is gone' };
    if (!standsStill(id, el, minMs)) return { why: 'it moved' };
    const hit = hitTest(el);
    if (hit.point) still.get(id).end();
    return hit;
  };
  const centre = (id) => {
    const el = node(id);
    if (!el) return { why: 'it is gone' };
    el.scrollIntoView({ block: 'center', inline: 'nearest', behavior: 'instant' });
    return {};
  };
  // For inputs that need no point: a hidden file input, scrolling.
  const spared = (id, q) => {
    anew();
    const el = node(id);
    return el ? notCommit(el, q) ?? {} : { why: 'it is gone' };
  };
  // Where a key would go: the element that has the focus, through shadow roots and inner frames.
  const keyTarget = (q) => {
    anew();
    let el = document.activeElement;
    for (;;) {
      const deeper = el && (inner(el) ?? el.shadowRoot)?.activeElement;
      if (!deeper) break;
      el = deeper;
    }
    if (el && isForeign(el)) return { frame: idOf(el) };
    return el ? notCommit(el, q) ?? {} : {};
  };
  const focusOnly = (id) => {
    const el = node(id);
    if (!el) return { why: 'it is gone' };
    el.focus({ preventScroll: true });
    const active = el.getRootNode().activeElement;
    return active && (active === el || el.contains(active)) ? {} : { why: 'it does not take the focus' };
  };
  const changed = (el) => { for (const kind of ['input', 'change']) el.dispatchEvent(new Event(kind, { bubbles: true, composed: kind === 'input' })); };
  const choose = (id, wanted) => {
    const el = node(id);
    if (!el) return { why: 'it is gone' };
    if (el.localName !== 'select') return { why: `${describe(el)} is no native select` };
    const options = [...el.options].filter((o) => !o.disabled && !o.closest('optgroup[disabled]'));
    const option = options.find((o) => fold(o.label) === fold(wanted)) ?? options.find((o) => o.value === wanted);
    if (!option) return { why: `it has no option ${JSON.stringify(wanted)}` };
    el.focus({ preventScroll: true });
    if (option.selected) return {};
    option.selected = true;
    changed(el);
    return {};
  };
  // Fields that are no text to type into: the browser shows a picker for them.
  const PICKERS = 'input[type=date], input[type=time], input[type=datetime-local], input[type=month], input[type=week], input[type=color], input[type=range]';
  const fill = (id, text) => {
    const el = node(id);
    if (!el) return { why: 'it is gone' };
    if (!el.matches(PICKERS)) return { filled: false };
    el.focus({ preventScroll: true });
    el.value = text;
    if (el.value === '' && text !== '') return { why: `a field of type ${el.type} does not take ${JSON.stringify(text)}` };
    changed(el);
    return { filled: true };
  };
  const scrollTo = (id) => {
    const el = node(id);
    if (!el) return { why: 'it is gone' };
    intoView(el);
    return {};
  };
  // By most of a screen, so that nothing is passed over; whether anything moved.
  const scrollPage = (id) => {
    let el = document.scrollingElement ?? document.documentElement;
    if (id !== null) {
      el = node(id);
      if (!el) return { why: 'it is gone' };
      while (up(el) && el.scrollHeight <= el.clientHeight) el = up(el);
    }
    const before = el.scrollTop;
    const height = el === document.documentElement || el === document.body ? innerHeight : el.clientHeight;
    el.scrollBy({ top: Math.max(1, height * 0.8), behavior: 'instant' });
    return { moved: el.scrollTop !== before };
  };
  // What the server says whose session this is, asked anew: another window may have switched it without this page's knowledge.
  // A server that is silent for too long is told apart from one that does not say: the one is a reason not to press.
  const CONFIRM_MS = 10000;
  const atHome = async (q) => {
    if (!q.confirm) return {};
    try {
      const answer = await fetch(q.confirm, { credentials: 'include', cache: 'no-store', signal: AbortSignal.timeout(CONFIRM_MS) });
      const how = q.marker?.attribute;
      if (!answer.ok || !how) return {};
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      return { marker_at_home: page.querySelector(how.css)?.getAttribute(how.attribute) || null };
    } catch (error) { return { home_silent: error.name === 'TimeoutError' }; }
  };
  const confirmed = async (q) => { const home = await atHome(q); return { ...(await lookUntil(q)), ...home }; };
  // One last pass before the press: same place, still, nothing in front.
  const recheck = async (id, rect, minMs, q) => {
    const home = await atHome(q);
    const el = node(id);
    if (!el) return { why: 'it is gone' };
    const state = still.get(id);
    if (!state || performance.now() - state.since < minMs || state.frames < FRAMES_MIN || !sameBox(rect, box(el))) return { why: 'it moved' };
    const hit = hitTest(el);
    if (hit.why) return hit;
    // The press follows, or nothing: nobody asks how it stands any more.
    state.end();
    return { ...hit, seen: { ...look(q), ...home } };
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
      else { const range = el.ownerDocument.createRange(); range.selectNodeContents(el); const s = el.ownerDocument.getSelection(); s.removeAllRanges(); s.addRange(range); }
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
    return { rect: rectOf(el), scroll: [scrollX, scrollY] };
  };
  // A page without storage of its own (a sandboxed one) has none to tell.
  const stored = () => { try { return { origin: location.origin, entries: Object.entries(localStorage) }; } catch { return { origin: location.origin, entries: [] }; } };

  globalThis.__deed = { lookUntil: confirmed, home: atHome, aim, recheck, reversible, spared, keyTarget, focus, focusOnly, choose, fill, scrollTo, scrollPage, textAt,
    picture, node, idOf, origin: () => self.origin, stop, owner: ownerOf, through, throughNow, pointed, recheckInFrame, centre, stored,
    anew, all, box, isForeign, found: tried };
})();
