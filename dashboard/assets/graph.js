// The drawing of a graph: its size in steps, moving it by hand, and keeping what runs in view.
// Without script, each of these is a link or a scroll; script keeps the page in its place.
import { say } from "./words.js";

const STEPS = [25, 50, 75, 100, 125, 150, 200];
const FAR = 4;

let follows = true;

function roomOf(element) { return element?.closest?.("[data-graph]") || document.querySelector("[data-graph]"); }

function sizeOf(room) {
  const drawing = room.querySelector(".graph");
  return Math.round((100 * drawing.getBoundingClientRect().width) / Number(drawing.dataset.width));
}

// The address of the page, and that of its live part, say how the drawing is shown.
function keep(name, value) {
  const query = new URLSearchParams(location.search);
  query.set(name, value);
  if (document.querySelector("[data-run-page]")) query.set("tab", "graph");
  const address = `${location.pathname}?${query}`;
  history.replaceState(null, "", address);
  const live = document.querySelector("[data-run-page]");
  if (live) live.dataset.address = address;
}

function zoom(room, wanted) {
  const drawing = room.querySelector(".graph");
  const now = sizeOf(room);
  const next = { in: STEPS.find((step) => step > now), out: STEPS.findLast((step) => step < now), 100: 100, fit: "fit" }[wanted];
  if (!next) return;
  const middle = [(room.scrollLeft + room.clientWidth / 2) / room.scrollWidth, (room.scrollTop + room.clientHeight / 2) / room.scrollHeight];
  drawing.classList.remove("small");
  drawing.classList.toggle("fit", next === "fit");
  const size = next === "fit" ? 100 : next;
  drawing.setAttribute("width", Math.round((Number(drawing.dataset.width) * size) / 100));
  drawing.setAttribute("height", Math.round((Number(drawing.dataset.height) * size) / 100));
  room.scrollLeft = middle[0] * room.scrollWidth - room.clientWidth / 2;
  room.scrollTop = middle[1] * room.scrollHeight - room.clientHeight / 2;
  keep("zoom", next);
  const announcer = document.getElementById("announcer");
  if (announcer) announcer.textContent = next === "fit" ? say("All of the graph is shown") : say("{number} per cent", { number: next });
}

function show(button) {
  if (button) button.setAttribute("aria-pressed", String(follows));
}

function letGo() {
  follows = false;
  show(document.querySelector("[data-follow]"));
}

// Bring what is running into view, or else what asks or waits.
function follow() {
  const button = document.querySelector("[data-follow]");
  show(button);
  const room = roomOf();
  if (!button || !room || !follows) return;
  const node = ["running", "suspended", "waiting"].map((status) => room.querySelector(`.node[data-status=${status}]`)).find(Boolean);
  if (!node) return;
  bring(room, node);
}

function bring(room, node) {
  const box = node.getBoundingClientRect();
  const place = room.getBoundingClientRect();
  if (box.left < place.left || box.right > place.right) room.scrollLeft += box.left - place.left - (place.width - box.width) / 2;
  if (box.top < place.top || box.bottom > place.bottom) room.scrollTop += box.top - place.top - (place.height - box.height) / 2;
}

// A drawing that is wider than its room opens at the way that was taken: where it failed or is now,
// or else where most of that way is visible; before anything ran, where the run begins.
function open() {
  const room = roomOf();
  if (!room || room.scrollWidth <= room.clientWidth + 1) return;
  const stands = room.querySelector("[data-chosen]") ?? ["running", "suspended", "waiting", "failed"].map((status) => room.querySelector(`.node[data-status=${status}]`)).find(Boolean);
  if (stands) { bring(room, stands); return; }
  const taken = [...room.querySelectorAll(".node[data-status]")].filter((node) => !["", "pending", "untaken", "skipped", "queued"].includes(node.dataset.status));
  const boxes = (taken.length ? taken : [...room.querySelectorAll(".stop")]).map((node) => node.getBoundingClientRect());
  if (!boxes.length) return;
  const place = room.getBoundingClientRect();
  // One node gives both coordinates: the middle of each axis alone may be an empty spot.
  const seen = boxes.map((box) => seenAround(box, boxes, place));
  const best = boxes[seen.indexOf(Math.max(...seen))];
  room.scrollLeft += best.left - place.left - (place.width - best.width) / 2;
  if (best.top < place.top || best.bottom > place.bottom) room.scrollTop += best.top - place.top - (place.height - best.height) / 2;
}

// How many boxes are completely visible if this box is in the middle.
function seenAround(box, boxes, place) {
  const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
  return boxes.filter((one) => {
    const [far, deep] = [Math.max(x - one.left, one.right - x), Math.max(y - one.top, one.bottom - y)];
    return far <= place.width / 2 && deep <= place.height / 2;
  }).length;
}

function pan() {
  let held = null;
  let isMoved = false;
  document.addEventListener("pointerdown", (event) => {
    const room = event.target.closest?.("[data-graph]");
    isMoved = false;
    // A finger scrolls without help.
    if (!room || event.button || event.pointerType !== "mouse") return;
    held = { room, x: event.clientX + room.scrollLeft, y: event.clientY + room.scrollTop, from: [event.clientX, event.clientY] };
  });
  document.addEventListener("pointermove", (event) => {
    if (!held) return;
    if (!isMoved && Math.hypot(event.clientX - held.from[0], event.clientY - held.from[1]) < FAR) return;
    if (!isMoved) { isMoved = true; letGo(); held.room.classList.add("held"); }
    held.room.scrollLeft = held.x - event.clientX;
    held.room.scrollTop = held.y - event.clientY;
  });
  const end = () => { held?.room.classList.remove("held"); held = null; };
  document.addEventListener("pointerup", end);
  document.addEventListener("pointercancel", end);
  document.addEventListener("dragstart", (event) => { if (event.target.closest?.("[data-graph]")) event.preventDefault(); });
  // A move that ends on a node is not a click on it.
  document.addEventListener("click", (event) => {
    if (isMoved && event.target.closest?.("[data-graph]")) { event.preventDefault(); event.stopPropagation(); }
    isMoved = false;
  }, true);
  for (const kind of ["wheel", "touchmove"]) {
    document.addEventListener(kind, (event) => { if (event.target.closest?.("[data-graph]")) letGo(); }, { passive: true });
  }
}

function keys() {
  const named = { "+": "in", "=": "in", "-": "out", 0: "100", f: "fit" };
  document.addEventListener("keydown", (event) => {
    const room = event.target.closest?.("[data-graph]");
    if (!room || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.startsWith("Arrow")) letGo();
    if (!Object.hasOwn(named, event.key)) return;
    event.preventDefault();
    zoom(room, named[event.key]);
  });
}

// `turnTo` shows another address of the run's page in place; other pages are loaded again. Once for
// each drawing, so that a person who has moved it finds it as it was.
let opened = null;
function openOnce() {
  const room = roomOf();
  if (room && room !== opened) open();
  opened = room;
}

export function graph(turnTo) {
  if (!roomOf() && !turnTo) return;
  pan();
  keys();
  document.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    const tool = event.target.closest("[data-zoom]");
    if (tool && roomOf()) {
      event.preventDefault();
      zoom(roomOf(), tool.dataset.zoom);
    }
    if (event.target.closest("[data-follow]")) {
      follows = !follows;
      follow();
    }
    const turn = event.target.closest("a[data-turn]");
    if (turn && turnTo) {
      event.preventDefault();
      const where = turn.closest(".menu") ? ".menu " : turn.closest(".timeline") ? ".timeline " : ".graph ";
      const wanted = new URL(turn.getAttribute("href"), location.href);
      const size = new URLSearchParams(location.search).get("zoom");
      if (size) wanted.searchParams.set("zoom", size);
      turnTo(wanted.href).then(() => document.querySelector(`${where}a[data-turn="${CSS.escape(turn.dataset.turn)}"]`)?.focus());
    }
  });
  document.addEventListener("signalbox:patched", () => { follow(); openOnce(); });
  follow();
  openOnce();
}
