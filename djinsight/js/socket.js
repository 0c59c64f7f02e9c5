// The connection: one socket for all views and counters of the page, or a request for each view if it has no counters.

import { withMore } from "./loader.js";
import { apply } from "./numbers.js";
import { awake, config, core, log, recordUrl, setState } from "./page.js";
import { dropOld } from "./views.js";

core.apply_ = apply;

let subscribed; // ref -> token that was sent over this socket, if it is open

// The second file supervises the connection, opens another one, and falls back to HTTP if there is none. If it cannot be
// loaded, it is tried again.
const help = (frame) => withMore((more) => more && more.supervise(core, frame));
setInterval(() => core.views_.size + core.watched_.size && help(), 5000); // a page whose view is counted may need no more

export const sendView = (core.sendView_ = (view) => {
  if (!subscribed) return;
  view.via_ = core.socket_;
  view.sent_ = Date.now();
  core.socket_.send(view.frame);
});

function send(type, key, value) {
  const frame = JSON.stringify({ type, [key]: value });
  const half = value.length >> 1;
  // Half of the server's limit in bytes, as a character may have two or three
  if (half && frame.length > 2048) {
    send(type, key, value.slice(0, half));
    send(type, key, value.slice(half));
  } else if (value.length !== 0) core.socket_.send(frame);
}

export function watch() {
  if (!subscribed) return;
  send("unsubscribe", "refs", [...subscribed.keys()].filter((ref) => !core.watched_.has(ref) && subscribed.delete(ref)));
  // The server's limit is a hundred objects a socket.
  const more = [...core.watched_].filter(([ref, token]) => subscribed.get(ref) !== token).slice(0, 100 - subscribed.size);
  send("subscribe", "tokens", more.map(([ref, token]) => subscribed.set(ref, token) && token));
}

function live() {
  core.heard_ = Date.now();
  // After a failure the page is not live until a message has arrived.
  if (!core.failures_ && !core.doubt_) setState("live");
}

export const connect = (core.connect_ = () => {
  if (core.socket_ || core.lost_ || !awake()) return;
  if (!core.watched_.size && !core.blocked_ && (config.djinsightHttp || !core.views_.size)) {
    // Nothing is to be kept live. The views go one after the other, as the first answer brings a new visitor's cookie.
    const view = [...core.views_.values()].find(({ via_ }) => via_ !== 0);
    if (!core.tick_) setState(core.views_.size ? "connecting" : "idle");
    if (!view || view.via_) return;
    view.via_ = 1;
    fetch(recordUrl(), { method: "POST", body: view.frame, keepalive: true })
      .then((answer) => answer.json())
      .then(receive, () => help(view));
    return;
  }
  if (core.stopped_) return;
  if (!core.polling_) setState("connecting");
  let socket;
  try {
    socket = core.socket_ = new WebSocket(new URL(config.djinsightSocket + core.query_, location.href.replace(/^http/, "ws")));
  } catch (error) {
    core.failures_ = 2; // WebSockets are forbidden to this page, or do not exist
    return help();
  }
  core.proven_ = 0;
  core.heard_ = Date.now();
  socket.onopen = () => {
    if (core.socket_ !== socket) return;
    live();
    subscribed = new Map();
    dropOld();
    core.views_.forEach(sendView);
    watch();
  };
  socket.onmessage = ({ data }) => {
    if (core.socket_ !== socket) return;
    core.failures_ = 0;
    core.proven_ = 1;
    live();
    receive(JSON.parse(data));
  };
  // If the page's policy forbids the socket, there is an error event and no close event.
  socket.onclose = socket.onerror = ({ code }) => {
    if (core.socket_ !== socket) return;
    disconnect();
    core.lost_ = 1; // until the second file connects again
    if (!core.polling_) setState("connecting");
    help({ lost: 1, code });
  };
});

function receive(frame) {
  const { type, id } = frame;
  log(frame);
  if (type === "counters") apply(frame.counters);
  else if (type === "ping") send("pong", "n", frame.n);
  else if (type === "counted") core.views_.delete(id), connect();
  else if (type === "visitor" && config.djinsightCookie) {
    const cookie = `${config.djinsightCookie}=${frame.visitor};path=/;max-age=${frame.max_age};samesite=lax`;
    document.cookie = location.protocol === "https:" ? cookie + ";secure" : cookie;
  }
  else help(frame);
}

export const disconnect = (core.disconnect_ = () => {
  const { socket_: socket } = core;
  core.lost_ = subscribed = core.socket_ = 0;
  if (socket) socket.close(); // its close event comes later, and is ignored
});
