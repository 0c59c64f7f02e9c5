// Numbers: the newest counter of each object, and the elements that show it.

import { format, text } from "./format.js";
import { all, config } from "./page.js";

export const counters = new Map(); // ref -> newest counter

export function apply(list) {
  const changed = list.filter((counter) => !(counters.get(counter.ref)?.version >= counter.version));
  for (const counter of changed) {
    counters.set(counter.ref, counter);
    for (const element of all("stat")) if (element.dataset.djinsightRef === counter.ref) show(element, counter);
  }
  if (changed.length) document.dispatchEvent(new CustomEvent("djinsight:counters", { detail: changed }));
}

export function show(element, counter) {
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
