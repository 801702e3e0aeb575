// Values as trees: search, fold, copy a path or a value, and fetch what was not drawn yet.
import { exact } from "./exact.js";
import { say as words } from "./words.js";

const MOST_COPIED = 4_000_000;
const opened = new WeakMap();

export function trees() {
  addEventListener("toggle", (event) => { if (event.target.open) fetchSeen(event.target); }, true);
  document.addEventListener("click", clicked);
  document.addEventListener("keydown", pressed);
  document.addEventListener("input", (event) => {
    const field = event.target.closest?.("[data-tree-search]");
    if (field) search(field);
  });
  document.addEventListener("signalbox:patched", () => { equipAll(); fetchSeen(document); });
  equipAll();
  fetchSeen(document);
}

function announce(text) { document.getElementById("announcer").textContent = text; }

// Whatever is not on the page yet.

function isSeen(element) {
  for (let fold = element.closest("details"); fold; fold = fold.parentElement.closest("details")) {
    if (!fold.open) return false;
  }
  return true;
}

function fetchSeen(root) {
  for (const away of root.querySelectorAll("[data-away]")) {
    if (isSeen(away) && !away.dataset.away) fetchValue(away.closest("[data-viewer]"), away.querySelector("a").href);
  }
}

async function fetchValue(viewer, address) {
  const away = viewer.querySelector("[data-away]");
  if (away) away.dataset.away = "asked";
  try {
    const answer = await fetch(address, { headers: { "HX-Request": "true" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = page.querySelector("[data-viewer]");
    if (!answer.ok || !found) throw new Error(String(answer.status));
    viewer.replaceChildren(...[...found.childNodes].map((node) => document.importNode(node, true)));
    equip(viewer);
  } catch {
    if (away) away.dataset.away = "";
    if (!away) location.href = address;
  }
}

// Tools above each tree.

function equipAll() { for (const viewer of document.querySelectorAll("[data-viewer]")) equip(viewer); }

function rowsOf(tree) { return [...tree.querySelectorAll("summary, .leaf")]; }

function equip(viewer) {
  const tree = viewer.querySelector("[data-tree]");
  if (!tree || viewer.querySelector(".tree-tools")) return;
  const rows = rowsOf(tree);
  rows.forEach((row, place) => { row.tabIndex = place ? -1 : 0; });
  tree.removeAttribute("tabindex");
  const name = tree.getAttribute("aria-label");
  const tools = document.createElement("div");
  tools.className = "tree-tools";
  tools.setAttribute("role", "group");
  tools.setAttribute("aria-label", words("Tools for {name}", { name }));
  if (rows.length > 6) tools.append(searchField(name));
  if (tree.querySelectorAll("details").length > 1) tools.append(button(words("Fold all"), "fold"), button(words("Unfold all"), "unfold"));
  if (navigator.clipboard) tools.append(button(words("Copy path"), "path"), button(words("Copy value"), "value"));
  const says = document.createElement("output");
  says.className = "mono";
  tools.append(says);
  tree.before(tools);
}

function searchField(name) {
  const field = document.createElement("input");
  field.type = "search";
  field.placeholder = words("Search");
  field.dataset.treeSearch = "";
  field.setAttribute("aria-label", words("Search in {name}", { name }));
  return field;
}

function button(text, tool) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "quiet";
  made.dataset.tool = tool;
  made.textContent = text;
  return made;
}

function say(viewer, text) { viewer.querySelector(".tree-tools output").textContent = text; }

// Search: what does not match is hidden, what matches is marked, and everything above it is opened.

function search(field) {
  const viewer = field.closest("[data-viewer]");
  const tree = viewer.querySelector("[data-tree]");
  const term = field.value.trim().toLowerCase();
  tree.querySelectorAll("[data-found]").forEach((part) => part.removeAttribute("data-found"));
  tree.querySelectorAll("li[hidden]").forEach((item) => { item.hidden = false; });
  if (term && !opened.has(tree)) opened.set(tree, [...tree.querySelectorAll("details[open]")]);
  if (!term) {
    const before = opened.get(tree);
    if (before) tree.querySelectorAll("details").forEach((fold) => { fold.open = before.includes(fold); });
    opened.delete(tree);
    say(viewer, "");
    return;
  }
  const found = markRows(tree, term);
  say(viewer, counted(found, tree.querySelector(".more-rows")));
}

function counted(number, isPart) {
  if (isPart) return number ? words("{number} found in what is shown", { number }) : words("Nothing found in what is shown");
  return number ? words("{number} found", { number }) : words("Nothing found");
}

function markRows(tree, term) {
  const kept = new Set();
  let found = 0;
  for (const row of rowsOf(tree)) {
    const parts = [...row.querySelectorAll(":scope > .key, :scope > .value:not([data-kind=object], [data-kind=array])")];
    const fitting = parts.filter((part) => part.textContent.toLowerCase().includes(term));
    if (!fitting.length) continue;
    found += 1;
    fitting.forEach((part) => { part.dataset.found = ""; });
    const own = row.closest("li");
    own.querySelectorAll("li").forEach((item) => kept.add(item));
    for (let item = own; item; item = item.parentElement.closest("li")) {
      kept.add(item);
      const fold = item !== own && item.querySelector(":scope > details");
      if (fold) fold.open = true;
    }
  }
  for (const item of tree.querySelectorAll("li")) item.hidden = !kept.has(item) && !item.matches("[data-step='$']");
  return found;
}

// One row at a time is the current one, which the buttons copy.

function choose(row, { focus = true } = {}) {
  const viewer = row.closest("[data-viewer]");
  for (const other of viewer.querySelectorAll("[data-tree] [aria-current], [data-tree] [tabindex='0']")) {
    other.removeAttribute("aria-current");
    other.tabIndex = -1;
  }
  row.setAttribute("aria-current", "true");
  row.tabIndex = 0;
  if (focus) row.focus();
  say(viewer, pathOf(row));
}

function current(viewer) {
  return viewer.querySelector("[data-tree] [aria-current]") || rowsOf(viewer.querySelector("[data-tree]"))[0];
}

function stepsTo(row) {
  const steps = [];
  for (let item = row.closest("li"); item; item = item.parentElement.closest("[data-tree] li")) steps.unshift(item.dataset.step);
  return steps;
}

function pathOf(row) { return stepsTo(row).join(""); }

function clicked(event) {
  const whole = event.target.closest?.("a[data-whole]");
  if (whole && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.button) {
    event.preventDefault();
    fetchValue(whole.closest("[data-viewer]"), whole.href);
    return;
  }
  const row = event.target.closest?.("[data-tree] summary, [data-tree] .leaf");
  if (row && row.closest("[data-viewer]").querySelector(".tree-tools")) choose(row, { focus: !String(getSelection()) });
  const tool = event.target.closest?.("[data-tool]");
  if (tool) use(tool.dataset.tool, tool.closest("[data-viewer]"));
}

function use(tool, viewer) {
  if (tool === "path") copy(viewer, pathOf(current(viewer)), words("Path copied"));
  else if (tool === "value") copyValue(viewer);
  else {
    for (const fold of viewer.querySelectorAll("[data-tree] details")) {
      fold.open = tool === "unfold" || fold.parentElement.dataset.step === "$";
    }
  }
}

function pressed(event) {
  const row = event.target.closest?.("[data-tree] summary, [data-tree] .leaf");
  if (!row || event.metaKey || event.ctrlKey || event.altKey) return;
  const tree = row.closest("[data-tree]");
  const shown = rowsOf(tree).filter((other) => other.checkVisibility());
  const place = shown.indexOf(row);
  const fold = row.matches("summary") ? row.parentElement : null;
  let next = null;
  if (event.key === "ArrowDown") next = shown[place + 1];
  else if (event.key === "ArrowUp") next = shown[place - 1];
  else if (event.key === "Home") next = shown[0];
  else if (event.key === "End") next = shown.at(-1);
  else if (event.key === "ArrowRight" && fold) { if (fold.open) next = shown[place + 1]; else fold.open = true; }
  else if (event.key === "ArrowLeft" && fold?.open) fold.open = false;
  else if (event.key === "ArrowLeft") next = row.closest("li").parentElement.closest("li")?.querySelector("summary");
  else return;
  event.preventDefault();
  if (next) choose(next);
}

// Copying.

async function copy(viewer, text, said) {
  try {
    await navigator.clipboard.writeText(text);
    say(viewer, said);
    announce(said);
  } catch {
    say(viewer, words("The browser did not let it be copied"));
  }
}

async function copyValue(viewer) {
  const row = current(viewer);
  const value = row.querySelector(":scope > .value");
  if (row.matches(".leaf") && !value.hasAttribute("data-cut")) {
    const text = exact(value);
    return copy(viewer, value.dataset.kind === "string" ? JSON.parse(text) : text, words("Value copied"));
  }
  if (Number(viewer.dataset.size) > MOST_COPIED || !JSON.rawJSON) {
    return say(viewer, words("Too large to be copied from here: download it"));
  }
  try {
    const answer = await fetch(viewer.dataset.raw, { headers: { accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    return copy(viewer, picked(await answer.text(), stepsTo(row)), words("Value copied"));
  } catch {
    return say(viewer, words("The value could not be fetched"));
  }
}

// Numbers keep their digits as written, because JavaScript's own numbers are too small for some.
function picked(text, steps) {
  let value = JSON.parse(text, (key, inner, { source } = {}) => (typeof inner === "number" ? JSON.rawJSON(source) : inner));
  for (const step of steps.slice(1)) value = value[step[0] === "." ? step.slice(1) : JSON.parse(step.slice(1, -1))];
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}
