// What is typed into a form that script sends is kept in this tab until it is sent, and shown again
// after a reload. Passwords and files are never kept.
import { say } from "./words.js";

const MOST = 200_000;
const NOT_KEPT = new Set(["csrfmiddlewaretoken", "run_key", "next", "zone", "op", "planned", "then"]);
const met = new WeakSet();

export function keepDrafts() {
  document.addEventListener("input", (event) => keep(formOf(event.target)));
  document.addEventListener("change", (event) => keep(formOf(event.target)));
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.requestConfig?.verb !== "post") return;
    for (const form of forms()) { met.add(form); keep(form); }
  });
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const form = formOf(event.detail.elt);
    const { xhr } = event.detail;
    if (form && (xhr.getResponseHeader("HX-Redirect") || [401, 409, 410].includes(xhr.status))) forget(form);
  });
  document.addEventListener("signalbox:patched", restoreAll);
  restoreAll();
}

function forms() { return document.querySelectorAll("form[data-schema-form][hx-post]"); }

function formOf(element) { return element.closest?.("form[data-schema-form][hx-post]"); }

function keyOf(form) {
  return `signalbox-draft:${document.body.dataset.person || ""}:${new URL(form.action).pathname}${form.dataset.draftName || ""}`;
}

function forget(form) {
  form.dataset.sent = "";
  sessionStorage.removeItem(keyOf(form));
}

function keep(form) {
  if (!form || form.dataset.dirty !== "yes" && !form.closest("[data-draft]") || "sent" in form.dataset) return;
  if (form.hasAttribute("data-no-draft")) { sessionStorage.removeItem(keyOf(form)); return; }
  const hidden = [...form.querySelectorAll("input[name=secret-inputs]")].map((field) => field.value);
  const secrets = new Set([...hidden, ...[...form.querySelectorAll("input[type=password]")].map((field) => field.name)]);
  const entries = [...new FormData(form)].filter(([name, value]) => typeof value === "string" && !NOT_KEPT.has(name) && !secrets.has(name));
  const text = JSON.stringify(entries);
  try {
    if (text.length <= MOST) sessionStorage.setItem(keyOf(form), text);
  } catch {
    // There is no room, or it is not allowed: the form works without drafts.
  }
  form.closest(".form-place")?.setAttribute("data-draft", "");
}

function restoreAll() { for (const form of forms()) if (!met.has(form)) { met.add(form); restore(form); } }

function kept(form) {
  try {
    const entries = JSON.parse(sessionStorage.getItem(keyOf(form)) || "null");
    return Array.isArray(entries) ? entries : null;
  } catch {
    return null;
  }
}

// The server builds the form again as it was, with the rows that were added and the shapes chosen.
async function restore(form) {
  const entries = kept(form);
  const place = form.closest(".form-place");
  if (!entries || !place || form.dataset.dirty || form.querySelector(".summary-of-errors")) return;
  const data = new FormData();
  for (const name of NOT_KEPT) if (form.elements[name]?.value) data.append(name, form.elements[name].value);
  for (const [name, value] of entries) data.append(name, value);
  const zone = form.elements.zone?.value;
  if (zone) data.set("zone", zone);
  data.set("op", `tab:${data.get("tab")}`);
  try {
    const answer = await fetch(form.action, { method: "POST", body: data, headers: { "HX-Request": "true" } });
    if (answer.status === 409 || answer.status === 410) forget(form);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = page.querySelector(".form-place");
    if (!answer.ok || !found?.querySelector("form") || form.dataset.dirty || !form.isConnected) return;
    show(place, document.importNode(found, true));
  } catch {
    // The server is away: the draft is kept for the next time.
  }
}

// The first field inside, or the first button if there is no field.
export function firstField(place) {
  const fields = place.querySelectorAll("form :is(input:not([type=hidden]), select, textarea, button[data-send])");
  return [...fields].find((field) => field.checkVisibility() && !field.matches(".unseen, :disabled"));
}

// What has the focus in a form, or is about to get it from the page; undefined if nothing has.
function focused(place) {
  const here = document.activeElement;
  if (place.contains(here)) return here;
  return here === document.body ? place.querySelector("[autofocus]") ?? undefined : undefined;
}

// The same field in a form that was built again, or else its first field.
function focus(place, was) {
  const isSame = (field) => field.name && field.name === was.name && (!was.matches("[type=radio], [type=checkbox], button") || field.value === was.value);
  const same = [...place.querySelectorAll("input, select, textarea, button")].find((field) => isSame(field) && field.checkVisibility());
  (same || firstField(place))?.focus();
}

function show(old, place) {
  const was = focused(old);
  place.querySelectorAll("[autofocus]").forEach((field) => field.removeAttribute("autofocus"));
  const form = place.querySelector("form");
  met.add(form);
  place.dataset.draft = "";
  form.dataset.dirty = "yes";
  const section = old.closest("[data-keep-draft]");
  if (section) section.dataset.dirty = "yes";
  const note = document.createElement("p");
  note.className = "notice";
  note.dataset.tone = "info";
  note.setAttribute("role", "status");
  note.append(say("Restored what you had typed."), " ");
  const undo = document.createElement("button");
  undo.type = "button";
  undo.className = "quiet";
  undo.textContent = say("Undo");
  undo.addEventListener("click", () => {
    sessionStorage.removeItem(keyOf(form));
    place.replaceWith(old);
    old.querySelectorAll("[data-send]").forEach((button) => { button.disabled = false; });
    if (section) delete section.dataset.dirty;
    firstField(old)?.focus();
  });
  note.append(undo);
  place.prepend(note);
  old.replaceWith(place);
  htmx.process(place);
  if (was) focus(place, was);
}
