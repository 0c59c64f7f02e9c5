// The socket: one connection for all views and counters of the page.

import { withMore } from "./loader.js";
import { apply } from "./numbers.js";
import { awake, config, core, log, setState } from "./page.js";
import { dropOld } from "./views.js";

const MAX_SENT = 2048; // characters in a frame, half of the server's limit
const MAX_REFS = 100; // objects of a socket, the limit of the server

core.apply_ = apply;

let subscribed; // ref -> token that was sent over this socket
let reconnect;

const isOpen = () => core.socket_ && core.socket_.readyState === 1;

// The second file supervises the connection, and falls back to HTTP if there is none.
const help = (frame) => withMore((more) => more && more.supervise(core, frame));

export const sendView = (core.sendView_ = (view) => {
  if (!isOpen()) return;
  view.via_ = core.socket_;
  view.sent_ = Date.now();
  core.socket_.send(view.frame);
});

function send(type, key, value) {
  const frame = JSON.stringify({ type, [key]: value });
  const half = value.length >> 1;
  if (half && frame.length > MAX_SENT) {
    send(type, key, value.slice(0, half));
    send(type, key, value.slice(half));
  } else if (value.length !== 0) core.socket_.send(frame);
}

export function watch(gone) {
  if (!isOpen()) return;
  send("unsubscribe", "refs", gone.filter((ref) => subscribed.delete(ref)));
  const more = [...core.watched_].filter(([ref, token]) => subscribed.get(ref) !== token).slice(0, MAX_REFS - subscribed.size);
  send("subscribe", "tokens", more.map(([ref, token]) => subscribed.set(ref, token) && token));
}

function live() {
  core.heard_ = Date.now();
  // After a failure the page is not live until a message has arrived.
  if (!core.failures_ && !core.doubt_) setState("live");
}

export function connect() {
  if (core.socket_ || reconnect || !awake() || !(core.views_.size + core.watched_.size)) return;
  if (core.stopped_) return help();
  if (!core.polling_) setState("connecting");
  setTimeout(help, 5000);
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
    watch([]);
  };
  socket.onmessage = ({ data }) => {
    if (core.socket_ !== socket) return;
    core.failures_ = 0;
    core.proven_ = 1;
    live();
    receive(JSON.parse(data));
  };
  // If the page's policy forbids the socket, there is an error event and no close event.
  socket.onclose = socket.onerror = ({ code }) => core.socket_ === socket && core.lose_(code, 1);
}

function receive(frame) {
  const { type, id } = frame;
  log(frame);
  if (type === "counters") apply(frame.counters);
  else if (type === "ping") send("pong", "n", frame.n);
  else if (type === "counted") core.views_.delete(id);
  else if (type === "visitor" && config.djinsightCookie) keepVisitor(frame);
  else help(frame);
}

function keepVisitor({ visitor, max_age }) {
  const secure = location.protocol === "https:" ? ";secure" : "";
  document.cookie = `${config.djinsightCookie}=${visitor};path=/;max-age=${max_age};samesite=lax${secure}`;
}

// Give up this socket, add `failures` to those in a row, and connect again later unless `code` forbids it.
core.lose_ = (code, failures) => {
  disconnect();
  core.failures_ += failures;
  core.stopped_ = code >= 4400 && code < 4500;
  if (!core.stopped_)
    reconnect = setTimeout(() => {
      reconnect = 0;
      connect();
    }, Math.min(60, 2 ** core.failures_) * (500 + Math.random() * 1000));
  if (core.stopped_ || core.failures_ > 1) help();
  else setState("connecting");
};

export function disconnect() {
  const { socket_: socket } = core;
  clearTimeout(reconnect);
  reconnect = core.socket_ = 0;
  if (socket) socket.close(); // its close event comes later, and is ignored
}
