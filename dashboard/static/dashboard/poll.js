// Parts that fetch themselves every few seconds: not while the tab is hidden, and only what
// differs is changed, so that focus and selection stay.
import { patch } from "./patch.js";

export function polling() {
  const part = document.querySelector("[data-poll]");
  if (!part) return;
  const pulse = document.querySelector("[data-pulse]");
  let since = null;

  function show(state, text, title) {
    if (!pulse) return;
    pulse.hidden = false;
    pulse.dataset.state = state;
    pulse.title = title;
    pulse.querySelector("[data-pulse-word]").textContent = text;
  }
  function away() {
    since = since || new Date();
    show("offline", `offline since ${since.toLocaleTimeString()}`, "The server does not answer. What is shown may be old.");
  }
  function well() {
    since = null;
    show("live", "every 5 s", "The page asks every five seconds, while it is seen.");
  }

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target === part && document.hidden) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, xhr, shouldSwap } = event.detail;
    if (target !== part || !shouldSwap) return;
    event.detail.shouldSwap = false;
    if (patch(part, xhr.responseText)) well();
    else location.reload();
  });
  document.addEventListener("htmx:sendError", away);
  document.addEventListener("htmx:responseError", away);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) htmx.trigger(part, "wake"); });
  well();
}
