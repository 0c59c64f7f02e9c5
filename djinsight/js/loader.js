// The second file: what few pages need at once, loaded when it is.

import { config, script } from "./page.js";

let loaded, trusted;

// Return `url` for a page that demands that no plain string is the address of a script.
function trust(url) {
  const types = window.trustedTypes;
  return types ? types.createPolicy("djinsight", { createScriptURL: (text) => text }).createScriptURL(url) : url;
}

// Call `use` with what the second file brings; with undefined if it cannot be loaded, which is tried again the next time.
export function withMore(use) {
  loaded =
    loaded ||
    new Promise((done, failed) => {
      const element = document.createElement("script");
      element.onload = () => done(element.djinsight); // what more.js leaves there
      element.onerror = failed;
      element.nonce = script.nonce;
      element.src = trusted = trusted || trust(config.djinsightMore);
      document.head.append(element);
    });
  loaded.then(use, () => use((loaded = undefined)));
}
