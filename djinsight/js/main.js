// djinsight: sends this page's view, and keeps its numbers live, over one WebSocket.
//
// Configured by data attributes on its script element and on the elements that the template tags render.
// No dependencies, no inline code. Public: window.djinsight, "djinsight:counters" events on document, and the
// connection state as data-djinsight-state on the document element: connecting, live, polling, paused or closed.

import { leave } from "./http.js";
import { counters } from "./numbers.js";
import { awake, config, newId, optedOut, root } from "./page.js";
import { scan } from "./scan.js";
import { forgetFailures } from "./socket.js";
import { forgetSeen } from "./views.js";

function visitorCookie() {
  const name = config.djinsightCookie;
  if (!name || optedOut || `; ${document.cookie}`.includes(`; ${name}=`)) return;
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `${name}=${newId()}; path=/; max-age=31536000; samesite=lax${secure}`;
}

function start() {
  if (!awake()) return;
  forgetFailures();
  visitorCookie();
  scan();
}

let scanning;

function scanSoon() {
  scanning ||= setTimeout(() => {
    scanning = 0;
    scan();
  }, 50);
}

if (!window.djinsight) {
  document.addEventListener("visibilitychange", () => (awake() ? start() : leave()));
  document.addEventListener("prerenderingchange", start);
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    forgetSeen(); // back from the cache: a new view, with a new id
    start();
  });
  window.djinsight = { scan, counters };
  // Attributes, as some change the page's elements in place of replacing them.
  const attributeFilter = ["data-djinsight-view", "data-djinsight-watch"];
  new MutationObserver(scanSoon).observe(root, { childList: true, subtree: true, attributeFilter });
  start();
}
