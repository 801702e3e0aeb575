// The inbox by keyboard, and its count in the menu and the title, which stand outside the live part.

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
  document.title = document.title.replace(/^Inbox( \([^)]*\))?/, waiting ? `Inbox (${waiting})` : "Inbox");
}

if (live) new MutationObserver(counted).observe(live, { attributes: true, attributeFilter: ["data-waiting"] });
