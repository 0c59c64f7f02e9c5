// Numbers: the newest value of each, from counters and from rendered elements, and the elements that show it.

import { formOf } from "./format.js";
import { withMore } from "./loader.js";
import { all, config, core } from "./page.js";
import { texts, write } from "./text.js";

export const counters = (core.counters_ = new Map()); // ref -> newest counter
const known = (core.known_ = {}); // "ref stat" -> [order, value] of the newest value

let newer; // set by learn if a value was newer

// Return the newest value. A total is newer if it is greater, so it never goes down on a screen. Today's number may go
// down at midnight, so its order begins with its day.
function learn(ref, stat, value, order = value) {
  const place = ref + " " + stat;
  const [before, last] = known[place] || [-1];
  if (!(order > before)) return last;
  newer = known[place] = [order, value];
  return value;
}

export function apply(list) {
  const changed = list.filter((counter) => {
    const { ref, day } = counter;
    newer = !counters.has(ref);
    for (const stat in counter) learn(ref, stat, counter[stat], counter[stat] + (stat === "views_today" && day * 1e11));
    return newer && counters.set(ref, counter);
  });
  all("stat").forEach((element) => changed.includes(counters.get(element.dataset.djinsightRef)) && show(element));
  if (changed.length) document.dispatchEvent(new CustomEvent("djinsight:counters", { detail: changed }));
}

// First learn from all elements, then show, because a later element may have a newer number than an earlier one.
export const showAll = (core.showAll_ = () => [learnElement, show].forEach((each) => all("stat").forEach(each)));

function learnElement(element) {
  let { djinsightRef: ref, djinsightStat: stat, djinsightOrder: order, djinsightValue: value } = element.dataset;
  const text = element.textContent.trim();
  if (!value && formOf(element)(text) === text) {
    texts.set(element, text); // as if it was written here, so that another text of the site's own stays
    value = text.replace(/\D/g, "");
  }
  // The parser may still write the text in the state "loading", the only one with less than eight letters.
  return document.readyState[7] && learn(ref, stat, parseInt(value), order);
}

function show(element) {
  const data = element.dataset;
  const form = formOf(element);
  // A bar of a chart, a number of a period, or a time.
  if (data.djinsightDay || /week|month|_at$/.test(data.djinsightStat)) withMore((more) => more && more.show(element, core, form));
  else put(element, learnElement(element), form);
}

const put = (core.put_ = (element, value, form) => {
  // A template of the site may format the number in its own way. Its text stays until the number changes.
  if (value >= 0) write(element, form(value + ""), form, value == element.dataset.djinsightValue);
});

