// Supervision: a connection is live if it is heard, and a view that gets no answer goes over HTTP.

import { ask, post, stopAsking } from "./http.js";

const SILENT = 45000; // ms; the server pings every 17 to 19 s
const WITHIN = 10000; // ms for the first word on a socket, and for the answer to a view
const CALM = 5000; // ms between two looks at a connection on which nothing waits

// Look after the connection of `core` from now on.
export function supervise(core) {
  let timer;
  const since = (time) => Math.abs(Date.now() - time);

  core.tick = core.tick || tick;
  core.tick();

  function tick() {
    clearTimeout(timer);
    const { views, watched } = core;
    if (core.state === "paused" || document.visibilityState !== "visible") return stopAsking();
    if (core.socket && since(core.heard) >= (core.proven ? SILENT : WITHIN)) core.lose(0, core.proven ? 1 : 2);
    const { socket } = core;
    const isOpen = socket && socket.readyState === 1;
    const isLost = core.stopped || core.failures > 1;
    core.dropOld();
    core.late = 0;
    if (isLost && !core.polling) views.forEach((view) => (view.due = 0));
    views.forEach((view) => {
      if (since(view.made) >= WITHIN) core.late = 1;
      if (Date.now() < view.due) return;
      if (isOpen && view.via !== socket) core.sendView(view);
      else post(core, view);
    });
    if (isLost) {
      if (!core.polling) {
        core.polling = 1;
        // A view that is counted brings the numbers with it.
        ask(core, views.size);
      }
      core.setState(core.denied ? "refused" : core.config.djinsightHttp ? "polling" : "closed");
    } else if (isOpen && core.proven) {
      stopAsking();
      core.polling = 0;
      core.setState(core.late ? "connecting" : core.denied ? "refused" : "live");
    } else if (core.late || !isOpen) core.setState("connecting");
    if (socket || views.size || watched.size) timer = setTimeout(tick, views.size || !core.proven ? 1000 : CALM);
  }
}
