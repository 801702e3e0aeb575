// What script adds to pages that work without it: the live part, the theme, small comforts.
import { keepTheme } from "./theme.js";
import { keepTime } from "./time.js";
import { minding } from "./forms.js";
import { watchFeed, watchRun } from "./live.js";
import { keepCount } from "./count.js";
import { dialogs } from "./dialog.js";
import { keys } from "./keys.js";
import { runPage } from "./run.js";
import { polling } from "./poll.js";
import { trees } from "./tree.js";

document.documentElement.dataset.script = "on";
keepTheme();
keepTime();
minding();
keepCount();
dialogs();
keys();
watchRun();
watchFeed();
runPage();
polling();
trees();

// A link to a step opens it.
function openTarget() {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const details = target && target.querySelector(":scope > details");
  if (details) details.open = true;
}
addEventListener("hashchange", openTarget);
openTarget();

document.addEventListener("change", (event) => event.target.closest("[data-filters]")?.requestSubmit());
