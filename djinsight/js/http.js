// HTTP: counting and asking where sockets do not work, and where the page goes away.

import { all, config, isState, jitter, log, setState } from "./page.js";
import { apply } from "./numbers.js";
import { dead, watched } from "./scan.js";
import { disconnect, MAX_REFS, refused, sendOrPost } from "./socket.js";
import { views } from "./views.js";

const RETRY = ["busy", "unavailable", "rate"]; // reasons that pass

let resend, poll;

function send(path, body) {
  return fetch(config.djinsightHttp + path, { method: "POST", body, keepalive: true }).then((r) => r.json());
}

export function post(id) {
  if (config.djinsightHttp) send("record-view/", views.get(id)).then(retryLater, log);
}

export function retryLater(frame) {
  log(frame.type, frame.id ?? "", frame.reason ?? "");
  if (frame.type === "rejected" && RETRY.includes(frame.reason)) {
    resend ||= setTimeout(() => {
      resend = 0;
      views.forEach(sendOrPost);
    }, jitter(5));
  } else {
    views.delete(frame.id);
    if (isState("polling")) ask(); // with the view that was counted
  }
}

export function fallback() {
  if (!config.djinsightHttp) return setState("closed");
  if (isState("polling")) return;
  setState("polling");
  if (!views.size) return ask();
  views.forEach((_, id) => post(id));
  wait();
}

export function stopPolling() {
  clearTimeout(poll);
}

function wait() {
  const every = [...all("refresh")].map((element) => +element.dataset.djinsightRefresh).filter((n) => n > 0);
  clearTimeout(poll);
  poll = setTimeout(ask, 1000 * (every.length ? Math.min(...every, 86400) : 30));
}

function ask() {
  wait();
  const asked = [...watched].slice(0, MAX_REFS);
  const body = JSON.stringify({ tokens: asked.map(([, token]) => token) });
  if (asked.length) send("page-stats/", body).then((answer) => told(asked, answer.counters), log);
}

function told(asked, list) {
  if (!list) return; // busy, or not there
  apply(list);
  if (!refused) return;
  for (const [ref, token] of asked) {
    if (list.some((counter) => counter.ref === ref)) continue;
    dead.add(token);
    if (watched.get(ref) === token) watched.delete(ref);
  }
}

export function leave() {
  if (isState("paused")) return; // hidden before it is unloaded
  // The same id as over the socket: whichever comes first is counted.
  if (config.djinsightHttp) views.forEach((frame) => navigator.sendBeacon(config.djinsightHttp + "record-view/", frame));
  disconnect();
  setState("paused");
}
