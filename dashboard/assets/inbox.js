// The inbox by keyboard, and its count in the menu and the title, which are outside the live part.
import { say } from "./words.js";

function isTyping(element) {
  return element?.matches?.("input, textarea, select, [contenteditable]") || document.querySelector("dialog[open]");
}

function links() {
  return [...document.querySelectorAll(".inbox-list a.ask-link")];
}

// j and k move the focus; Enter then opens, as it does on any link.
function move(by) {
  const all = links();
  if (!all.length) return;
  const here = all.indexOf(document.activeElement);
  const chosen = all.findIndex((link) => link.hasAttribute("aria-current"));
  const from = here >= 0 ? here : chosen;
  const to = from < 0 ? 0 : Math.min(Math.max(from + by, 0), all.length - 1);
  all[to].focus();
  all[to].closest(".ask").scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (event.key !== "j" && event.key !== "k") return;
  event.preventDefault();
  move(event.key === "j" ? 1 : -1);
});

const live = document.getElementById("live");
const count = document.querySelector("[data-inbox-count]");

function counted() {
  const waiting = live.dataset.waiting;
  if (count) {
    count.textContent = waiting;
    count.hidden = !waiting;
  }
  document.title = `${say("Inbox")}${waiting ? ` (${waiting})` : ""} · Signalbox`;
}

// A question that was added to the list is announced politely, once.
function rows() { return [...document.querySelectorAll(".inbox-list [data-row]:not([data-gone])")]; }

let told = "";
const known = new Set(rows().map((row) => row.dataset.row));

function tell() {
  const fresh = rows().filter((row) => !known.has(row.dataset.row));
  for (const row of fresh) known.add(row.dataset.row);
  const pill = document.querySelector(".inbox-list .pill")?.textContent || "";
  const said = fresh.length === 1 ? say("A new question: {question}", { question: fresh[0].querySelector(".ask-link").textContent })
    : fresh.length ? say("{number} new questions", { number: fresh.length }) : pill && pill !== told ? say("{pill} questions", { pill }) : "";
  told = pill;
  const announcer = document.getElementById("announcer");
  if (said && announcer) announcer.textContent = said;
}

document.addEventListener("signalbox:patched", tell);

if (live) new MutationObserver(counted).observe(live, { attributes: true, attributeFilter: ["data-waiting"] });
