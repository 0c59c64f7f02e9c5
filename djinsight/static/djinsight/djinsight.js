/*
 * djinsight: sends this page's view, and keeps its numbers live, over one WebSocket.
 *
 * Configured by data attributes on its script element and on the elements that the template tags render.
 * No dependencies, no inline code. Public: window.djinsight, "djinsight:counters" events on document, and the
 * connection state as data-djinsight-state on the document element: connecting, live, polling, paused or closed.
 */
(() => {
  "use strict";
  if (window.djinsight) return;

  const script = document.currentScript || document.querySelector("script[data-djinsight-socket]");
  const config = script.dataset;
  const root = document.documentElement;
  const MAX_SENT = 2048; // bytes a frame, half of what the server takes
  const MAX_REFS = 100; // objects of a socket or a question, of the server
  const OPEN_WITHIN = 10000; // ms; some proxies never answer
  const RETRY = ["busy", "unavailable", "rate"]; // reasons that pass

  // Asked of the browser, too: a page from a cache was rendered for somebody else.
  const optedOut = "djinsightDnt" in config && (navigator.globalPrivacyControl || navigator.doNotTrack === "1");

  const views = new Map(); // id -> frame of a view that is not acknowledged
  const watched = new Map(); // ref -> token
  const dead = new Set(); // tokens of no use any more
  const counters = new Map(); // ref -> newest counter
  let seen = new WeakMap(); // tracker element -> token of the view that was made
  let subscribed = new Map(); // ref -> token that this socket was asked with
  let socket, reconnect, resend, poll;
  let failures = 0; // sockets in a row that brought nothing
  let refused; // the tokens of the page when the server said: do not reconnect

  const log = (...words) => "djinsightDebug" in config && console.debug("djinsight:", ...words);
  const state = (name) => name !== root.dataset.djinsightState && log((root.dataset.djinsightState = name));
  const awake = () => !document.prerendering && document.visibilityState === "visible";
  const all = (what) => document.querySelectorAll(`[data-djinsight-${what}]`);
  const jitter = (seconds) => seconds * (500 + Math.random() * 1000);

  // What is on the page

  function newId() {
    // 18 to 36 characters, in base 36.
    return Array.from(crypto.getRandomValues(new Uint8Array(18)), (byte) => byte.toString(36)).join("");
  }

  function scan() {
    if (!awake() || root.hasAttribute("data-turbo-preview")) return;
    for (const element of all("view")) {
      const token = element.dataset.djinsightView;
      if (optedOut || seen.get(element) === token) continue;
      seen.set(element, token);
      const frame = { type: "view", id: newId(), token };
      // Both shortened so that the frame fits; URLs are ASCII, one byte a character.
      frame.url = (location.pathname + location.search).slice(0, 1500);
      frame.referrer = document.referrer.slice(0, 1500);
      views.set(frame.id, JSON.stringify(frame));
      if (socket?.readyState === 1) socket.send(views.get(frame.id));
      else if (root.dataset.djinsightState === "polling") post(frame.id);
      renew(token);
    }
    const present = new Set();
    for (const element of all("watch")) {
      const { djinsightRef: ref, djinsightWatch: token } = element.dataset;
      present.add(ref);
      if (!dead.has(token)) watched.set(ref, token);
      renew(token);
      if (counters.has(ref)) show(element, counters.get(ref));
    }
    const gone = [...watched.keys()].filter((ref) => !present.has(ref));
    gone.forEach((ref) => watched.delete(ref));
    if (socket?.readyState === 1) {
      const left = gone.filter((ref) => subscribed.delete(ref));
      if (left.length) inFrames(left, (refs) => ({ type: "unsubscribe", refs }));
      subscribe();
    }
    connect();
  }

  function renew(token) {
    if (!refused?.has(token)) refused = null; // what the server said was not about this one
  }

  function inFrames(items, frame) {
    let part = [];
    for (const item of items) {
      if (part.length && JSON.stringify(frame([...part, item])).length > MAX_SENT) {
        socket.send(JSON.stringify(frame(part)));
        part = [];
      }
      part.push(item);
    }
    if (part.length) socket.send(JSON.stringify(frame(part)));
  }

  function subscribe() {
    const more = [...watched].filter(([ref, token]) => subscribed.get(ref) !== token);
    const asked = more.slice(0, MAX_REFS - subscribed.size);
    asked.forEach(([ref, token]) => subscribed.set(ref, token));
    inFrames(asked.map(([, token]) => token), (tokens) => ({ type: "subscribe", tokens }));
  }

  // Numbers

  function apply(list) {
    const changed = list.filter((counter) => !(counters.get(counter.ref)?.version >= counter.version));
    for (const counter of changed) {
      counters.set(counter.ref, counter);
      for (const element of all("stat")) if (element.dataset.djinsightRef === counter.ref) show(element, counter);
    }
    if (changed.length) document.dispatchEvent(new CustomEvent("djinsight:counters", { detail: changed }));
  }

  function show(element, counter) {
    const data = element.dataset;
    const stat = data.djinsightStat;
    let value = counter[stat];
    if (data.djinsightVersion > counter.version) return; // the page was rendered later
    if (stat === "views_week" || stat === "views_month") {
      data.djinsightSince ??= `${data.djinsightValue - data.djinsightTotal}`;
      value = +data.djinsightSince + counter.total_views;
    }
    // Nothing to show, or a period's number without its total. A bar of a chart is of one day, and stays as it is then.
    if ((value ?? NaN) !== value || (data.djinsightDay && +data.djinsightDay !== counter.version % 100000)) return;
    if (stat.endsWith("_at")) {
      // Written anew where it did not change, too: the times of a page should not be in two forms.
      element.dateTime = value;
      const style = { dateStyle: "medium", timeStyle: "short", timeZone: config.djinsightZone };
      text(element, format("DateTimeFormat", style, new Date(value)));
      return;
    }
    // A total never goes down on a screen, whatever was lost behind it.
    if (stat !== "views_today") value = Math.max(value, +data.djinsightValue || 0);
    data.djinsightValue = value;
    if (element.localName === "rect") {
      const box = element.ownerSVGElement.viewBox.baseVal;
      element.setAttribute("height", value);
      box.height = Math.max(box.height, value);
      box.y = -box.height;
      return;
    }
    text(element, format("NumberFormat", { useGrouping: "always" }, value));
  }

  function format(kind, style, value) {
    try {
      return new Intl[kind](config.djinsightLocale, style).format(value);
    } catch {
      // A language or a zone that this browser does not know: its own.
      return value.toLocaleString();
    }
  }

  function text(element, value) {
    // Changing the text node, not the children, keeps the observer below asleep.
    if (element.firstChild?.nodeType === 3) element.firstChild.data = value;
    else element.textContent = value;
  }

  // The socket

  function connect() {
    if (socket || reconnect || !awake() || !(views.size || watched.size)) return;
    if (refused) return fallback();
    if (root.dataset.djinsightState !== "polling") state("connecting");
    try {
      socket = new WebSocket(new URL(config.djinsightSocket + (keeps() ? "" : "?keep=0"), location.href.replace(/^http/, "ws")));
    } catch (error) {
      log(error); // not for this page, or not there at all
      return fallback();
    }
    const mine = socket;
    setTimeout(() => mine.readyState || mine.close(), OPEN_WITHIN);
    mine.onopen = () => {
      subscribed = new Map();
      clearTimeout(poll);
      state("live");
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
      else state("connecting");
      if (refused) return;
      reconnect = setTimeout(() => {
        reconnect = 0;
        connect();
      }, jitter(Math.min(60, 2 ** failures)));
    };
  }

  function receive(frame) {
    if (frame.type === "counters") apply(frame.counters);
    else if (frame.type === "ping") socket.send(JSON.stringify({ type: "pong", n: frame.n }));
    else if (frame.type === "visitor") keep(frame);
    else answered(frame);
  }

  function keep({ visitor, max_age: age }) {
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `${config.djinsightCookie}=${visitor}; path=/; max-age=${age}; samesite=lax${secure}`;
  }

  // An id that the browser would not send again is not asked for: each view would be one of a new visitor.
  function keeps() {
    try {
      return navigator.cookieEnabled && top.location.origin === location.origin;
    } catch {
      return false; // in a page of another site
    }
  }

  function answered(frame) {
    log(frame.type, frame.id ?? "", frame.reason ?? "");
    if (frame.type === "rejected" && RETRY.includes(frame.reason)) {
      resend ||= setTimeout(() => {
        resend = 0;
        views.forEach((view, id) => (socket?.readyState === 1 ? socket.send(view) : post(id)));
      }, jitter(5));
    } else {
      views.delete(frame.id);
      if (root.dataset.djinsightState === "polling") ask(); // with the view that was counted
    }
  }

  function disconnect() {
    clearTimeout(reconnect);
    clearTimeout(poll);
    reconnect = 0;
    socket?.close(); // tells so later, when it is nobody's
    socket = null;
  }

  // HTTP, where sockets do not work and where the page goes away

  function send(path, body) {
    return fetch(config.djinsightHttp + path, { method: "POST", body, keepalive: true }).then((r) => r.json());
  }

  const recordView = () => "record-view/" + (keeps() ? "" : "?keep=0");

  function post(id) {
    if (config.djinsightHttp) send(recordView(), views.get(id)).then(answered, log);
  }

  function fallback() {
    if (!config.djinsightHttp) return state("closed");
    if (root.dataset.djinsightState === "polling") return;
    state("polling");
    if (!views.size) return ask();
    views.forEach((_, id) => post(id));
    wait();
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

  function leave() {
    if (root.dataset.djinsightState === "paused") return; // hidden before it is unloaded
    // The same id as over the socket: whichever comes first is counted.
    if (config.djinsightHttp) views.forEach((frame) => navigator.sendBeacon(config.djinsightHttp + recordView(), frame));
    disconnect();
    state("paused");
  }

  // The life of the page

  function start() {
    if (!awake()) return;
    failures = 0;
    scan();
  }

  let scanning;
  const observe = new MutationObserver(() => {
    scanning ||= setTimeout(() => {
      scanning = 0;
      scan();
    }, 50);
  });

  document.addEventListener("visibilitychange", () => (awake() ? start() : leave()));
  document.addEventListener("prerenderingchange", start);
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    seen = new WeakMap(); // back from the cache: a new view, with a new id
    start();
  });
  window.djinsight = { scan, counters };
  // Attributes, as some change the page's elements in place of replacing them.
  observe.observe(root, { childList: true, subtree: true, attributeFilter: ["data-djinsight-view", "data-djinsight-watch"] });
  start();
})();
