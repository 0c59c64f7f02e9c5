// Views: made for each tracker element, kept until the server has acknowledged them.

import { all, isState, newId, optedOut } from "./page.js";
import { post } from "./http.js";
import { isOpen, renew, sendFrame } from "./socket.js";

export const views = new Map(); // id -> frame of a view that is not acknowledged
let seen = new WeakMap(); // tracker element -> token of the view that was made

export function findViews() {
  for (const element of all("view")) {
    const token = element.dataset.djinsightView;
    if (optedOut || seen.get(element) === token) continue;
    seen.set(element, token);
    const frame = { type: "view", id: newId(), token };
    // Both shortened so that the frame fits; URLs are ASCII, one byte a character.
    frame.url = (location.pathname + location.search).slice(0, 1500);
    frame.referrer = document.referrer.slice(0, 1500);
    views.set(frame.id, JSON.stringify(frame));
    if (isOpen()) sendFrame(views.get(frame.id));
    else if (isState("polling")) post(frame.id);
    renew(token);
  }
}

export function forgetSeen() {
  seen = new WeakMap();
}
