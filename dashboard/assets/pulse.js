// The small sign that says how fresh the page is, and when the page must not change.
import { clockOf } from "./time.js";
import { say } from "./words.js";

const SAYS = {
  live: say("Changes show up by themselves."),
  ended: say("The run has ended, and nothing has happened for a while."),
  polling: say("No live connection; the page asks every few seconds."),
  paused: say("Nothing changes while text is selected, a dialog is open, or nobody sees the page."),
  offline: say("The server cannot be reached. What is shown may be old."),
};

export class Pulse {
  constructor() {
    this.element = document.querySelector("[data-pulse]");
    this.word = this.element?.querySelector("[data-pulse-word]");
    this.isPaused = false;
    this.since = null;
    this.last = null;
  }

  show(state, text, title = SAYS[state]) {
    if (state !== "offline") this.since = null;
    this.last = [state, text, title];
    if (!this.isPaused || state === "offline") this.draw(...this.last);
  }

  // Since when the server has not answered.
  away() {
    this.since = this.since || new Date();
    this.show("offline", say("offline since {time}", { time: clockOf(this.since) }));
  }

  // Whether news is waiting to be shown.
  pause(isPaused) {
    if (isPaused === this.isPaused) return;
    this.isPaused = isPaused;
    if (!isPaused && this.last) this.draw(...this.last);
    if (isPaused && this.last?.[0] !== "offline") this.draw("paused", say("paused"), SAYS.paused);
  }

  draw(state, text, title = "") {
    if (!this.element || (this.element.dataset.state === state && this.word.textContent === text)) return;
    this.element.hidden = false;
    this.element.dataset.state = state;
    this.word.textContent = text;
    this.element.title = title;
  }
}

// Nothing moves while text is selected or a dialog is open: news waits.
export function isHeld(target) {
  const selection = document.getSelection();
  const isSelecting = selection && !selection.isCollapsed && target.contains(selection.anchorNode);
  return isSelecting || Boolean(document.querySelector("dialog[open], .brush"));
}
