// Texts: write what an element says, once a change.

import { withMore } from "./loader.js";
import { core } from "./page.js";

const LIVE = "[aria-live],[role=status],output"; // what is read out when it changes

const texts = (core.texts = new WeakMap()); // element -> the text that it was given last

// Write `text`, unless it is there, or was rendered in another form. A text that something changed afterwards, as a
// translator does, stays, too; but not one that is as we write it, and so is older: a library has put it back.
export const write = (core.write = (element, text, asWeDo, isRendered) => {
  const shown = element.textContent.trim();
  const last = texts.get(element);
  if (shown === text.trim() || (last === text && asWeDo(shown) !== shown) || (isRendered && last === undefined)) return;
  texts.set(element, text);
  const set = () => {
    // The text node that is there, so that what has wrapped it keeps it.
    (document.createTreeWalker(element, 4).nextNode() || element).textContent = text;
  };
  const region = element.closest(LIVE);
  if (region) withMore((more) => (more ? more.announce(element, region, text, set) : set()));
  else set();
});
