// Forms: note what was typed, send once, focus what the server marked, keep drafts.
import { firstField, keepDrafts } from "./drafts.js";
import { exact } from "./exact.js";
import { buttons } from "./buttons.js";
import { say } from "./words.js";

function place(root) {
  const marked = root.querySelector("[autofocus]");
  if (marked) marked.focus();
}

export function minding() {
  document.addEventListener("input", (event) => {
    const section = event.target.closest("[data-keep-draft]");
    if (section) section.dataset.dirty = "yes";
    const form = event.target.closest("[data-schema-form]");
    if (form) form.dataset.dirty = "yes";
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    const form = event.detail.elt.closest?.("[data-schema-form]");
    if (!form) return;
    form.querySelectorAll("[data-send]").forEach((button) => { button.disabled = true; });
    form.querySelectorAll("[data-sending]").forEach((note) => { note.hidden = false; });
    form.querySelector("[data-not-sent]")?.remove();
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.detail.elt.closest?.("[data-schema-form]");
    if (!form || !form.isConnected) return;
    form.querySelectorAll("[data-send]").forEach((button) => { button.disabled = false; });
    form.querySelectorAll("[data-sending]").forEach((note) => { note.hidden = true; });
    if (!event.detail.failed || event.detail.xhr.status === 422) return;
    if (isLockedOut(event.detail.xhr)) HTMLFormElement.prototype.submit.call(form);
    else notSent(form);
  });
  // If there is no answer at all, because the server is away, other events report it.
  for (const kind of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(kind, (event) => {
      const form = event.detail.elt.closest?.("[data-schema-form]");
      if (form?.isConnected) notSent(form);
    });
  }
  document.addEventListener("htmx:afterSwap", (event) => {
    const target = event.detail.target;
    const section = target.closest?.("[data-keep-draft]") || document.querySelector("[data-keep-draft] .form-place")?.closest("[data-keep-draft]");
    if (section && event.detail.requestConfig?.verb === "post") section.dataset.dirty = "yes";
    if (event.detail.requestConfig?.verb === "post") place(document.querySelector(".form-place") || document);
  });
  document.addEventListener("change", (event) => {
    const choice = event.target.closest("[data-shape-choice]");
    const show = choice?.form.querySelector(`button[value="${CSS.escape(`shape:${choice.name}`)}"]`);
    const isShaping = choice && "shaping" in choice.form.dataset;
    if (!show || (!isShaping && choice.form.classList.contains("htmx-request"))) return;
    // The choice was changed again before its fields came: they belong to the last one.
    if (isShaping) htmx.trigger(choice.form, "htmx:abort");
    choice.form.dataset.shaping = "";
    choice.form.requestSubmit(show);
  });
  document.addEventListener("htmx:afterRequest", (event) => { delete event.detail.elt.dataset?.shaping; });
  // After an action the keyboard continues at the message about it, unless a form has the focus.
  addEventListener("load", () => setTimeout(() => {
    const said = document.querySelector(".flashes");
    if (said && document.activeElement === document.body && !document.querySelector("[autofocus]")) said.focus({ preventScroll: true });
  }));
  document.addEventListener("click", (event) => {
    if (event.target.closest('a[href="#questions"]')) setTimeout(() => [...document.querySelectorAll("#questions .question")].map(firstField).find(Boolean)?.focus());
  });
  buttons();
  copying();
  keepDrafts();
}

// Signed out, or the page's token is too old: if the form is sent as a browser does, the server
// keeps what was typed through the sign-in, or shows it so that it can be copied.
function isLockedOut(xhr) {
  return xhr.status === 401 || (xhr.status === 403 && xhr.responseText.includes('id="too-old"'));
}

function notSent(form) {
  let note = form.querySelector("[data-not-sent]");
  if (!note) {
    note = document.createElement("p");
    note.className = "notice";
    note.dataset.tone = "error";
    note.dataset.notSent = "";
    note.setAttribute("role", "alert");
    // Near the eye: above the button that was pressed, which may be far below the top of a long
    // form.
    const buttons = [...form.querySelectorAll(".actions:has([data-send])")].at(-1);
    if (buttons) buttons.before(note); else form.prepend(note);
  }
  note.textContent = say("This could not be sent: the server did not answer, or refused the page. What you typed is still here.");
}

// Texts that can be copied, including those that come later: by a click, or by Enter or Space.
function copying() {
  if (!navigator.clipboard) return;
  const offer = () => {
    for (const element of document.querySelectorAll("[data-copy]:not([role])")) {
      element.tabIndex = 0;
      element.setAttribute("role", "button");
      element.title = say("Copy");
    }
  };
  const copy = async (element) => {
    let said = say("Copied");
    try {
      await navigator.clipboard.writeText(exact(element));
    } catch {
      said = say("The browser did not let it be copied");
    }
    // Beside the text for a while, and also for screen readers.
    element.dataset.copied = said;
    document.getElementById("announcer").textContent = said;
    setTimeout(() => delete element.dataset.copied, 2000);
  };
  document.addEventListener("signalbox:patched", offer);
  document.addEventListener("click", (event) => {
    const element = event.target.closest("[data-copy]");
    if (element) copy(element);
  });
  document.addEventListener("keydown", (event) => {
    if ((event.key !== "Enter" && event.key !== " ") || !event.target.matches?.("[data-copy]")) return;
    event.preventDefault();
    copy(event.target);
  });
  offer();
}
