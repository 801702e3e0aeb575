// The words of the scripts in the language of the page, by the English ones. The page brings those
// that differ as data.
const found = JSON.parse(document.getElementById("words")?.textContent || "{}");

// A text with `{name}` filled in.
export function say(text, values = {}) {
  return (found[text] ?? text).replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
}

// A status as people call it.
export function statusWord(name) { return found[`status:${name}`] ?? name; }
