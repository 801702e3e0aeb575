// The live part: the socket says that something changed, and brings the part that a page of a run
// has ordered; any page can fetch itself, too. What differs is patched in. Numbers make it gap-free:
// after a lost connection it goes on from the last one. When no socket can be had the page asks
// every few seconds, and says so.

import { currentTurn, patch } from "./patch.js";
import { Pulse, isHeld } from "./pulse.js";

const POLL = 3000;
const SAFETY = 10000;
const RETRY = [500, 1000, 2000, 5000, 10000];
const PACE = 350;
const HELD = 500;
// A run that has ended is watched for a while still: it may be retried.
const AFTER_END = 30000;
// So many times as long as an answer took lie at least between two requests.
const PATIENCE = 4;
// A part that was ordered and does not come within this time is fetched.
const LATE = 5000;

// Fetch the page's own live part, at most so often; one at a time; not while hidden. A server that
// answers slowly is asked less often, so that many open pages cannot hold it up.
// `headers` says what the browser has seen already, and `isShown` whether what is there is enough.
function refresher(target, address, pulse, { pace = PACE, headers = () => ({}), isShown = () => false, done = () => {} } = {}) {
  let timer = 0;
  let last = 0;
  let rest = 0;
  let busy = false;
  let wanted = false;

  async function run() {
    timer = 0;
    if (isShown()) { wanted = false; return; }
    if (busy || document.hidden) { wanted = true; return; }
    pulse.pause(isHeld(target));
    if (pulse.isPaused) { wanted = true; timer = setTimeout(run, HELD); return; }
    busy = true;
    wanted = false;
    last = Date.now();
    const turn = currentTurn();
    try {
      const answer = await fetch(address(), { headers: { "HX-Request": "true", ...headers() } });
      const text = await answer.text();
      // Meanwhile another view was chosen: what came is of the one before.
      if (turn !== currentTurn() || isHeld(target)) wanted = true;
      else if (answer.ok) { patch(target, text); done(); }
    } catch {
      // The page is being left, or the server is away: the indicator says so, the next news asks again.
    }
    busy = false;
    rest = PATIENCE * (Date.now() - last);
    if (wanted && !document.hidden) ask();
  }

  function ask() {
    if (!timer) timer = setTimeout(run, Math.max(0, Math.max(pace, rest) - (Date.now() - last)));
  }

  document.addEventListener("visibilitychange", () => {
    pulse.pause(document.hidden);
    if (!document.hidden && wanted) ask();
  });
  return ask;
}

function socketAddress(path) {
  return `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}${path}`;
}

// Keep a socket open; poll while there is none.
function connect({ path, message, poll, pulse, lost = () => {} }) {
  let tries = 0;
  let polling = 0;
  let stopped = false;
  let isLeft = false;

  const startPolling = () => { if (!polling && !stopped) { polling = setInterval(ask, POLL); ask(); } };
  const stopPolling = () => { clearInterval(polling); polling = 0; };

  async function ask() {
    if (document.hidden) return;
    try {
      const answer = await poll();
      if (answer === 401 || answer === 403) { stop("You are signed out: reload to sign in"); return; }
      if (polling) pulse.show("polling", "polling");
    } catch {
      pulse.away();
    }
  }

  let current = null;
  let retry = 0;

  function stop(text, state = "offline") {
    stopped = true;
    stopPolling();
    current?.close();
    pulse.show(state, text);
  }

  function again() {
    if (!stopped) return;
    stopped = false;
    tries = 0;
    current = null;
    open();
  }

  function open() {
    // One at a time: a browser may say that it is online again while the socket still stands.
    if (stopped || (current && current.readyState <= WebSocket.OPEN)) return;
    clearTimeout(retry);
    let socket;
    try { socket = new WebSocket(socketAddress(path())); } catch { startPolling(); return; }
    current = socket;
    socket.addEventListener("message", (event) => {
      tries = 0;
      stopPolling();
      pulse.show("live", "live");
      message(JSON.parse(event.data));
    });
    socket.addEventListener("close", (event) => {
      if (socket !== current) return;
      lost();
      if (stopped) return;
      if (event.code === 4401) { stop("You are signed out: reload to sign in"); return; }
      if (event.code === 4403) { stop("You may no longer see this"); return; }
      if (event.code === 4404) { stop("This run is gone"); return; }
      startPolling();
      retry = setTimeout(open, RETRY[Math.min(tries++, RETRY.length - 1)]);
    });
  }
  addEventListener("online", open);
  // A page that is left may be kept by the browser, and be shown again as it was.
  addEventListener("pagehide", () => {
    if (stopped) return;
    isLeft = stopped = true;
    stopPolling();
    current?.close();
  });
  addEventListener("pageshow", () => {
    if (!isLeft) return;
    isLeft = false;
    again();
  });
  open();
  return {
    end: (text) => stop(text, "ended"),
    // Whether it could be said.
    say(words) {
      if (current?.readyState !== WebSocket.OPEN) return false;
      current.send(JSON.stringify(words));
      return true;
    },
    again,
  };
}

// The part as it comes over the socket: ordered one at a time, when the page can show it. What
// comes late, or is this person's own, is fetched.
function orders(target, pulse, { say, get, isShown }) {
  let ordered = "";
  let waiting = 0;
  let late = 0;

  const address = () => target.dataset.address;
  const shown = () => Number(target.dataset.seq);

  function order() {
    clearTimeout(waiting);
    if (document.hidden || ordered === address()) return;
    // Nothing moves under a hand: while text is selected, or a dialog asks, nothing is ordered.
    pulse.pause(isHeld(target));
    if (pulse.isPaused) { waiting = setTimeout(order, HELD); return; }
    if (say({ look: address(), shown: shown() })) ordered = address();
  }

  function missed() {
    late = 0;
    if (!isShown()) get();
  }

  document.addEventListener("visibilitychange", order);
  return {
    order,
    lost() { ordered = ""; },
    // There is news, and the part that shows it should be on its way.
    expect() {
      order();
      if (!late) late = setTimeout(missed, LATE);
    },
    take(part) {
      const isWanted = ordered === address() && part.seq >= shown() && !document.hidden && !isHeld(target);
      ordered = "";
      clearTimeout(late);
      late = 0;
      if (part.html === null) { get(); return; }
      if (isWanted) patch(target, part.html);
      order();
    },
  };
}

function announce(text) {
  const announcer = document.getElementById("announcer");
  if (announcer) announcer.textContent = text;
}

export function watchRun() {
  const live = document.querySelector("[data-run-page]");
  if (!live) return;
  const pulse = new Pulse();
  let seq = Number(live.dataset.seq);
  // One answer often holds more than was asked for: what is shown need not be fetched.
  const isShown = () => Number(live.dataset.seq) >= seq;
  const refresh = refresher(live, () => live.dataset.address, pulse, {
    headers: () => ({ "X-Signalbox-Seen": seq }),
    isShown,
    done: () => parts.order(),
  });
  const parts = orders(live, pulse, { say: (words) => link.say(words), get: refresh, isShown });
  let state = "";
  let heard = Date.now();
  const take = (news, isPushed) => {
    heard = Date.now();
    const recorded = news.events.filter((event) => event.seq !== null);
    const before = seq;
    seq = Math.max(seq, news.seq);
    if (isPushed) parts.expect();
    else if (seq > before || recorded.length) refresh();
    for (const event of recorded) {
      if (event.type === "workflow-finish") {
        const text = `The run is ${event.payload.status}.`;
        if (text !== state) announce(text);
        state = text;
      }
      document.dispatchEvent(new CustomEvent("signalbox:event", { detail: event }));
    }
  };
  const link = connect({
    path: () => `/ws/runs/${encodeURIComponent(live.dataset.runPage)}/?after=${seq}`,
    message: (news) => { if (news.type === "part") parts.take(news); else take(news, true); },
    lost: parts.lost,
    pulse,
    async poll() {
      const answer = await fetch(`${live.dataset.events}?after=${seq}`, { headers: { accept: "application/json" } });
      if (answer.ok) take(await answer.json(), false);
      else if (answer.status !== 401 && answer.status !== 403) throw new Error(String(answer.status));
      return answer.status;
    },
  });
  let isOver = false;
  setInterval(() => {
    if (isOver || live.dataset.ended !== "yes" || Date.now() - heard < AFTER_END) return;
    isOver = true;
    link.end("ended");
  }, 5000);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || !isOver) return;
    isOver = false;
    heard = Date.now();
    link.again();
  });
}

export function watchFeed() {
  const live = document.querySelector("[data-feed]");
  if (!live) return;
  const shown = () => [...live.querySelectorAll("[data-row]")].map((row) => row.dataset.row);
  // Only the rows that are there are asked for, so that none moves under a hand.
  const address = () => {
    const query = new URLSearchParams(location.search);
    query.set("rows", shown().join(","));
    return `${live.dataset.address}?${query}`;
  };
  const pulse = new Pulse();
  const refresh = refresher(live, address, pulse, { pace: Number(live.dataset.pace) || PACE });
  // A row that held still while the focus was in it catches up.
  live.addEventListener("focusout", (event) => {
    const row = event.target.closest("[data-held]");
    if (row && !row.contains(event.relatedTarget)) refresh();
  });
  let isAgain = false;
  // The very first run brings more than rows, as the filters: the page is shown anew.
  if (live.hasAttribute("data-none")) {
    document.addEventListener("signalbox:patched", () => { if (!live.hasAttribute("data-none")) location.reload(); });
  }
  connect({
    path: () => "/ws/feed/",
    // What happened before the connection was there may have been missed.
    message: (news) => { if (news.type === "runs" || isAgain) refresh(); isAgain = true; },
    pulse,
    async poll() {
      const answer = await fetch(address(), { headers: { "HX-Request": "true" } });
      const text = await answer.text();
      pulse.pause(isHeld(live));
      if (answer.ok) { if (!pulse.isPaused) patch(live, text); } else if (answer.status !== 401 && answer.status !== 403) throw new Error(String(answer.status));
      return answer.status;
    },
  });
  setInterval(() => { if (!document.hidden) refresh(); }, SAFETY);
}
