// The page: the script element with the configuration, the connection state, and the state that all modules share.

export let script; // the script element whose data attributes are the configuration
export let config = {};

// Shared with the second file, which is a bundle of its own and shares no variables with the first. The build replaces
// names of properties that end with an underscore with those of names.json, in both files alike.
export const core = {
  views_: new Map(), // id -> view without an acknowledgement
  watched_: new Map(), // ref -> token
  failures_: 0, // sockets in a row without any message
  origin_: location.host && location.origin, // of all requests, because a <base> may name another one
  query_: "?keep=0", // of all requests if the browser keeps no cookies; otherwise each view would be of a new visitor
};

try {
  if (navigator.cookieEnabled && top.location.origin === location.origin) core.query_ = "";
} catch (error) {
  // framed in a page of another site
}

// Read the configuration of the script element. It is searched for if the code runs in another element, as code that
// jQuery evaluates, or in none, as code in a shadow tree.
export function configure() {
  const own = document.currentScript;
  script = own && own.dataset.djinsightSocket ? own : document.querySelector("script[data-djinsight-socket]");
  if (script) core.config_ = config = script.dataset;
  return script;
}

export const log = (what) => "djinsightDebug" in config && console.debug("djinsight", what);
export const awake = () => document.visibilityState === "visible"; // a prerendered page is hidden
export const recordUrl = () => `${core.origin_ + config.djinsightHttp}record-view/${core.query_}`;
export const all = (what) => document.querySelectorAll(`[data-djinsight-${what}]`);

export const setState = (core.setState_ = (name) => {
  const { dataset } = document.documentElement;
  if (dataset.djinsightState !== name) log((dataset.djinsightState = name));
});
