// Texts: write the text of an element, once for each change.

import { withMore } from "./loader.js";
import { core } from "./page.js";

export const texts = (core.texts_ = new WeakMap()); // element -> the text that was last written to it

// Write `text`, unless the element already has it, or was rendered with it in another form. A text that another program
// changed later, such as a translator, stays. But if that text is in our form, a library has put back an older number,
// and it is replaced.
export const write = (core.write_ = (element, text, asWeDo, isRendered) => {
  const shown = element.textContent.trim();
  const last = texts.get(element);
  if (shown === text.trim() || (last === text && asWeDo(shown) !== shown) || (isRendered && last === undefined)) return;
  texts.set(element, text);
  const set = () => {
    // Set the existing text node, so that elements which another program wrapped around it stay.
    (document.createTreeWalker(element, 4).nextNode() || element).textContent = text;
  };
  // A live region, which screen readers read out when it changes
  const region = element.closest("[aria-live],[role=status],output");
  if (region) withMore((more) => (more ? more.announce(element, region, text, set) : set()));
  else set();
});
