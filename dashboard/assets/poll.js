// Parts that fetch themselves every few seconds: not while the tab is hidden, and only what
// differs is changed, so that focus and selection stay.
import { patch } from "./patch.js";
import { Pulse, isHeld } from "./pulse.js";
import { say } from "./words.js";

export function polling() {
  const part = document.querySelector("[data-poll]");
  if (!part) return;
  const pulse = new Pulse();
  const away = () => pulse.away();
  const well = () => pulse.show("live", say("every 5 s"), say("The page asks every five seconds, while it is seen."));

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target !== part) return;
    pulse.pause(document.hidden || isHeld(part));
    if (pulse.isPaused) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, xhr, shouldSwap } = event.detail;
    if (target !== part || !shouldSwap) return;
    event.detail.shouldSwap = false;
    pulse.pause(isHeld(part));
    if (pulse.isPaused) return;
    if (patch(part, xhr.responseText)) well();
    else location.reload();
  });
  document.addEventListener("htmx:sendError", away);
  document.addEventListener("htmx:responseError", away);
  document.addEventListener("visibilitychange", () => { pulse.pause(document.hidden); if (!document.hidden) htmx.trigger(part, "wake"); });
  well();
}
