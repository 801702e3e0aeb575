// The count of questions in the menu, on every page: fetched when the page changes, and from time
// to time, but not while the page is hidden.

const PACE = 5000;
const SAFETY = 30000;

export function keepCount() {
  const count = document.querySelector("[data-inbox-count]");
  if (!count) return;
  let last = Date.now();
  let timer = 0;

  async function ask() {
    timer = 0;
    if (document.hidden) return;
    last = Date.now();
    try {
      const answer = await fetch(count.dataset.inboxCount, { headers: { accept: "application/json" } });
      if (!answer.ok) return;
      const { waiting } = await answer.json();
      if (count.textContent !== waiting) count.textContent = waiting;
      count.hidden = !waiting;
    } catch {
      // The server is away: the indicator says so.
    }
  }

  function soon() { if (!timer) timer = setTimeout(ask, Math.max(0, PACE - (Date.now() - last))); }

  document.addEventListener("signalbox:patched", soon);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) soon(); });
  setInterval(() => { if (!document.hidden) soon(); }, SAFETY);
}
