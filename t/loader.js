// The second file: what few pages need at once, loaded when it is.

import { config, script } from "./page.js";

let loaded;

// Call `use` with what the second file brings; not if it cannot be loaded, which is tried again the next time.
export function loadMore(use) {
  loaded =
    loaded ||
    new Promise((done, failed) => {
      const element = document.createElement("script");
      const url = config.djinsightMore;
      const types = window.trustedTypes; // where a page demands that no plain string is the address of a script
      document.addEventListener("djinsight:more", ({ detail }) => done(detail), { once: true });
      element.onerror = failed;
      element.nonce = script.nonce;
      element.src = types ? types.createPolicy("djinsight", { createScriptURL: () => url }).createScriptURL() : url;
      document.head.append(element);
    });
  loaded.then(use, () => (loaded = 0));
}
