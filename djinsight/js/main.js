// djinsight: sends this page's view, and keeps its numbers live, over one WebSocket; a page without numbers needs none.
//
// Configured by data attributes on its script element and on the elements that the template tags render. It has no
// dependencies and no inline code. Public are window.djinsight, "djinsight:counters" events on document, and
// data-djinsight-state on the document element: connecting, live, idle, polling, refused, paused or closed.

import { counters } from "./numbers.js";
import { all, awake, config, configure, core, recordUrl, setState } from "./page.js";
import { scan } from "./scan.js";
import { disconnect } from "./socket.js";
import { dropOld, seen } from "./views.js";

// A symbol, because an element with an id would already define a property of that name.
const STARTED = Symbol.for("djinsight");

let scanning, root, left;

function lives({ type, persisted }) {
  if (type !== "pagehide" && awake()) {
    if (persisted) seen.clear(); // a return from the back/forward cache is a new view with a new id
    if (type === "online") disconnect();
    left = core.failures_ = 0;
    core.views_.forEach((view) => (view.sent_ = type === "online" ? (view.via_ = null) : Date.now()));
    scan();
  } else if (!left) {
    left = 1; // a page is hidden before it is unloaded
    dropOld();
    core.views_.forEach((view) => {
      view.via_ = null;
      // The frame has the same id as before, so the view counts once.
      if (config.djinsightHttp) navigator.sendBeacon(recordUrl(), view.frame);
    });
    disconnect();
    core.polling_ = 0;
    setState("paused");
  }
}

function scanSoon() {
  // document.open() removes the listeners, but not the observer.
  if (root !== document.documentElement) listen();
  scanning =
    scanning ||
    setTimeout(() => {
      scanning = 0;
      scan();
    }, 50 + all("stat").length / 4); // a scan takes about 10 us an element, and a page may change all the time
}

function listen() {
  root = document.documentElement;
  for (const type of ["visibilitychange", "prerenderingchange", "pagehide", "pageshow", "online"]) addEventListener(type, lives, true);
  addEventListener("popstate", scanSoon);
  try {
    window.navigation.addEventListener("currententrychange", scanSoon);
  } catch (error) {
    // an older browser, or a site that uses this name itself
  }
}

if (document[STARTED]) document[STARTED]();
else {
  document[STARTED] = scanSoon;
  configure();
  if (!window.hasOwnProperty("djinsight")) window.djinsight = { scan, counters };
  // Attributes are observed, too, because some libraries change elements instead of replacing them.
  const attributeFilter = ["data-djinsight-view", "data-djinsight-watch"];
  new MutationObserver(scanSoon).observe(document, { childList: true, subtree: true, attributeFilter });
  listen();
  if (awake()) scan();
}
