// Supervision: check that the connection brings messages, and send a view without an answer over HTTP.

import { ask, backOff, post, stopAsking } from "./http.js";
import { watchTexts } from "./restore.js";

const SILENT = 45000; // ms without a message after which a socket is given up; the server pings every 17 to 19 s
const WITHIN = 10000; // ms for the first message on a socket, and for the answer to a view
const SOON = 1000; // ms between two checks while a view waits, or before the first message
const CALM = 5000; // ms between two checks otherwise

let timer;
let retry; // the timer of the next socket
let refused; // the tokens on the page when the server refused one, or closed the socket for good
let refusedBy; // the socket on which it refused one

const since = (time) => Math.abs(Date.now() - time);

// Supervise the connection of `core` from now on, and handle a `frame` that is not an acknowledgement.
export function supervise(core, frame) {
  watchTexts(core);
  core.tick_ = core.tick_ || (() => look(core));
  if (frame) heed(core, frame);
  core.tick_();
}

// Handle an answer that rejects a view, a token or a frame, the end of a socket, or a view whose request has failed.
export function heed(core, { type, id, reason, lost, code }) {
  const view = core.views_.get(id);
  if (lost) {
    core.failures_++;
    core.stopped_ = code >= 4400 && code < 4500;
    if (core.stopped_) core.lost_ = 0; // no other socket is opened
  }
  if (/^(token|expired|scope)$/.test(reason)) refuse(core);
  if (view && (!type || /^(busy|unavailable|rate)$/.test(reason))) {
    view.via_ = 0;
    view.sent_ = Date.now() - WITHIN + backOff(type ? 2 : 0);
  } else if (type === "rejected") core.views_.delete(id);
}

// Remember that the server refused a token of this page.
export function refuse(core) {
  core.denied_ = 1;
  refused = tokens(core);
  refusedBy = core.socket_;
}

function tokens(core) {
  const elements = document.querySelectorAll("[data-djinsight-view],[data-djinsight-watch]");
  const present = [...elements].map(({ dataset }) => dataset.djinsightView || dataset.djinsightWatch);
  return new Set([...present, ...core.watched_.values()]); // an element may be gone whose token is still used
}

function look(core) {
  clearTimeout(timer);
  if (document.visibilityState !== "visible") return stopAsking();
  if (core.socket_ && since(core.heard_) >= (core.proven_ ? SILENT : WITHIN)) {
    core.disconnect_();
    core.lost_ = 1;
    core.failures_ += core.proven_ ? 1 : 2;
  }
  if (core.stopped_) refused = refused || tokens(core);
  // The page has other tokens now, which the server may accept.
  if (refused && [...tokens(core)].some((token) => !refused.has(token))) {
    refused = core.denied_ = core.stopped_ = 0;
  }
  if (!core.lost_) retry = clearTimeout(retry);
  else if (!retry) {
    retry = setTimeout(() => {
      retry = core.lost_ = 0;
      core.connect_();
    }, backOff(core.failures_));
  }
  const { socket_: socket, views_: views } = core;
  if (socket && core.proven_ && socket !== refusedBy) core.denied_ = 0;
  core.dropOld_();
  const isOpen = socket && socket.readyState === 1;
  const isIdle = !socket && !core.blocked_ && !core.watched_.size && core.config_.djinsightHttp; // needs no socket
  const isLost = !isIdle && (core.stopped_ || core.failures_ > 1);
  core.doubt_ = core.denied_;
  views.forEach((view) => {
    if (since(view.made_) >= WITHIN) core.doubt_ = 1;
    if (Date.now() < view.sent_ + WITHIN && (!isLost || core.polling_)) return;
    if (isOpen && view.via_ !== socket) core.sendView_(view);
    else post(core, view);
  });
  if (isLost) {
    // If views wait, their answers are followed by a request for the numbers.
    if (!core.polling_) ask(core, views.size);
    core.polling_ = 1;
    core.setState_(core.denied_ ? "refused" : core.config_.djinsightHttp ? "polling" : "closed");
  } else if (isIdle) {
    stopAsking();
    core.polling_ = 0;
    core.setState_(core.denied_ ? "refused" : views.size ? "connecting" : "idle");
  } else if (isOpen && core.proven_) {
    stopAsking();
    core.polling_ = 0;
    core.setState_(core.denied_ ? "refused" : core.doubt_ ? "connecting" : "live");
  } else if (core.doubt_ || !isOpen) core.setState_(core.polling_ ? "polling" : "connecting");
  if (socket || views.size) timer = setTimeout(core.tick_, views.size || !core.proven_ ? SOON : CALM);
}
