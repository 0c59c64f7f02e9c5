// The socket: one for all of the page's views and counters.

import { all, awake, config, isState, jitter, log, root, setState } from "./page.js";
import { fallback, post, retryLater, stopPolling } from "./http.js";
import { apply } from "./numbers.js";
import { watched } from "./scan.js";
import { views } from "./views.js";

const MAX_SENT = 2048; // bytes a frame, half of what the server takes
export const MAX_REFS = 100; // objects of a socket or a question, of the server
const OPEN_WITHIN = 10000; // ms; some proxies never answer

let subscribed = new Map(); // ref -> token that this socket was asked with
let socket, reconnect;
let failures = 0; // sockets in a row that brought nothing
export let refused; // the tokens of the page when the server said: do not reconnect

export const isOpen = () => socket?.readyState === 1;
export const sendFrame = (frame) => socket.send(frame);
const frameOf = (data) => sendFrame(JSON.stringify(data));

export function forgetFailures() {
  failures = 0;
}

export function renew(token) {
  if (!refused?.has(token)) refused = null; // what the server said was not about this one
}

function inFrames(items, frame) {
  let part = [];
  for (const item of items) {
    if (part.length && JSON.stringify(frame([...part, item])).length > MAX_SENT) {
      frameOf(frame(part));
      part = [];
    }
    part.push(item);
  }
  if (part.length) frameOf(frame(part));
}

export function watch(gone) {
  if (!isOpen()) return;
  const left = gone.filter((ref) => subscribed.delete(ref));
  if (left.length) inFrames(left, (refs) => ({ type: "unsubscribe", refs }));
  subscribe();
}

function subscribe() {
  const more = [...watched].filter(([ref, token]) => subscribed.get(ref) !== token);
  const asked = more.slice(0, MAX_REFS - subscribed.size);
  asked.forEach(([ref, token]) => subscribed.set(ref, token));
  inFrames(asked.map(([, token]) => token), (tokens) => ({ type: "subscribe", tokens }));
}

export function connect() {
  if (socket || reconnect || !awake() || !(views.size || watched.size)) return;
  if (refused) return fallback();
  if (!isState("polling")) setState("connecting");
  try {
    socket = new WebSocket(new URL(config.djinsightSocket, location.href.replace(/^http/, "ws")));
  } catch (error) {
    log(error); // not for this page, or not there at all
    return fallback();
  }
  const mine = socket;
  setTimeout(() => mine.readyState || mine.close(), OPEN_WITHIN);
  mine.onopen = () => {
    subscribed = new Map();
    stopPolling();
    setState("live");
    views.forEach((frame) => mine.send(frame));
    subscribe();
  };
  mine.onmessage = ({ data }) => {
    failures = 0;
    receive(JSON.parse(data));
  };
  // Where the page's policy forbids it there is an error and no close.
  mine.onclose = mine.onerror = ({ code }) => {
    if (mine !== socket) return;
    socket = null;
    if (code >= 4400 && code < 4500)
      refused = new Set([...all("view"), ...all("watch")].map(({ dataset: d }) => d.djinsightView || d.djinsightWatch));
    if (refused || ++failures > 1) fallback();
    else setState("connecting");
    if (refused) return;
    reconnect = setTimeout(() => {
      reconnect = 0;
      connect();
    }, jitter(Math.min(60, 2 ** failures)));
  };
}

function receive(frame) {
  if (frame.type === "counters") apply(frame.counters);
  else if (frame.type === "ping") frameOf({ type: "pong", n: frame.n });
  else retryLater(frame);
}

export function sendOrPost(view, id) {
  if (isOpen()) sendFrame(view);
  else post(id);
}

export function disconnect() {
  clearTimeout(reconnect);
  stopPolling();
  reconnect = 0;
  socket?.close(); // tells so later, when it is nobody's
  socket = null;
}
