// A link that asks for confirmation opens its page in a dialog; without script it opens the page.
export function dialogs() {
  const dialog = document.getElementById("dialog");
  const body = document.getElementById("dialog-body");
  if (!dialog || !body) return;
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-dialog]");
    if (link && !event.metaKey && !event.ctrlKey && !event.shiftKey && event.button === 0) {
      event.preventDefault();
      // A menu closes first, so that the focus comes back to its button, which is visible.
      const menu = link.closest("details.menu");
      if (menu) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
      // In a drawing, `href` is an object and not text.
      await show(new URL(link.getAttribute("href"), location.href).href, link.dataset.dialog || "confirm");
    }
    if (dialog.open && event.target.closest("[data-close]")) {
      event.preventDefault();
      dialog.close();
    }
    if (event.target === dialog) dialog.close();
  });

  async function show(address, id) {
    try {
      const answer = await fetch(address, { headers: { "x-dialog": "1" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const part = page.getElementById(id);
      if (!answer.ok || !part) throw new Error("no dialog");
      body.replaceChildren(document.importNode(part, true));
      dialog.showModal();
      body.querySelector("[data-close]")?.focus();
    } catch {
      location.href = address;
    }
  }
}
