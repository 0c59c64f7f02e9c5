// The page: its configuration, its state, and short names for what all modules ask of it.

const script = document.currentScript || document.querySelector("script[data-djinsight-socket]");

export const config = script.dataset;
export const root = document.documentElement;

// The browser is asked, too, because a page from a cache was rendered for another visitor.
export const optedOut = "djinsightDnt" in config && (navigator.globalPrivacyControl || navigator.doNotTrack === "1");

export const log = (...words) => "djinsightDebug" in config && console.debug("djinsight:", ...words);
export const isState = (name) => root.dataset.djinsightState === name;
export const setState = (name) => isState(name) || log((root.dataset.djinsightState = name));
export const awake = () => !document.prerendering && document.visibilityState === "visible";
export const all = (what) => document.querySelectorAll(`[data-djinsight-${what}]`);
export const jitter = (seconds) => seconds * (500 + Math.random() * 1000);

export function newId() {
  // 18 to 36 characters, in base 36.
  return Array.from(crypto.getRandomValues(new Uint8Array(18)), (byte) => byte.toString(36)).join("");
}
