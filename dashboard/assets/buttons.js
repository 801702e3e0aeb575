// Which button sends a form. The server acts only by the name of a button, so each request carries
// the name of the button that submitted the form, and no other.

// How long a form that was sent as a page is not sent again, in case its answer never comes.
const ONCE = 10_000;

export function buttons() {
  // htmx sends the button that had the focus last, which is not always the one that submits.
  document.addEventListener("htmx:configRequest", (event) => {
    const { elt, triggeringEvent, formData } = event.detail;
    if (!(elt instanceof HTMLFormElement)) return;
    for (const one of elt.elements) if (one.type === "submit" && one.name) formData.delete(one.name);
    const button = triggeringEvent?.submitter;
    if (button?.name) formData.set(button.name, button.value);
  });

  // A form that is sent as a page is sent once, however often its button is pressed. Coming back to
  // the page makes it ready again.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (Date.now() - Number(form.dataset.underWay || 0) < ONCE) event.preventDefault();
    else form.dataset.underWay = Date.now();
  });
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-under-way]")) delete form.dataset.underWay;
  });
}
