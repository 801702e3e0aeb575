// The live part: the socket says that something changed, and brings the part that a run's page has
// ordered; any page can also fetch its part. What differs is patched in. Numbers make it free of
// gaps: after a lost connection it continues after the last one. If there is no socket, the page
// asks every few seconds, and says so.

import { currentTurn, patch } from "./patch.js";
import { Pulse, isHeld } from "./pulse.js";
import { say, statusWord } from "./words.js";

const POLL = 3000;
const SAFETY = 10000;
const RETRY = [500, 1000, 2000, 5000, 10000];
const PACE = 350;
const HELD = 500;
// A run that has ended is watched for a while longer, because it may be retried.
const AFTER_END = 30000;
// Two requests are at least this many times as far apart as an answer took.
const PATIENCE = 4;
// A part that was ordered and does not come within this time is fetched.
const LATE = 5000;

// Fetch the page's own live part, at most this often, one at a time, and not while hidden. A server
// that answers slowly is asked less often, so that many open pages cannot hold it up. `headers`
// says what the browser has seen already, and `isShown` whether what is there is enough.
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
      // Another view was chosen in the meantime: this answer belongs to the previous one.
      if (turn !== currentTurn() || isHeld(target)) wanted = true;
      else if (answer.ok) { patch(target, text); done(); }
    } catch {
      // The page is being left, or the server is away: the indicator says so, and the next news
      // asks again.
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

// Where live connections are served, as the page says; empty where the server has none.
const sockets = () => document.body.dataset.sockets;

function socketAddress(path) {
  return `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}${sockets()}${path}`;
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
      if (answer === 401 || answer === 403) { stop(say("You are signed out: reload to sign in")); return; }
      if (polling) pulse.show("polling", say("polling"));
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
    // One at a time: a browser may say that it is online again while the socket is still open.
    if (stopped || (current && current.readyState <= WebSocket.OPEN)) return;
    clearTimeout(retry);
    if (!sockets()) { startPolling(); return; }
    let socket;
    try { socket = new WebSocket(socketAddress(path())); } catch { startPolling(); return; }
    current = socket;
    socket.addEventListener("message", (event) => {
      tries = 0;
      stopPolling();
      pulse.show("live", say("live"));
      message(JSON.parse(event.data));
    });
    socket.addEventListener("close", (event) => {
      if (socket !== current) return;
      lost();
      if (stopped) return;
      if (event.code === 4401) { stop(say("You are signed out: reload to sign in")); return; }
      if (event.code === 4403) { stop(say("You may no longer see this")); return; }
      if (event.code === 4404) { stop(say("This run is gone")); return; }
      startPolling();
      retry = setTimeout(open, RETRY[Math.min(tries++, RETRY.length - 1)]);
    });
  }
  addEventListener("online", open);
  // The browser may keep a page that is left, and show it again as it was.
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
    // Returns whether it could be sent.
    say(words) {
      if (current?.readyState !== WebSocket.OPEN) return false;
      current.send(JSON.stringify(words));
      return true;
    },
    again,
  };
}

// The part as it comes over the socket: ordered one at a time, once the page can show it. A part
// that comes late, or belongs to this person alone, is fetched.
function orders(target, pulse, { say, get, isShown }) {
  let ordered = "";
  let waiting = 0;
  let late = 0;

  const address = () => target.dataset.address;
  const shown = () => Number(target.dataset.seq);

  function order() {
    clearTimeout(waiting);
    if (document.hidden || ordered === address()) return;
    // Nothing moves while somebody selects text or answers a dialog: nothing is ordered then.
    pulse.pause(isHeld(target));
    if (pulse.isPaused) { waiting = setTimeout(order, HELD); return; }
    if (say({ look: address(), shown: shown(), language: document.body.dataset.language })) ordered = address();
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
  // One answer often has more than was asked for: what is shown already need not be fetched.
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
        const text = say("The run is {status}.", { status: statusWord(event.payload.status) });
        if (text !== state) announce(text);
        state = text;
      }
      document.dispatchEvent(new CustomEvent("signalbox:event", { detail: event }));
    }
  };
  const link = connect({
    path: () => `runs/${encodeURIComponent(live.dataset.runPage)}/?after=${seq}`,
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
    link.end(say("ended"));
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
  // Only the rows that are there are asked for, so that none moves while somebody clicks.
  const address = () => {
    const query = new URLSearchParams(location.search);
    query.set("rows", shown().join(","));
    return `${live.dataset.address}?${query}`;
  };
  const pulse = new Pulse();
  const refresh = refresher(live, address, pulse, { pace: Number(live.dataset.pace) || PACE });
  // A row that was left alone while it had the focus catches up.
  live.addEventListener("focusout", (event) => {
    const row = event.target.closest("[data-held]");
    if (row && !row.contains(event.relatedTarget)) refresh();
  });
  let isAgain = false;
  // The very first run brings more than rows, such as the filters: the page is loaded again.
  if (live.hasAttribute("data-none")) {
    document.addEventListener("signalbox:patched", () => { if (!live.hasAttribute("data-none")) location.reload(); });
  }
  connect({
    path: () => "feed/",
    // What happened before the connection existed may have been missed.
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
