// Times stay true while a page is open: "3 min ago" grows, what is running counts.
const UNITS = [[86400, "d"], [3600, "h"], [60, "min"]];

function roughly(seconds) {
  for (const [size, unit] of UNITS) if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  return `${seconds} s`;
}

function ago(seconds) {
  if (seconds < 0) return `in ${roughly(-seconds)}`;
  return seconds < 5 ? "just now" : `${roughly(seconds)} ago`;
}

function lasting(seconds) {
  if (seconds < 60) return `${Math.max(seconds, 0).toFixed(1)} s`;
  const whole = Math.floor(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
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

// Times are written by the server: it learns the zone of this browser here, for the next page.
function tellZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!zone || document.cookie.split("; ").includes(`signalbox_zone=${zone}`)) return;
  document.cookie = `signalbox_zone=${zone};path=/;max-age=31536000;samesite=lax`;
}

export function keepTime() {
  tellZone();
  setInterval(() => { if (!document.hidden) refreshTimes(); }, 1000);
}
