// Shortcuts. A single key acts only while nobody types, and only goes somewhere: no key changes a
// run.

const PLACES = { r: "runs", i: "inbox", w: "workflows", s: "schedules" };
const WAIT = 1500;

function isTyping(element) {
  return Boolean(element?.closest?.("input, textarea, select, [contenteditable]"));
}

// The address is in the page, so that it is right under any prefix.
function placeOf(key) {
  const name = Object.hasOwn(PLACES, key) ? PLACES[key] : "";
  return name && document.querySelector(`[data-place="${name}"]`);
}

// The button that sends a form: the focused one, or the only one. If several are side by side, as
// for a choice, none is picked.
function sender(form, focused) {
  const own = focused.closest("button, input");
  if (own?.type === "submit") return own;
  const found = form.querySelectorAll("[data-send]:enabled, button.primary:enabled, button.danger:enabled");
  const all = [...found].filter((one) => one.checkVisibility());
  const first = all.filter((one) => one.matches(".primary"));
  if (first.length === 1) return first[0];
  return all.length === 1 || new Set(all.map((one) => one.value)).size === 1 ? all[0] : null;
}

export function keys() {
  const sheet = document.getElementById("keys");
  if (!sheet) return;
  let begun = -WAIT;
  const show = () => { if (!document.querySelector("dialog[open]")) sheet.showModal(); };

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      const form = event.target.form || event.target.closest?.("form");
      if (form && form.method === "post" && !event.repeat) {
        const button = sender(form, event.target);
        event.preventDefault();
        if (button) form.requestSubmit(button);
      }
      return;
    }
    if (event.key === "Escape") {
      const menu = event.target.closest?.("details.menu[open]") || document.querySelector("details.menu[open]");
      if (menu && !document.querySelector("dialog[open]")) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
      return;
    }
    // The time when the keys were struck, not when this page got round to them.
    const isSecond = event.timeStamp - begun < WAIT;
    begun = -WAIT;
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
    if (event.key === "?") {
      event.preventDefault();
      show();
    } else if (isSecond) {
      const place = placeOf(event.key);
      if (place) {
        event.preventDefault();
        location.href = place.href;
      }
    } else if (event.key === "g") {
      begun = event.timeStamp;
    }
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-keys]")) {
      // The menu closes first, so that the focus comes back to its button, which is visible.
      const menu = event.target.closest("details.menu");
      if (menu) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
      show();
    }
    if (event.target === sheet || event.target.closest("#keys [data-close]")) sheet.close();
  });
}
