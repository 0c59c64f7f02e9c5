// Loads the second file on demand, because few pages need it at once.

import { config, script } from "./page.js";

let loaded, trusted;

// Return `url` as a trusted URL, for a page whose policy requires trusted types.
function trust(url) {
  const types = window.trustedTypes;
  return types ? types.createPolicy("djinsight", { createScriptURL: (text) => text }).createScriptURL(url) : url;
}

// Call `use` with the exports of the second file, or with undefined if it cannot be loaded. The next call tries again.
export function withMore(use) {
  loaded =
    loaded ||
    new Promise((done, failed) => {
      const element = document.createElement("script");
      element.onload = () => done(element.djinsight); // more.js puts its exports there
      element.onerror = failed;
      element.nonce = script.nonce;
      element.src = trusted = trusted || trust(config.djinsightMore);
      document.head.append(element);
    });
  loaded.then(use, () => use((loaded = undefined)));
}
