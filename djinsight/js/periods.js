// Periods: numbers of a week, of a month and of one day, and the times of views. The page derives them from counters.

import { watchTexts } from "./restore.js";
import { formatTime } from "./times.js";

const BEGAN = {
  // The first day of the period that contains a day. Days are counted from 1970-01-01, a Thursday.
  views_week: (day) => day - ((day + 3) % 7),
  views_month: (day) => day + 1 - new Date(day * 864e5).getUTCDate(),
};
const known = new Map(); // place -> its newest value
const before = new WeakMap(); // element of a time -> its first text
const written = new WeakMap(); // element of a time -> the format of its text

// Show in `element` the newest value of its counter and of the rendered page. `core` is the state of the first file, and
// `form` writes a number as the element does.
export function show(element, core, form) {
  const { config_: config, counters_: counters, known_: totals, put_: put, write_: write } = core;
  const data = element.dataset;
  const { djinsightRef: ref, djinsightStat: stat, djinsightDay: day } = data;
  const counter = counters.get(ref);
  watchTexts(core);
  const at = [ref, stat, day].join();
  if (BEGAN[stat]) {
    if (!data.djinsightTotal) return; // a template of the site does not say what the total was when the period began
    const began = sinceBegan(at, BEGAN[stat], data, counter);
    const [total] = totals[`${ref} total_views`] || [0];
    put(element, began + Math.max(newest(ref, +data.djinsightTotal, +data.djinsightTotal), total), form);
  } else if (day) {
    const value = newest(at, +data.djinsightValue, +data.djinsightValue);
    const today = counter?.day === +day ? newest(at, counter.views_today, counter.views_today) : value;
    if (element.localName === "rect") grow(element, today);
    else put(element, today, form);
  } else if (/_at$/.test(stat)) {
    const format = data.djinsightFormat ?? formatOf(element, config.djinsightTime ?? "");
    for (const time of [element.getAttribute("datetime"), counter?.[stat]]) {
      // The first view never becomes later, and the last one never earlier.
      if (time) newest(at, Date.parse(time) * (stat[0] === "f" ? -1 : 1), time);
    }
    showTime(element, known.get(at)?.value, (time) => formatTime(time, format), write);
  }
}

// Return the format of the time in `element`, which has none of its own: that of a script element, `first` if there is
// none. If they differ, as some come from a cache or from another page, it is one that gives the element's text.
function formatOf(element, first) {
  const scripts = [...document.querySelectorAll("[data-djinsight-time]")];
  const before = scripts.filter((each) => each.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING);
  const formats = [...before.reverse(), ...scripts].map(({ dataset }) => dataset.djinsightTime).concat(first);
  if (new Set(formats).size === 1) return first;
  const [time, shown] = [element.getAttribute("datetime"), element.textContent.trim()];
  const own = time ? formats.find((format) => formatTime(time, format) === shown) : first;
  if (own !== undefined) written.set(element, own);
  return written.get(element) ?? "";
}

// Return the newest value of a place after `value` was added. The value with the greatest `order` is the newest.
function newest(at, order, value) {
  if (order === order && !(known.get(at)?.order >= order)) known.set(at, { order, value });
  return known.get(at)?.value;
}

// Return the difference between a period's number and the total, which is constant during the period.
function sinceBegan(at, began, { djinsightBegan, djinsightValue, djinsightTotal }, counter) {
  const learn = (first, since) => {
    const has = known.get(at);
    if (!has || first > has.first || (first === has.first && since > has.since)) known.set(at, { first, since });
  };
  const rendered = +djinsightBegan || 0; // a template of the site may leave it out
  learn(rendered, djinsightValue - djinsightTotal);
  if (counter?.day) {
    const first = began(counter.day);
    known.get(at).first ||= first;
    // This is exact on the first day of a period. On a later day it is a lower bound.
    learn(first, counter.views_today - counter.total_views);
  }
  return known.get(at).since;
}

function showTime(element, time, format, write) {
  const text = time && format(time);
  if (!text) return; // no view yet, or the browser does not know the time zone
  const rendered = element.getAttribute("datetime");
  const shown = element.textContent.trim();
  if (!before.has(element) && shown !== text) before.set(element, shown);
  const asWeDo = (each) => (each === before.get(element) || each === format(rendered) ? each : text);
  write(element, text, asWeDo, rendered === time);
  if (element.localName === "time" && rendered !== time) element.dateTime = time;
}

function grow(bar, value) {
  if (!(value >= 0) || +bar.getAttribute("height") === value) return;
  const box = bar.ownerSVGElement.viewBox.baseVal;
  bar.setAttribute("height", value);
  box.height = Math.max(box.height, value);
  box.y = -box.height;
}
