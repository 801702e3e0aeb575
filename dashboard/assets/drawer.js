// On a wide screen a step opens beside the run's page, in a drawer, instead of on a page of its own.
// Its link stays what it is, so that it can be copied, and goes there without script.
import { patch } from "./patch.js";
import { say } from "./words.js";

const WIDE = matchMedia("(min-width: 1100px)");
const REFERS = ["for", "aria-labelledby", "aria-describedby", "aria-controls"];
// While the run goes on, the drawer is refreshed at most this often.
const PACE = 1000;

let opener = null;
let shown = "";
let asked = 0;
let waiting = 0;

function drawer() { return document.getElementById("drawer"); }

function isOpen() { return Boolean(drawer() && !drawer().hidden); }

// The address of the step that a link is about: a row of the timeline, an item, a box of the graph.
function addressOf(link) {
  const steps = `${location.pathname}steps/`;
  if (link.matches(".node")) {
    const path = decodeURIComponent(link.getAttribute("href")).replace(/^#/, "");
    const own = document.getElementById(path)?.querySelector(`:scope .step-body .actions a[href^="${CSS.escape(steps)}"]`);
    return own?.getAttribute("href") || "";
  }
  const address = link.getAttribute("href") || "";
  return address.startsWith(steps) && link.closest(".timeline, #drawer, .step-body .actions") && !link.hasAttribute("data-page") ? address : "";
}

// The part of the step's page that changes, with ids of its own, because the run's page has the
// same.
function contentOf(text, address) {
  const page = new DOMParser().parseFromString(text, "text/html");
  const part = page.getElementById("live");
  if (!part) return null;
  const body = page.createElement("div");
  body.id = "drawer-body";
  body.append(...part.childNodes);
  for (const element of body.querySelectorAll("[id]")) element.id = `drawer-${element.id}`;
  for (const name of REFERS) {
    for (const element of body.querySelectorAll(`[${name}]`)) element.setAttribute(name, element.getAttribute(name).split(" ").map((id) => `drawer-${id}`).join(" "));
  }
  // A form or link without a target means the step's page.
  const own = address.split("?")[0];
  for (const form of body.querySelectorAll("form:not([action])")) form.setAttribute("action", own);
  for (const link of body.querySelectorAll("a[href^='?']")) link.setAttribute("href", own + link.getAttribute("href"));
  const title = page.createElement("h2");
  title.id = "drawer-title";
  const head = body.querySelector("h1");
  title.append(...head.childNodes);
  head.replaceWith(title);
  const whole = page.createElement("a");
  Object.assign(whole, { className: "button quiet", textContent: say("Open as a page") });
  whole.href = address;
  whole.dataset.page = "";
  body.querySelector(".page-head .actions").append(whole);
  return body.outerHTML;
}

async function load(address) {
  const mine = ++asked;
  const answer = await fetch(address, { headers: { "HX-Request": "true" } });
  const html = answer.ok ? contentOf(await answer.text(), address) : null;
  if (!html) throw new Error("no step");
  if (mine !== asked) return false;
  const body = document.getElementById("drawer-body");
  // Nothing of another step is kept, even if a value of it is the same.
  if (address !== shown) body.replaceChildren();
  patch(body, html);
  return true;
}

// The address of the page says which step is shown.
function remember() {
  const query = new URLSearchParams(location.search);
  const path = shown && decodeURIComponent(shown.slice(`${location.pathname}steps/`.length).replace(/\/(\?.*)?$/, ""));
  if ((query.get("step") || "") === path) return;
  if (path) query.set("step", path); else query.delete("step");
  history.replaceState(history.state, "", `${location.pathname}${query.size ? `?${query}` : ""}${location.hash}`);
}

async function open(address, from) {
  try {
    if (!await load(address)) return;
  } catch {
    location.href = address;
    return;
  }
  // A box of the drawing cannot be reached with Tab; the drawing can.
  if (from && !from.closest("#drawer")) opener = from.closest("[data-graph]") || from;
  const wasOpen = isOpen();
  shown = address;
  drawer().hidden = false;
  document.body.dataset.drawer = "";
  if (!wasOpen || from?.closest("#drawer")) drawer().scrollTop = 0;
  remember();
  drawer().querySelector("[data-close-drawer]").focus();
}

function close() {
  asked += 1;
  shown = "";
  drawer().hidden = true;
  delete document.body.dataset.drawer;
  document.getElementById("drawer-body").replaceChildren();
  remember();
  const back = opener?.isConnected ? opener : document.querySelector("#panel a[aria-current]");
  back?.focus();
  opener = null;
}

// If the run has changed, the step may have changed, too.
function follow(event) {
  if (!isOpen() || event.detail?.target.id !== "live") return;
  // Another view is written into the address right after it is shown.
  queueMicrotask(remember);
  if (waiting) return;
  waiting = setTimeout(() => { waiting = 0; if (isOpen()) load(shown).catch(() => {}); }, PACE);
}

export function drawers() {
  if (!drawer()) return;
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-close-drawer]")) { close(); return; }
    const link = event.target.closest("a");
    if (!link || event.defaultPrevented || event.metaKey || event.ctrlKey || event.shiftKey || event.button || !WIDE.matches) return;
    const address = addressOf(link);
    if (!address) return;
    event.preventDefault();
    open(address, link);
  });
  // Before a menu closes by the same key: only one thing closes at a time.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !isOpen() || document.querySelector("dialog[open], details.menu[open]")) return;
    close();
  }, true);
  document.addEventListener("signalbox:patched", follow);
  const wanted = new URLSearchParams(location.search).get("step");
  if (!WIDE.matches) delete document.body.dataset.drawer;
  if (wanted && WIDE.matches) open(`${location.pathname}steps/${wanted.split("/").map(encodeURIComponent).join("/")}/`, null);
}
