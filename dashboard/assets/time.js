// Times stay correct while a page is open: "3 min ago" grows, and what is running counts.
import { say } from "./words.js";
function roughly(seconds) {
  if (seconds >= 86400) return say("{number} d", { number: Math.floor(seconds / 86400) });
  if (seconds >= 3600) return say("{number} h", { number: Math.floor(seconds / 3600) });
  if (seconds >= 60) return say("{number} min", { number: Math.floor(seconds / 60) });
  return say("{number} s", { number: seconds });
}

function ago(seconds) {
  if (seconds < 0) return say("in {time}", { time: roughly(-seconds) });
  return seconds < 5 ? say("just now") : say("{time} ago", { time: roughly(seconds) });
}

function lasting(seconds) {
  if (seconds < 60) return say("{number} s", { number: Math.max(seconds, 0).toFixed(1).replace(".", say(".")) });
  const whole = Math.floor(seconds);
  if (whole < 3600) return say("{large} min {small} s", { large: Math.floor(whole / 60), small: whole % 60 });
  if (whole < 86400) return say("{large} h {small} min", { large: Math.floor(whole / 3600), small: Math.floor((whole % 3600) / 60) });
  return say("{large} d {small} h", { large: Math.floor(whole / 86400), small: Math.floor((whole % 86400) / 3600) });
}

// The time of day in the zone of the page, with the zone, as the server writes it.
export function clockOf(moment) {
  const timeZone = document.body.dataset.zone || undefined;
  const part = (timeZoneName) => new Intl.DateTimeFormat("en-GB", { timeZone, timeZoneName }).formatToParts(moment).find((one) => one.type === "timeZoneName").value;
  const [name, offset] = [part("short"), part("longOffset").replace("GMT", "")];
  const time = moment.toLocaleTimeString("en-GB", { timeZone });
  if (name === "UTC" || !offset) return `${time} UTC`;
  return `${time} ${/^[A-Z]+$/i.test(name) ? `${name} (${offset})` : offset}`;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function refreshTimes() {
  const now = Date.now();
  for (const element of document.querySelectorAll("time[data-ago]")) {
    write(element, ago(Math.round((now - Date.parse(element.dateTime)) / 1000)));
  }
  for (const element of document.querySelectorAll("time[data-for]")) {
    write(element, roughly(Math.max(Math.floor((now - Date.parse(element.dateTime)) / 1000), 0)));
  }
  for (const element of document.querySelectorAll("[data-since]")) {
    write(element, lasting((now - Date.parse(element.dataset.since)) / 1000));
  }
}

// The server writes the times: it learns the browser's zone here, for the next page.
function tellZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!zone || document.cookie.split("; ").includes(`signalbox_zone=${zone}`)) return;
  document.cookie = `signalbox_zone=${zone};path=/;max-age=31536000;samesite=lax`;
}

export function keepTime() {
  tellZone();
  setInterval(() => { if (!document.hidden) refreshTimes(); }, 1000);
}
