// Supervision: check that the connection brings messages, and send a view without an answer over HTTP.

import { ask, backOff, post, stopAsking } from "./http.js";
import { watchTexts } from "./restore.js";

const SILENT = 45000; // ms without a message after which a socket is given up; the server pings every 17 to 19 s
const WITHIN = 10000; // ms for the first message on a socket, and for the answer to a view
const SOON = 1000; // ms between two checks while a view waits, or before the first message
const CALM = 5000; // ms between two checks otherwise

let timer;
let refused; // the tokens on the page when the server refused one, or closed the socket for good
let refusedBy; // the socket on which it refused one

const since = (time) => Math.abs(Date.now() - time);

// Supervise the connection of `core` from now on, and handle a `frame` that is not an acknowledgement.
export function supervise(core, frame) {
  watchTexts(core);
  core.tick = core.tick || (() => look(core));
  if (frame) heed(core, frame);
  core.tick();
}

// Handle an answer that rejects a view, a token or a frame.
export function heed(core, { type, id, reason }) {
  const view = core.views.get(id);
  if (/^(token|expired|scope)$/.test(reason)) refuse(core);
  if (view && /^(busy|unavailable|rate)$/.test(reason)) {
    view.via = 0;
    view.sent = Date.now() - WITHIN + backOff(2);
  } else if (type === "rejected") core.views.delete(id);
}

// Remember that the server refused a token of this page.
export function refuse(core) {
  core.denied = 1;
  refused = tokens();
  refusedBy = core.socket;
}

function tokens() {
  const elements = document.querySelectorAll("[data-djinsight-view],[data-djinsight-watch]");
  return new Set([...elements].map(({ dataset }) => dataset.djinsightView || dataset.djinsightWatch));
}

function look(core) {
  clearTimeout(timer);
  if (document.visibilityState !== "visible") return stopAsking();
  if (core.socket && since(core.heard) >= (core.proven ? SILENT : WITHIN)) core.lose(0, core.proven ? 1 : 2);
  const { socket, views } = core;
  if (core.stopped) refused = refused || tokens();
  // The page has other tokens now, which the server may accept.
  if (refused && [...tokens()].some((token) => !refused.has(token))) refused = core.denied = core.stopped = 0;
  if (socket && core.proven && socket !== refusedBy) core.denied = 0;
  core.dropOld();
  const isOpen = socket && socket.readyState === 1;
  const isLost = core.stopped || core.failures > 1;
  core.doubt = core.denied;
  views.forEach((view) => {
    if (since(view.made) >= WITHIN) core.doubt = 1;
    if (Date.now() < view.sent + WITHIN && (!isLost || core.polling)) return;
    if (isOpen && view.via !== socket) core.sendView(view);
    else post(core, view);
  });
  if (isLost) {
    // If views wait, their answers are followed by a request for the numbers.
    if (!core.polling) ask(core, views.size);
    core.polling = 1;
    core.setState(core.denied ? "refused" : core.config.djinsightHttp ? "polling" : "closed");
  } else if (isOpen && core.proven) {
    stopAsking();
    core.polling = 0;
    core.setState(core.denied ? "refused" : core.doubt ? "connecting" : "live");
  } else if (core.doubt || !isOpen) core.setState(core.polling ? "polling" : "connecting");
  if (socket || views.size) timer = setTimeout(core.tick, views.size || !core.proven ? SOON : CALM);
}
