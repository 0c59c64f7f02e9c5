// Views: one for each token and visit. A visit is a load, a return from the back/forward cache, or another address.

import { all, core, optedOut } from "./page.js";
import { sendView } from "./socket.js";

const FORGOTTEN = 590000; // ms until a view is dropped, because the server soon forgets its id and would count it twice

export const seen = new Map(); // token of each view that was made -> the page that its tracker was rendered for
let earlier = new Set(); // tokens in `seen` from an earlier address, whose trackers have stayed on the page
let address;
let referrer = document.referrer;

// Return the number by which the server marks the trackers of a page with this path and query.
const numberOf = (path) => `${[...path].reduce((sum, each) => (sum * 31 + each.charCodeAt()) % 1000003, 0)}`;

export function findViews() {
  const here = location.href.split("#")[0];
  const path = location.pathname + location.search;
  if (address !== here) {
    referrer = address || referrer;
    address = here;
    earlier = new Set(seen.keys());
  }
  const present = new Map(); // token -> the pages that its trackers were rendered for
  all("view").forEach(({ dataset: { djinsightView: token, djinsightPage: page } }) => {
    present.set(token, [page].concat(present.get(token)));
  });
  earlier.forEach((token) => {
    // The tracker is gone, or was rendered again for this address. So its next view is of another visit.
    const pages = present.get(token);
    if (pages && (pages.includes(seen.get(token)) || !pages.includes(numberOf(path)))) return;
    seen.delete(token);
    earlier.delete(token);
  });
  present.forEach((pages, token) => {
    if (seen.has(token) || optedOut()) return;
    seen.set(token, pages[0]);
    // 18 to 36 characters: each byte in base 36.
    const id = [...crypto.getRandomValues(new Uint8Array(18))].map((byte) => byte.toString(36)).join("");
    // Both are cut so that the frame fits. URLs are ASCII, one byte a character.
    const frame = JSON.stringify({ type: "view", id, token, url: path.slice(0, 1500), referrer: referrer.slice(0, 1500) });
    const now = Date.now();
    const view = { id, frame, made_: now, sent_: core.polling_ ? 0 : now };
    core.views_.set(id, view);
    sendView(view);
  });
}

export const dropOld = (core.dropOld_ = () => {
  core.views_.forEach((view, id) => Math.abs(Date.now() - view.made_) > FORGOTTEN && core.views_.delete(id));
});
