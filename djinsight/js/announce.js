// Announcements: a number in a live region changes on the screen at once, and is read out every ten seconds at most.

const EVERY = 10000; // ms
const TWIN = "data-djinsight-read";
const readers = new WeakMap(); // element -> its twin, which screen readers read in place of it, and its state

// Call `set`, which gives `element` its `text`, and let screen readers read the text out in `region`.
export function announce(element, region, text, set) {
  const beside = element.nextElementSibling;
  // A library has put back a copy of the page, including the twins that this script had added.
  const copied = !readers.has(element) && beside && beside.hasAttribute(TWIN) && beside;
  if (!copied && !readers.has(element) && region.getAttribute("aria-live") === "off") return set();
  const cell = element.localName === "td";
  if (!readers.has(element)) readers.set(element, { twin: copied || makeTwin(element), at: -EVERY });
  const reader = readers.get(element);
  for (const [name, value] of [["aria-live", "off"], ["aria-hidden", cell ? null : "true"]]) {
    if (value && element.getAttribute(name) !== value) element.setAttribute(name, value);
  }
  set();
  reader.text = text;
  if (cell) return; // a table row has no place for a twin
  const wait = reader.at + EVERY - performance.now();
  if (wait <= 0) say(element, reader);
  else reader.timer ||= setTimeout(say, wait, element, reader);
}

function say(element, reader) {
  clearTimeout(reader.timer);
  reader.timer = 0;
  reader.at = performance.now();
  if (!element.isConnected) return;
  if (!reader.twin.isConnected) element.after(reader.twin);
  if (reader.twin.textContent !== reader.text) reader.twin.textContent = reader.text;
}

// Return an element that only screen readers see. Its style is set by script, so a page's policy does not forbid it.
function makeTwin(element) {
  const twin = document.createElement("span");
  const live = element.getAttribute("aria-live");
  twin.setAttribute(TWIN, "");
  if (live && live !== "off") twin.setAttribute("aria-live", live);
  Object.assign(twin.style, {
    position: "absolute", width: "1px", height: "1px", margin: "-1px", overflow: "hidden", clipPath: "inset(50%)", whiteSpace: "nowrap",
  });
  return twin;
}
