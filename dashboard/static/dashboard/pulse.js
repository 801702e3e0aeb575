// The small sign that says how fresh the page is, and when the page has to hold still.
import { clockOf } from "./time.js";

const SAYS = {
  live: "Changes show up by themselves.",
  ended: "The run has ended, and nothing has happened for a while.",
  polling: "No live connection; the page asks every few seconds.",
  paused: "Nothing changes while text is selected, a dialog is open, or nobody sees the page.",
  offline: "The server cannot be reached. What is shown may be old.",
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

  // The server does not answer: since the first time that it did not.
  away() {
    this.since = this.since || new Date();
    this.show("offline", `offline since ${clockOf(this.since)}`);
  }

  // News wait, or no longer.
  pause(isPaused) {
    if (isPaused === this.isPaused) return;
    this.isPaused = isPaused;
    if (!isPaused && this.last) this.draw(...this.last);
    if (isPaused && this.last?.[0] !== "offline") this.draw("paused", "paused", SAYS.paused);
  }

  draw(state, text, title = "") {
    if (!this.element || (this.element.dataset.state === state && this.word.textContent === text)) return;
    this.element.hidden = false;
    this.element.dataset.state = state;
    this.word.textContent = text;
    this.element.title = title;
  }
}

// Nothing moves under a hand: while text is selected, or a dialog asks, news wait.
export function isHeld(target) {
  const selection = document.getSelection();
  const isSelecting = selection && !selection.isCollapsed && target.contains(selection.anchorNode);
  return isSelecting || Boolean(document.querySelector("dialog[open], .brush"));
}
