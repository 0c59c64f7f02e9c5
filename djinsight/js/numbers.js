// Numbers: the newest value of each, from counters and from rendered elements, and the elements that show it.

import { group } from "./format.js";
import { withMore } from "./loader.js";
import { all, config, core } from "./page.js";
import { write } from "./text.js";

export const counters = (core.counters = new Map()); // ref -> newest counter
const known = (core.known = {}); // "ref stat" -> [order, value] of the newest value

// Return the newest value. A total is newer if it is greater, so it never goes down on a screen. Today's number may go
// down, so its order is the version.
function learn(ref, stat, value, order = value) {
  const place = `${ref} ${stat}`;
  const before = known[place] || [-1];
  return (known[place] = order > before[0] ? [order, value] : before)[1];
}

export function apply(list) {
  const changed = list.filter(({ ref, version }) => !(counters.has(ref) && counters.get(ref).version >= version));
  changed.forEach((counter) => {
    counters.set(counter.ref, counter);
    for (const stat in counter) learn(counter.ref, stat, counter[stat], stat === "views_today" ? counter.version : counter[stat]);
  });
  all("stat").forEach((element) => changed.includes(counters.get(element.dataset.djinsightRef)) && show(element));
  if (changed.length) document.dispatchEvent(new CustomEvent("djinsight:counters", { detail: changed }));
}

// First learn from all elements, then show, because a later element may have a newer number than an earlier one.
export const showAll = (core.showAll = () => [learnElement, show].forEach((each) => all("stat").forEach(each)));

function learnElement({ dataset: data }) {
  return learn(data.djinsightRef, data.djinsightStat, +data.djinsightValue, data.djinsightVersion);
}

function show(element) {
  const data = element.dataset;
  // A bar of a chart, a number of a period, or a time.
  if (data.djinsightDay || /week|month|_at$/.test(data.djinsightStat)) withMore((more) => more && more.show(element, core));
  else put(element, learnElement(element));
}

const put = (core.put = (element, value) => {
  const data = element.dataset;
  const digits = (text) => group(text.replace(/\D/g, ""), data.djinsightFormat || config.djinsightNumber || ":");
  // A template of the site may format the number in its own way. Its text stays until the number changes.
  if (value >= 0) write(element, digits(`${value}`), digits, value == data.djinsightValue);
});

