// Scanning: find the trackers and numbers that are on the page now.

import { all, awake, config, configure, core } from "./page.js";
import { showAll } from "./numbers.js";
import { connect, watch } from "./socket.js";
import { findViews } from "./views.js";

const tokens = new Map(); // ref -> the last token that the page had

export function scan() {
  if (!(config.djinsightSocket || configure()) || !awake() || document.querySelector("html[data-turbo-preview]")) return;
  findViews();
  const gone = new Set(core.watched_.keys());
  // Not each element has a token, and the one that has it may be gone, or come later than the others.
  all("watch").forEach(({ dataset }) => tokens.set(dataset.djinsightRef, dataset.djinsightWatch));
  document.querySelectorAll("[data-djinsight-stat],[data-djinsight-watch]").forEach(({ dataset: { djinsightRef: ref } }) => {
    if (tokens.has(ref)) core.watched_.set(ref, tokens.get(ref));
    gone.delete(ref);
  });
  showAll();
  gone.forEach((ref) => core.watched_.delete(ref));
  watch([...gone]);
  if (core.tick_) core.tick_();
  connect();
}
