// Masks what proof never shows: says where it stands while a picture is taken, and copies the document without it. Runs beside the looking
// code, in its isolated world, and changes nothing in the page: the copy belongs to a document that loads and runs nothing.
(() => {
  const deed = globalThis.__deed;
  if (deed.maskBegin) return;

  // Of one length, whatever stood there.
  const MARK = '\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588';
  const SCRUBBED = 'scrubbed';
  // What of a masked element's attributes says how the page is built, not what it shows.
  const STRUCTURE = new Set(['class', 'id', 'role', 'type', 'dir', 'lang', 'data-testid', 'data-test-id', 'data-test', 'contenteditable', 'autocomplete',
    'disabled', 'hidden', 'rows', 'cols', 'aria-pressed', 'aria-checked', 'aria-expanded', 'aria-hidden', 'aria-live', 'aria-busy']);
  const URLS = new Set(['href', 'src', 'action', 'formaction', 'poster', 'cite', 'data', 'longdesc', 'background', 'ping', 'xlink:href']);
  const CONTENT_MAX = 20000;
  // A shorter word is found everywhere and betrays nothing.
  const WORDS_MIN = 8;

  // ---- fields that are always secret -------------------------------------------------------------------------------------
  const NO_TEXT = new Set(['checkbox', 'radio', 'button', 'submit', 'reset', 'image', 'range', 'color', 'file']);
  const AUTOCOMPLETE = /(^|\s)(one-time-code|current-password|new-password|cc-number|cc-csc)(\s|$)/i;
  const NAMES = /(^|[^a-z])(otp|totp|2fa|mfa|cvv|cvc|csc|pass ?word|passwd|pwd|pass ?code|pass ?phrase|pin ?code|one ?time|(verification|security|sms|auth|login) ?code)([^a-z]|$)/;
  const spaced = (name) => (name ?? '').replace(/([a-z])([A-Z])/g, '$1 $2').replace(/[-_.]+/g, ' ').toLowerCase();
  // A page may show a password by making another kind of field of it.
  const wasPassword = new WeakSet();
  const isSecret = (el) => {
    if (NO_TEXT.has(el.type)) return false;
    if (el.type === 'password') wasPassword.add(el);
    return wasPassword.has(el) || AUTOCOMPLETE.test(el.getAttribute('autocomplete') ?? '') || el.maxLength === 1
      || ['name', 'id', 'aria-label', 'placeholder', 'data-testid'].some((a) => NAMES.test(spaced(el.getAttribute(a))));
  };
  const SENSITIVE = /(token|csrf|xsrf|secret|session|nonce|jwt|bearer|credential|api ?key|signature|fb dtsg|\blsd\b|\bauth\b)/;

  // Every match of any locator, seen or not: a match too many hides too much, one too few shows what must not be shown.
  const targets = (q) => {
    deed.anew();
    const found = new Map();
    for (const el of deed.all('input, textarea')) if (isSecret(el)) found.set(el, 'secret');
    for (const [name, kind] of q.redact) {
      for (const locator of q.elements[name] ?? []) {
        for (const el of deed.found(locator, q.elements)) if (!found.has(el)) found.set(el, kind);
      }
    }
    return found;
  };
  const wordsOf = (el) => ('value' in el && el.matches('input, textarea, select') ? el.value : el.innerText ?? el.textContent ?? '').slice(0, CONTENT_MAX);

  // ---- where it stands, while a picture is taken -------------------------------------------------------------------------
  // Around it and all that is in it, in the top document's viewport; `null`: nothing of it is drawn.
  const styleOf = (el) => el.ownerDocument.defaultView.getComputedStyle(el);
  const clips = (style) => style.overflowX !== 'visible' && style.overflowY !== 'visible';
  // Elements that are looked at to find one that stands outside the box that clips the others.
  const INSIDE_MAX = 500;
  const staysInside = (el) => {
    const inside = el.querySelectorAll('*');
    return inside.length <= INSIDE_MAX && ![...inside].some((one) => ['absolute', 'fixed'].includes(styleOf(one).position));
  };
  const common = (a, b) => { const [left, top, right, bottom] = [Math.max(a.left, b.left), Math.max(a.top, b.top),
    Math.min(a.right, b.right), Math.min(a.bottom, b.bottom)]; return { left, top, right, bottom, width: right - left, height: bottom - top }; };
  // What of it the boxes around it let be seen: of a list that scrolls, not what is scrolled away. Where that can not be told, all of it.
  const clipped = (rect, el) => {
    let seen = rect;
    let { position } = styleOf(el);
    for (let at = el.parentElement; at && at !== at.ownerDocument.body && at !== at.ownerDocument.documentElement; at = at.parentElement) {
      if (position === 'fixed') return seen;
      const style = styleOf(at);
      if (position === 'absolute' && style.position === 'static') continue;
      if (clips(style)) seen = common(seen, at.getBoundingClientRect());
      ({ position } = style);
    }
    return seen;
  };
  const boundsOf = (el) => {
    const own = el.getBoundingClientRect();
    const at = deed.box(el);
    const range = el.ownerDocument.createRange();
    range.selectNodeContents(el);
    const all = range.getBoundingClientRect();
    const within = all.left >= own.left && all.top >= own.top && all.right <= own.right && all.bottom <= own.bottom;
    const content = within || !(clips(styleOf(el)) && staysInside(el)) ? all : common(all, own);
    const inside = within || staysInside(el);
    const drawn = [own, content].filter((r) => r.width > 0 && r.height > 0)
      .map((r) => (inside ? clipped(r, el) : r)).filter((r) => r.width > 0 && r.height > 0);
    if (!drawn.length) return null;
    const [dx, dy] = [at.x - own.x, at.y - own.y];
    const bounds = { left: Math.min(...drawn.map((r) => r.left)) + dx, top: Math.min(...drawn.map((r) => r.top)) + dy,
      right: Math.max(...drawn.map((r) => r.right)) + dx, bottom: Math.max(...drawn.map((r) => r.bottom)) + dy };
    const outside = bounds.right < 0 || bounds.bottom < 0 || bounds.left > innerWidth || bounds.top > innerHeight;
    return outside ? null : bounds;
  };
  const watches = new Map();
  // From here to `maskEnd` every place is kept at which such an element stood, frame by frame and with every change of the page: of one that
  // moves, all between.
  // `light`, for a recording: as long as nothing is there to be masked, only changes of the page are looked at, and no frame is asked for.
  const maskBegin = (token, q, light) => {
    const state = { places: new Map(), frames: 0, over: false, since: Date.now() };
    const add = (el, kind) => {
      const bounds = boundsOf(el);
      if (!bounds) return;
      const known = state.places.get(el);
      if (!known) {
        state.places.set(el, { kind, ...bounds, words: kind === 'secret' || kind === 'frame' ? '' : wordsOf(el) });
        return;
      }
      known.left = Math.min(known.left, bounds.left); known.top = Math.min(known.top, bounds.top);
      known.right = Math.max(known.right, bounds.right); known.bottom = Math.max(known.bottom, bounds.bottom);
    };
    state.sample = () => {
      for (const [el, kind] of targets(q)) add(el, kind);
      for (const el of deed.all('iframe, frame, object, embed')) if (deed.isForeign(el)) add(el, 'frame');
    };
    let asked = false;
    const next = () => { if (state.over || asked || (light && !state.places.size)) return; asked = true; requestAnimationFrame(frame); };
    const frame = () => { asked = false; if (state.over) return; state.frames++; state.sample(); next(); };
    state.observer = new MutationObserver(() => { state.sample(); next(); });
    state.observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    addEventListener('scroll', state.sample, { capture: true, passive: true });
    watches.set(token, state);
    state.sample();
    next();
    return [...state.places.values()].some(({ kind }) => kind !== 'frame');
  };
  const told = (state) => ({ frames: state.frames, width: innerWidth, since: state.since,
    masks: [...state.places.values()].map(({ kind, left, top, right, bottom, words }) => ({ kind, words,
      rect: { x: left, y: top, width: right - left, height: bottom - top } })) });
  // For a page that is left before its picture is done, and answers nothing any more then: what its next frames showed.
  const SETTLE_FRAMES = 3; const SETTLE_MS = 400;
  const maskSettle = async (token) => {
    const state = watches.get(token);
    if (!state) return null;
    const end = performance.now() + SETTLE_MS;
    while (state.frames < SETTLE_FRAMES && performance.now() < end) {
      await Promise.race([new Promise((r) => requestAnimationFrame(r)), new Promise((r) => setTimeout(r, 50))]);
    }
    return told(state);
  };
  // `null`: the document that was pictured is not this one.
  const maskEnd = (token) => {
    const state = watches.get(token);
    if (!state) return null;
    watches.delete(token);
    state.sample();
    state.over = true;
    state.observer.disconnect();
    removeEventListener('scroll', state.sample, { capture: true });
    return told(state);
  };

  // ---- the document without it -------------------------------------------------------------------------------------------
  const HARMLESS = new Set(['page', 'lang', 'hl', 'locale', 'sort', 'order', 'tab', 'view', 'w', 'h', 'width', 'height', 'size', 'format']);
  const parameter = (pair, q) => {
    const [name, value] = [pair.split('=')[0], pair.slice(pair.indexOf('=') + 1)];
    if (!pair.includes('=')) return pair.length > 16 ? SCRUBBED : pair;
    const plain = q.params.includes(name) || (HARMLESS.has(name.toLowerCase()) && /^[\w-]{0,16}$/.test(value));
    return plain ? pair : `${name}=${SCRUBBED}`;
  };
  const url = (value, q) => {
    if (/^\s*javascript:/i.test(value)) return 'javascript:';
    if (/^\s*(data|blob):/i.test(value)) return value;
    const bare = value.split('#')[0].replace(/(\/\/)[^/?#\s]*@/, '$1');
    const [path, ...query] = bare.split('?');
    const kept = query.length ? `?${query.join('?').split('&').map((pair) => parameter(pair, q)).join('&')}` : '';
    return path + kept + (value.includes('#') ? '#' : '');
  };
  const patterns = (text) => text
    .replace(/eyJ[\w-]{8,}\.[\w-]{8,}(\.[\w-]*)?/g, SCRUBBED)
    .replace(/\b(bearer|basic)(\s+|%20|\+)[\w.~+/=%-]{8,}/gi, `$1$2${SCRUBBED}`)
    .replace(/(https?:\/\/)[^\s/@"'<>]+@/gi, '$1')
    .replace(/([?&#][\w.-]*(?:token|secret|session|sig|auth|key|code|password)[\w.-]*=)[^&\s"'<>#]+/gi, `$1${SCRUBBED}`);
  const pathOf = (el, root) => {
    const path = [];
    for (let at = el; at && at !== root; at = at.parentElement) path.unshift(`${at.localName}:nth-child(${[...at.parentElement.children].indexOf(at) + 1})`);
    return path.join(' > ');
  };
  const without = (root, q) => {
    const found = targets(q);
    const masked = new Set();
    const kinds = new Map();
    const regions = [];
    const words = new Set();
    for (const [el, kind] of found) {
      if (el !== root && !root.contains(el)) continue;
      for (const inside of [el, ...el.querySelectorAll('*')]) { masked.add(inside); kinds.set(inside, kind); }
    }
    for (const [el, kind] of found) {
      if (!masked.has(el) || masked.has(el.parentElement)) continue;
      const said = kind === 'secret' ? '' : wordsOf(el);
      regions.push({ kind, path: pathOf(el, root), words: said });
      if (kind === 'secret' && el.value?.length >= WORDS_MIN) words.add(el.value);
      for (const line of said.split('\n')) if (line.trim().length >= WORDS_MIN) words.add(line.trim());
      const texts = document.createTreeWalker(el, NodeFilter.SHOW_TEXT);
      while (texts.nextNode()) if (texts.currentNode.data.trim().length >= WORDS_MIN) words.add(texts.currentNode.data.trim());
    }
    // What is masked in one place is masked in every other.
    const longest = [...words].sort((a, b) => b.length - a.length);
    const clean = (text) => patterns(longest.reduce((rest, word) => rest.replaceAll(word, MARK), text));
    const copy = document.implementation.createHTMLDocument('').importNode(root, true);
    const [from, to] = [[root, ...root.querySelectorAll('*')], [copy, ...copy.querySelectorAll('*')]];
    // Texts first: what is emptied below has none any more, and the two lists stay alike.
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_COMMENT | NodeFilter.SHOW_CDATA_SECTION);
    const copies = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_COMMENT | NodeFilter.SHOW_CDATA_SECTION);
    while (texts.nextNode() && copies.nextNode()) {
      const [at, into] = [texts.currentNode, copies.currentNode];
      if (at.nodeType === Node.COMMENT_NODE) into.data = '';
      else if (masked.has(at.parentElement)) { if (at.data.trim()) into.data = MARK; } else if (at.data.trim()) into.data = clean(at.data);
    }
    to.forEach((el, i) => {
      const hidden = masked.has(from[i]);
      for (const attribute of [...el.attributes]) {
        const { name, value } = attribute;
        let kept = value;
        if (hidden) kept = STRUCTURE.has(name) || value === '' ? value : MARK;
        else if (name === 'srcdoc' || name.startsWith('on') || name === 'nonce') kept = '';
        else if (name === 'srcset' || name === 'imagesrcset') kept = value.split(',').map((one) => one.trim().replace(/^\S+/, (u) => url(u, q))).join(', ');
        else if (URLS.has(name)) kept = url(value, q);
        else if (name === 'value' && (from[i].type === 'hidden' || (el.localName === 'input' && isSecret(from[i])))) kept = MARK;
        else if (name === 'content' && SENSITIVE.test(spaced(`${el.getAttribute('name') ?? ''} ${el.getAttribute('property') ?? ''}`))) kept = MARK;
        else if (name.startsWith('data-') && SENSITIVE.test(spaced(name))) kept = MARK;
        if (!hidden) kept = clean(kept);
        if (kept !== value) attribute.value = kept;
      }
      if (el.localName === 'script' || el.localName === 'noscript') el.textContent = '';
      else if (el.localName === 'template') el.content?.replaceChildren();
    });
    return { copy, regions };
  };
  const html = (q) => {
    const { copy, regions } = without(document.documentElement, q);
    return { html: `<!DOCTYPE html>${copy.outerHTML}`, regions };
  };
  // Of an inner frame: what stands in its body.
  const body = (q) => {
    if (!document.body) return { origin: self.origin, html: '', regions: [] };
    const { copy, regions } = without(document.body, q);
    return { origin: self.origin, html: copy.innerHTML, regions };
  };

  Object.assign(deed, { maskBegin, maskSettle, maskEnd, html, body });
})();
