// Views: one for each token and visit. A visit is a load, a return from the back/forward cache, or another address.

import { all, config, core } from "./page.js";
import { sendView } from "./socket.js";

export const seen = new Map(); // token of each view that was made -> its visit, the page that its tracker was rendered for
let visit = 0;
let address;
let referrer = document.referrer;

export function findViews() {
  const here = location.href.split("#")[0];
  const path = location.pathname + location.search;
  if (address !== here) {
    referrer = address || referrer;
    address = here;
    visit++;
  }
  // The number by which the server marks the trackers of a page with this path and query
  const number = [...path].reduce((sum, each) => (sum * 31 + each.charCodeAt()) % 1000003, 0) + "";
  const present = new Map(); // token -> the pages that its trackers were rendered for
  all("view").forEach(({ dataset: { djinsightView: token, djinsightPage: page } }) => {
    present.set(token, [page].concat(present.get(token)));
  });
  seen.forEach(([of, page], token) => {
    // The tracker of an earlier address has stayed on the page. If it is gone, or was rendered again for this address,
    // its next view is of another visit.
    const pages = present.get(token);
    if (of !== visit && !(pages && (pages.includes(page) || !pages.includes(number)))) seen.delete(token);
  });
  present.forEach((pages, token) => {
    if (seen.has(token)) return;
    // The browser is asked as well, because a cached page was rendered for another visitor.
    if ("djinsightDnt" in config && (navigator.globalPrivacyControl || navigator.doNotTrack === "1")) return;
    seen.set(token, [visit, pages[0]]);
    // 18 to 36 characters: each byte in base 36.
    const id = crypto.getRandomValues(new Uint8Array(18)).reduce((text, byte) => text + byte.toString(36), "");
    // Both are cut so that the frame fits. URLs are ASCII, one byte a character.
    const frame = JSON.stringify({ type: "view", id, token, url: path.slice(0, 1500), referrer: referrer.slice(0, 1500) });
    const now = Date.now();
    const view = { id, frame, made_: now, sent_: core.polling_ ? 0 : now };
    core.views_.set(id, view);
    sendView(view);
  });
}

// Drop views whose ids the server soon forgets, after ten minutes, because it would count them twice.
export const dropOld = (core.dropOld_ = () => {
  core.views_.forEach((view, id) => Math.abs(Date.now() - view.made_) > 590000 && core.views_.delete(id));
});
