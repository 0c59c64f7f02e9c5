// Loads the second file on demand, because few pages need it at once.

import { config, script } from "./page.js";

let loaded, policy;

// Call `use` with the exports of the second file, or with undefined if it cannot be loaded. The next call tries again,
// unless the page's policy forbids to load it.
export function withMore(use) {
  loaded =
    loaded ||
    new Promise((done, failed) => {
      const element = document.createElement("script");
      element.onload = () => done(element.djinsight); // more.js puts its exports there
      element.onerror = () => failed((loaded = 0));
      element.nonce = script.nonce;
      // A page's policy may require trusted types.
      if (window.trustedTypes) policy = policy || trustedTypes.createPolicy("djinsight", { createScriptURL: (url) => url });
      element.src = policy ? policy.createScriptURL(config.djinsightMore) : config.djinsightMore;
      document.head.append(element);
    });
  loaded.then(use, () => use());
}
