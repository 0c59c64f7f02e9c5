// Texts that something else changes: a library that puts back what was rendered earlier.

let watching;

// Show the numbers again when a text of one is not what the script has written. New elements are seen anyway.
export function watchTexts(core) {
  if (watching) return;
  watching = 1;
  const isForeign = ({ target }) => {
    const element = target.parentElement && target.parentElement.closest("[data-djinsight-stat]");
    return element && core.texts.get(element) !== target.data;
  };
  const observer = new MutationObserver((records) => records.some(isForeign) && core.showAll());
  observer.observe(document, { subtree: true, characterData: true });
  setTimeout(core.showAll); // for what came before us
}
