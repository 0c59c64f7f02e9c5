// Scanning: find the trackers and numbers that are on the page now.

import { all, awake, config, configure, core } from "./page.js";
import { showAll } from "./numbers.js";
import { connect, watch } from "./socket.js";
import { findViews } from "./views.js";

export function scan() {
  if (!(config.djinsightSocket || configure()) || !awake() || document.querySelector("html[data-turbo-preview]")) return;
  findViews();
  const gone = new Set(core.watched.keys());
  all("watch").forEach((element) => {
    const { djinsightRef: ref, djinsightWatch: token } = element.dataset;
    gone.delete(ref);
    core.watched.set(ref, token);
  });
  showAll();
  gone.forEach((ref) => core.watched.delete(ref));
  watch([...gone]);
  if (core.tick) core.tick();
  connect();
}
