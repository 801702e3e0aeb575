// Lists by keyboard: j and k go from row to row, Enter opens as on any link, x marks. No key
// changes a run.
import { say } from "./words.js";

function isTyping(element) {
  const field = element?.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]");
  return Boolean(field) || Boolean(document.querySelector("dialog[open]"));
}

function links() {
  return [...document.querySelectorAll("main .table a.row-link")];
}

function move(by) {
  const all = links();
  if (!all.length) return;
  const row = document.activeElement?.closest?.("tr");
  const here = all.findIndex((link) => row && row.contains(link));
  const to = here < 0 ? 0 : Math.min(Math.max(here + by, 0), all.length - 1);
  all[to].focus();
  all[to].closest("tr").scrollIntoView({ block: "nearest" });
}

function mark() {
  const box = document.activeElement?.closest?.("tr")?.querySelector("[data-mark]");
  if (!box) return;
  box.checked = !box.checked;
  box.dispatchEvent(new Event("change", { bubbles: true }));
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (event.key === "j" || event.key === "k") {
    event.preventDefault();
    move(event.key === "j" ? 1 : -1);
  } else if (event.key === "x") {
    event.preventDefault();
    mark();
  }
});

// What needs two rows is possible once two are marked; it says so as soon as one is.
function counted() {
  const form = document.querySelector("[data-marked]");
  if (!form) return;
  const button = form.querySelector("button");
  const number = document.querySelectorAll("[data-mark]:checked").length;
  form.dataset.marked = number || "";
  button.disabled = number !== 2;
  button.textContent = number === 1 ? say("Mark one more run to compare") : number > 2 ? say("Compare takes two runs: {number} are marked", { number }) : say("Compare two marked runs");
}

document.addEventListener("change", (event) => { if (event.target.matches("[data-mark]")) counted(); });
document.addEventListener("signalbox:patched", counted);
addEventListener("pageshow", counted);
counted();
