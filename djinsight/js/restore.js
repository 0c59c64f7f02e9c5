// Restoring: show the numbers again after a library has put back texts that were rendered earlier.

let watching;

// Show the numbers again when another script changes the text of one. scan() already finds new elements.
export function watchTexts(core) {
  if (watching) return;
  watching = 1;
  const isForeign = ({ target }) => {
    const element = target.parentElement && target.parentElement.closest("[data-djinsight-stat]");
    return element && core.texts_.get(element) !== target.data;
  };
  const observer = new MutationObserver((records) => records.some(isForeign) && core.showAll_());
  observer.observe(document, { subtree: true, characterData: true });
  setTimeout(core.showAll_); // for changes before the observer was there
}
