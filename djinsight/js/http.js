// The HTTP fallback: views and numbers of a page whose socket does not work.

import { heed, refuse } from "./supervise.js";

const MAX_REFS = 100; // objects in one request, the limit of the server
const ANSWERED = 20000; // ms until an unanswered request is given up, in addition to the time for a view's answer

const dead = new Set(); // tokens that the server accepts no more
let poll;
let misses = 0; // requests in a row without an answer

// Return the ms to wait before retry number `tries`: exponential back-off with jitter, up to about a minute.
export const backOff = (tries) => Math.min(60, 2 ** tries) * (500 + Math.random() * 1000);

function request(core, path, body) {
  return fetch(core.origin_ + core.config_.djinsightHttp + path, { method: "POST", body, keepalive: true })
    .then((answer) => answer.json())
    .then((frame) => (frame.type ? frame : Promise.reject(frame)));
}

// Send a view, and retry until an answer comes.
export function post(core, view) {
  if (!core.config_.djinsightHttp) return;
  view.tries_ = (view.tries_ || 0) + 1;
  view.sent_ = Date.now() + ANSWERED;
  request(core, `record-view/${core.query_}`, view.frame).then(
    ({ type, reason }) => {
      if (type === "counted") core.views_.delete(view.id);
      else heed(core, { type: "rejected", id: view.id, reason });
      if (core.polling_) ask(core);
      core.tick_();
    },
    () => {
      view.sent_ = Date.now() - 10000 + backOff(view.tries_);
      if (view.tries_ > 1) core.blocked_ = 1; // requests do not get through, so a socket is tried as well
      core.connect_();
      core.tick_();
    },
  );
}

// Ask for the numbers, now or `later`, and then once in each refresh interval.
export function ask(core, later) {
  const elements = document.querySelectorAll("[data-djinsight-refresh]");
  const every = [...elements].map(({ dataset }) => +dataset.djinsightRefresh).filter((seconds) => seconds > 0);
  const wait = 1000 * (every.length ? Math.min(86400, ...every) : 30);
  const again = (ms) => {
    clearTimeout(poll);
    poll = setTimeout(ask, ms, core);
  };
  again(wait);
  const asked = [...core.watched_].filter(([, token]) => !dead.has(token)).slice(0, MAX_REFS);
  if (later || !asked.length || !core.config_.djinsightHttp) return;
  const body = JSON.stringify({ tokens: asked.map(([, token]) => token) });
  request(core, "page-stats/", body).then(({ counters }) => {
    if (!counters) throw counters;
    misses = 0;
    core.apply_(counters);
    const left = asked.filter(([ref]) => !counters.some((counter) => counter.ref === ref));
    if (!left.length) return;
    refuse(core);
    if (core.stopped_) left.forEach(([, token]) => dead.add(token));
    core.tick_();
  }).catch(() => core.polling_ && again(Math.min(wait, backOff(++misses))));
}

export function stopAsking() {
  clearTimeout(poll);
}
