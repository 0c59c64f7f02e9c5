// Scanning: find the trackers and numbers that are on the page now.

import { all, awake, config, configure, core } from "./page.js";
import { showAll } from "./numbers.js";
import { connect, watch } from "./socket.js";
import { findViews } from "./views.js";

const tokens = new Map(); // ref -> the last token that the page had

export function scan() {
  if (!(config.djinsightSocket || configure()) || !awake() || document.querySelector("html[data-turbo-preview]")) return;
  findViews();
  // Not each element has a token, and the one that has it may be gone, or come later than the others.
  all("watch").forEach(({ dataset }) => tokens.set(dataset.djinsightRef, dataset.djinsightWatch));
  core.watched_.clear();
  [...all("stat"), ...all("watch")].forEach(({ dataset: { djinsightRef: ref } }) => {
    if (tokens.has(ref)) core.watched_.set(ref, tokens.get(ref));
  });
  showAll();
  watch();
  if (core.tick_) core.tick_();
  connect();
}
