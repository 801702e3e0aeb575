// The text of an element, in which characters that are shown by their number are themselves again.
export function exact(element) {
  const copy = element.cloneNode(true);
  for (const mark of copy.querySelectorAll(".odd")) mark.replaceWith(String.fromCodePoint(parseInt(mark.dataset.odd, 16)));
  return copy.textContent;
}
