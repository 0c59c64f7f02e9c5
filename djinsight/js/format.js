// Formats: numbers and times as the page's language writes them, and how the text of an element is changed.

import { config } from "./page.js";

export function format(kind, style, value) {
  try {
    return new Intl[kind](config.djinsightLocale, style).format(value);
  } catch {
    // A language or a zone that this browser does not know: its own.
    return value.toLocaleString();
  }
}

export function text(element, value) {
  // Changing the text node, not the children, keeps the observer of the page asleep.
  if (element.firstChild?.nodeType === 3) element.firstChild.data = value;
  else element.textContent = value;
}
