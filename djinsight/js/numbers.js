// Numbers: the newest value of each, from counters and from rendered elements, and the elements that show it.

import { group } from "./format.js";
import { withMore } from "./loader.js";
import { all, config, core } from "./page.js";
import { write } from "./text.js";

export const counters = (core.counters = new Map()); // ref -> newest counter
const known = (core.known = {}); // "ref stat" -> [order, value] of the newest value

let newer; // set by learn if a value was newer

// Return the newest value. A total is newer if it is greater, so it never goes down on a screen. Today's number may go
// down at midnight, so its order begins with its day.
function learn(ref, stat, value, order = value) {
  const place = `${ref} ${stat}`;
  known[place] = known[place] || [-1];
  if (order > known[place][0]) {
    known[place] = [order, value];
    newer = 1;
  }
  return known[place][1];
}

export function apply(list) {
  const changed = list.filter((counter) => {
    const { ref, day } = counter;
    newer = !counters.has(ref);
    for (const stat in counter) learn(ref, stat, counter[stat], counter[stat] + (stat === "views_today" && day * 1e11));
    if (newer) counters.set(ref, counter);
    return newer;
  });
  all("stat").forEach((element) => changed.includes(counters.get(element.dataset.djinsightRef)) && show(element));
  if (changed.length) document.dispatchEvent(new CustomEvent("djinsight:counters", { detail: changed }));
}

// First learn from all elements, then show, because a later element may have a newer number than an earlier one.
export const showAll = (core.showAll = () => [learnElement, show].forEach((each) => all("stat").forEach(each)));

function learnElement({ dataset: data }) {
  return learn(data.djinsightRef, data.djinsightStat, +data.djinsightValue, data.djinsightOrder);
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

