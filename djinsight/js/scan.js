// Scanning: find the trackers and the numbers that are on the page now.

import { all, awake, root } from "./page.js";
import { counters, show } from "./numbers.js";
import { connect, renew, watch } from "./socket.js";
import { findViews } from "./views.js";

export const watched = new Map(); // ref -> token
export const dead = new Set(); // tokens of no use any more

export function scan() {
  if (!awake() || root.hasAttribute("data-turbo-preview")) return;
  findViews();
  const present = new Set();
  for (const element of all("watch")) {
    const { djinsightRef: ref, djinsightWatch: token } = element.dataset;
    present.add(ref);
    if (!dead.has(token)) watched.set(ref, token);
    renew(token);
    if (counters.has(ref)) show(element, counters.get(ref));
  }
  const gone = [...watched.keys()].filter((ref) => !present.has(ref));
  gone.forEach((ref) => watched.delete(ref));
  watch(gone);
  connect();
}
