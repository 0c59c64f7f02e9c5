// The socket: one connection for all views and counters of the page.

import { withMore } from "./loader.js";
import { apply } from "./numbers.js";
import { awake, config, core, log, setState } from "./page.js";
import { dropOld } from "./views.js";

const MAX_SENT = 2048; // characters in a frame, half of the server's limit
const MAX_REFS = 100; // objects of a socket, the limit of the server

core.apply = apply;

let subscribed; // ref -> token that was sent over this socket
let reconnect;

const isOpen = () => core.socket && core.socket.readyState === 1;

// The second file supervises the connection, and falls back to HTTP if there is none.
const help = (frame) => withMore((more) => more && more.supervise(core, frame));

export const sendView = (core.sendView = (view) => {
  if (!isOpen()) return;
  view.via = core.socket;
  view.sent = Date.now();
  core.socket.send(view.frame);
});

function send(type, key, value) {
  const frame = JSON.stringify({ type, [key]: value });
  const half = value.length >> 1;
  if (half && frame.length > MAX_SENT) {
    send(type, key, value.slice(0, half));
    send(type, key, value.slice(half));
  } else if (value.length !== 0) core.socket.send(frame);
}

export function watch(gone) {
  if (!isOpen()) return;
  send("unsubscribe", "refs", gone.filter((ref) => subscribed.delete(ref)));
  const more = [...core.watched].filter(([ref, token]) => subscribed.get(ref) !== token).slice(0, MAX_REFS - subscribed.size);
  send("subscribe", "tokens", more.map(([ref, token]) => subscribed.set(ref, token) && token));
}

function live() {
  core.heard = Date.now();
  // After a failure the page is not live until a message has arrived.
  if (!core.failures && !core.doubt) setState("live");
}

export function connect() {
  if (core.socket || reconnect || !awake() || !(core.views.size + core.watched.size)) return;
  if (core.stopped) return help();
  if (!core.polling) setState("connecting");
  setTimeout(help, 5000);
  let socket;
  try {
    socket = core.socket = new WebSocket(new URL(config.djinsightSocket + core.query, location.href.replace(/^http/, "ws")));
  } catch (error) {
    core.failures = 2; // WebSockets are forbidden to this page, or do not exist
    return help();
  }
  core.proven = 0;
  core.heard = Date.now();
  socket.onopen = () => {
    if (core.socket !== socket) return;
    live();
    subscribed = new Map();
    dropOld();
    core.views.forEach(sendView);
    watch([]);
  };
  socket.onmessage = ({ data }) => {
    if (core.socket !== socket) return;
    core.failures = 0;
    core.proven = 1;
    live();
    receive(JSON.parse(data));
  };
  // If the page's policy forbids the socket, there is an error event and no close event.
  socket.onclose = socket.onerror = ({ code }) => core.socket === socket && core.lose(code, 1);
}

function receive(frame) {
  const { type, id } = frame;
  log(frame);
  if (type === "counters") apply(frame.counters);
  else if (type === "ping") send("pong", "n", frame.n);
  else if (type === "counted") core.views.delete(id);
  else if (type === "visitor" && config.djinsightCookie) keepVisitor(frame);
  else help(frame);
}

function keepVisitor({ visitor, max_age }) {
  const secure = location.protocol === "https:" ? ";secure" : "";
  document.cookie = `${config.djinsightCookie}=${visitor};path=/;max-age=${max_age};samesite=lax${secure}`;
}

// Give up this socket, add `failures` to those in a row, and connect again later unless `code` forbids it.
core.lose = (code, failures) => {
  disconnect();
  core.failures += failures;
  core.stopped = code >= 4400 && code < 4500;
  if (!core.stopped)
    reconnect = setTimeout(() => {
      reconnect = 0;
      connect();
    }, Math.min(60, 2 ** core.failures) * (500 + Math.random() * 1000));
  if (core.stopped || core.failures > 1) help();
  else setState("connecting");
};

export function disconnect() {
  const { socket } = core;
  clearTimeout(reconnect);
  reconnect = core.socket = 0;
  if (socket) socket.close(); // its close event comes later, and is ignored
}
