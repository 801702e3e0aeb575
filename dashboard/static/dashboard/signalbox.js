// What script adds to pages that work without it: the live part, the theme, small comforts.
import { keepTheme } from "./theme.js";
import { keepTime } from "./time.js";
import { minding } from "./forms.js";
import { watchFeed, watchRun } from "./live.js";
import { dialogs } from "./dialog.js";

document.documentElement.dataset.script = "on";
keepTheme();
keepTime();
minding();
dialogs();
watchRun();
watchFeed();

// A link to a step opens it.
function openTarget() {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const details = target && target.querySelector(":scope > details");
  if (details) details.open = true;
}
addEventListener("hashchange", openTarget);
openTarget();

for (const form of document.querySelectorAll("[data-filters]")) {
  form.querySelectorAll("[data-without-script]").forEach((button) => { button.hidden = true; });
  form.addEventListener("change", () => form.requestSubmit());
}
