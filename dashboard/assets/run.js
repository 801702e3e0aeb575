// The page of one run: tabs and playback change the page in place, and a brush cuts the timeline.
import { drawers } from "./drawer.js";
import { exact } from "./exact.js";
import { graph } from "./graph.js";
import { nextTurn, patch } from "./patch.js";
import { say } from "./words.js";

function liveOf() { return document.querySelector("[data-run-page]"); }

let asked = null;
let newest = 0;

// Show another view of the run: the address says which, and the page is changed to match it. Return
// whether it is shown: not if a later one was asked for in the meantime. `name` tells the server
// what was chosen.
async function turnTo(address, { push = true, name = "view" } = {}) {
  const live = liveOf();
  asked?.abort();
  asked = new AbortController();
  newest = nextTurn();
  const mine = newest;
  try {
    const headers = { "HX-Request": "true", "HX-Trigger-Name": name };
    const answer = await fetch(address, { headers, signal: asked.signal });
    if (!answer.ok) throw new Error(String(answer.status));
    const text = await answer.text();
    if (mine !== newest) return false;
    live.querySelectorAll("[data-playback] [data-dirty]").forEach((slider) => { delete slider.dataset.dirty; });
    patch(live, text);
    live.querySelectorAll(".filters input[type=number]").forEach(showAttribute);
    nextTurn();
    live.dataset.address = address;
    if (push) history.pushState(null, "", address); else history.replaceState(null, "", address);
    return true;
  } catch (problem) {
    if (mine !== newest) return false;
    // Without an answer the page stays, because leaving it would show the browser's own error.
    if (problem instanceof TypeError) notReached();
    else location.href = address;
    return false;
  }
}

function tabs() {
  document.addEventListener("click", (event) => {
    const tab = event.target.closest("a[data-tab]");
    if (!tab || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    // The server remembers which tab was opened last, from this name.
    turnTo(tab.href, { name: "tab" }).then((isShown) => {
      if (isShown) document.querySelector(`a[data-tab][href="${CSS.escape(tab.getAttribute("href"))}"]`)?.focus();
    });
  });
  addEventListener("popstate", () => turnTo(location.href, { push: false }));
}

function notReached() {
  const note = document.createElement("p");
  note.className = "notice";
  note.dataset.tone = "error";
  note.setAttribute("role", "alert");
  note.textContent = say("The server cannot be reached, so this view could not be shown. What you see may be old.");
  const notices = document.getElementById("notices");
  notices.querySelector("[role=alert]")?.remove();
  notices.prepend(note);
  note.scrollIntoView({ block: "nearest" });
}

// A field that somebody has used no longer follows its attribute, which is what a patch changes.
function showAttribute(field) { field.value = field.getAttribute("value"); }

function playback() {
  let timer = 0;
  document.addEventListener("signalbox:patched", () => {
    document.querySelectorAll("[data-playback] input[type=range]:not(:active, [data-dirty])").forEach(showAttribute);
  });
  document.addEventListener("input", (event) => {
    const slider = event.target.closest("[data-playback] input[type=range]");
    if (!slider) return;
    const [value, isNow] = [slider.value, slider.value === slider.max];
    slider.dataset.dirty = "yes";
    slider.form.querySelector("output").textContent = isNow ? say("now") : slider.value;
    clearTimeout(timer);
    timer = setTimeout(() => {
      const query = new URLSearchParams(location.search);
      query.set("tab", slider.form.elements.tab.value);
      query.delete("timeline");
      if (isNow) query.delete("at"); else query.set("at", value);
      turnTo(`${location.pathname}?${query}`, { push: false });
    }, 120);
  });
}

// The second at a place on the axis, on which idle stretches are folded.
function moment(scale, x) {
  const [left, width, start, length] = scale.findLast(([begin]) => begin <= x) || scale[0];
  return start + length * Math.min((x - left) / width, 1);
}

function brush() {
  let begun = null;
  const share = (event, axis) => {
    const box = axis.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
  };
  document.addEventListener("pointerdown", (event) => {
    const axis = event.target.closest(".axis svg");
    if (!axis || event.button) return;
    const mark = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    mark.setAttribute("class", "brush");
    mark.setAttribute("height", "22");
    axis.append(mark);
    begun = { axis, mark, from: share(event, axis) };
    axis.setPointerCapture(event.pointerId);
  });
  document.addEventListener("pointermove", (event) => {
    if (!begun) return;
    const now = share(event, begun.axis);
    begun.mark.setAttribute("x", `${100 * Math.min(now, begun.from)}%`);
    begun.mark.setAttribute("width", `${100 * Math.abs(now - begun.from)}%`);
  });
  document.addEventListener("pointerup", (event) => {
    if (!begun) return;
    const { axis, mark, from } = begun;
    begun = null;
    mark.remove();
    const to = share(event, axis);
    if (Math.abs(to - from) < 0.01) return;
    const timeline = axis.closest("[data-scale]");
    const first = Number(timeline.dataset.first);
    const scale = JSON.parse(timeline.dataset.scale);
    const query = new URLSearchParams(location.search);
    query.set("tab", "timeline");
    query.delete("skip");
    query.set("since", (first + moment(scale, 100 * Math.min(from, to))).toFixed(3));
    query.set("until", (first + moment(scale, 100 * Math.max(from, to))).toFixed(3));
    turnTo(`${location.pathname}?${query}`);
  });
}

// Shift-clicking two rows, or `m` on them, measures the time between.
function measure() {
  const mark = (row) => {
    const begin = row.closest("[data-mark]").dataset.mark;
    turnTo(`${location.pathname}${begin}${row.dataset.key}`).then(() => {
      document.getElementById(row.id)?.querySelector("a").focus();
    });
  };
  const rowOf = (event) => event.target.closest?.("[data-mark] .time-row[data-key]");
  document.addEventListener("click", (event) => {
    const row = event.shiftKey && !event.button && rowOf(event);
    if (!row) return;
    event.preventDefault();
    mark(row);
  });
  // Otherwise a shift-click would select the text between.
  document.addEventListener("mousedown", (event) => { if (event.shiftKey && rowOf(event)) event.preventDefault(); });
  document.addEventListener("keydown", (event) => {
    const row = event.key === "m" && !event.ctrlKey && !event.metaKey && !event.altKey && rowOf(event);
    if (!row) return;
    event.preventDefault();
    mark(row);
  });
}

// The title of the browser's tab is outside the live part, and shows the status, too.
function entitle() {
  document.addEventListener("signalbox:patched", () => { document.title = liveOf().dataset.title || document.title; });
}

// The report of a failure, for the person who can fix it.
function reports() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-report]");
    const report = button && document.getElementById(button.dataset.report);
    const text = report && exact(report);
    if (!text || !navigator.clipboard) return;
    await navigator.clipboard.writeText(text);
    document.getElementById("announcer").textContent = say("Report copied");
    button.textContent = say("Report copied");
  });
}

export function runPage() {
  if (!liveOf()) { graph(null); return; }
  entitle();
  tabs();
  playback();
  brush();
  measure();
  reports();
  graph(turnTo);
  drawers();
}
