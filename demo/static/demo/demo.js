// A number that changes lights up for a moment.
const shown = new WeakMap();

document.addEventListener("djinsight:counters", ({ detail }) => {
  for (const { ref } of detail) {
    for (const number of document.querySelectorAll(`[data-djinsight-ref="${CSS.escape(ref)}"][data-djinsight-stat]`)) {
      const before = shown.get(number) ?? number.textContent;
      shown.set(number, number.textContent);
      if (before === number.textContent) continue;
      number.classList.remove("changed");
      void number.offsetWidth; // starts the animation again
      number.classList.add("changed");
    }
  }
});
