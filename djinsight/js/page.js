// The page: the script element that configures us, the state that is shown, and what all modules share.

export let script; // the script element whose data attributes are the configuration
export let config = {};

// What the second file works with, too. It is a bundle of its own, and shares no variables with the first.
export const core = {
  views: new Map(), // id -> view that is not acknowledged
  watched: new Map(), // ref -> token
  failures: 0, // sockets in a row that brought nothing
  origin: location.host && location.origin, // of all requests: a <base> may name another one
  query: "?keep=0", // of every request of a page whose browser keeps no cookies, as each view would be of a new visitor
};

try {
  if (navigator.cookieEnabled && top.location.origin === location.origin) core.query = "";
} catch (error) {
  // in a page of another site
}

// Take the configuration of a script element. Code that jQuery evaluates runs in another one, code in a shadow tree in none.
export function configure() {
  const own = document.currentScript;
  script = own && own.dataset.djinsightSocket ? own : document.querySelector("script[data-djinsight-socket]");
  if (script) core.config = config = script.dataset;
  return script;
}

export const log = (what) => "djinsightDebug" in config && console.debug("djinsight:", what);
export const awake = () => document.visibilityState === "visible"; // a page that is prerendered is hidden
export const all = (what) => document.querySelectorAll(`[data-djinsight-${what}]`);

export const setState = (core.setState = (name) => {
  const { dataset } = document.documentElement;
  if (dataset.djinsightState !== name) log((dataset.djinsightState = name));
});

// The browser is asked, too, because a page from a cache was rendered for another visitor.
export const optedOut = () => "djinsightDnt" in config && (navigator.globalPrivacyControl || navigator.doNotTrack === "1");
