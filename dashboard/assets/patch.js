// Make the page like the answer by changing only what differs, so that opened parts stay open,
// focus and selection are kept, and what somebody types is never touched.

const KEEP_OPEN = new WeakSet();
// What script adds to texts that can be copied, which the server does not know.
const OFFERED = new Set(["role", "tabindex", "title"]);

addEventListener("toggle", (event) => {
  // Once a person has opened or closed something, it stays that way.
  if (event.target instanceof HTMLDetailsElement) KEEP_OPEN.add(event.target);
}, true);

function same(old, next) {
  return old.nodeType === next.nodeType && old.nodeName === next.nodeName && keyOf(old) === keyOf(next);
}

function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.id || node.dataset?.key || "" : "";
}

function isTheirs(element) {
  if (!element.hasAttribute("data-keep-draft")) return false;
  return element.hasAttribute("data-dirty") || element.contains(document.activeElement);
}

// A row stays as it is while the focus is in it, and catches up when the focus leaves.
function isInHand(element) {
  return element.dataset.row !== undefined && element.contains(document.activeElement);
}

// A value that did not change keeps what was opened, searched and fetched in it.
function isSameValue(old, next) {
  return old.dataset.from !== undefined && old.dataset.from === next.dataset.from;
}

function patchAttributes(old, next) {
  for (const { name } of [...old.attributes]) {
    if (next.hasAttribute(name)) continue;
    if (name === "open" && KEEP_OPEN.has(old)) continue;
    if (old.dataset.copy !== undefined && (OFFERED.has(name) || name === "data-copied")) continue;
    if (name === "data-dirty" || (name === "class" && /^(htmx-\S+\s*)+$/.test(old.className))) continue;
    old.removeAttribute(name);
  }
  for (const { name, value } of [...next.attributes]) {
    if (name === "open" && KEEP_OPEN.has(old)) continue;
    if (name === "autofocus") continue;
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}

function patchNode(old, next) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== next.nodeValue) old.nodeValue = next.nodeValue;
    return;
  }
  if (old.isEqualNode(next) || isTheirs(old) || isSameValue(old, next)) return;
  if (isInHand(old)) { old.dataset.held = ""; return; }
  patchAttributes(old, next);
  patchChildren(old, next);
}

function patchChildren(old, next) {
  const known = new Map();
  for (const child of old.children) { const key = keyOf(child); if (key) known.set(key, child); }
  let place = old.firstChild;
  for (const wanted of [...next.childNodes]) {
    const key = keyOf(wanted);
    let found = null;
    if (key) found = known.get(key) && same(known.get(key), wanted) ? known.get(key) : null;
    else if (place && same(place, wanted)) found = place;
    if (!found) {
      old.insertBefore(document.importNode(wanted, true), place);
      continue;
    }
    if (found === place) place = place.nextSibling;
    else old.insertBefore(found, place);
    patchNode(found, wanted);
  }
  while (place) {
    const gone = place;
    place = place.nextSibling;
    if (gone.nodeType === Node.ELEMENT_NODE && isTheirs(gone)) lock(gone, next);
    else if (gone.nodeType === Node.ELEMENT_NODE && isInHand(gone)) gone.dataset.held = "";
    else gone.remove();
  }
}

// Answers may arrive in another order than they were asked for. A turn is a change of view: an
// answer that was asked for before it, or by an earlier turn, is too late to be shown.
let turn = 0;

// Begin a turn, or end one; return its number.
export function nextTurn() { return ++turn; }

export function currentTurn() { return turn; }

// The question was closed while somebody typed an answer: the text stays, to read and to copy.
function lock(section, next) {
  // Of many questions only one has its form open; this is another one.
  if (next.querySelector(`[data-asks="${CSS.escape(section.id)}"]`)) return;
  const notice = section.querySelector("[data-answered]");
  if (notice && notice.hidden) {
    notice.hidden = false;
    section.querySelectorAll("h2 .status").forEach((status) => status.remove());
    section.querySelectorAll("fieldset.plain").forEach((fieldset) => { fieldset.disabled = true; });
    const announcer = document.getElementById("announcer");
    if (announcer) announcer.textContent = notice.textContent;
  }
}

// Make `target` like the part of the answer that has its id.
export function patch(target, html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  const next = page.getElementById(target.id);
  if (!next) return false;
  patchAttributes(target, next);
  patchChildren(target, next);
  htmx.process(target);
  document.dispatchEvent(new CustomEvent("signalbox:patched", { detail: { target } }));
  return true;
}
