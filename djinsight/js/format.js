// Number formats: the server says how it formatted the numbers. times.js has the formats of times.

import { config } from "./page.js";

const formats = {}; // ref and kind -> the format that its elements had last, in the order of the page

// Return a function that writes the digits of a text in groups, as Django did in `element`. If it has no format, it stands
// beside another element of its object that has one, and that was visited just before it.
export function formOf({ dataset: { djinsightRef: ref, djinsightStat: stat, djinsightFormat: format } }) {
  const kind = ref + /_at$/.test(stat); // numbers and times have formats of their own
  format = formats[kind] = format || formats[kind] || config.djinsightNumber || ":";
  return (text) => {
    // "3:," is the size of the groups and their separator; "3,2:," is Indian.
    const [sizes, separator] = format.split(/:([^]*)/);
    const left = sizes.split(",");
    let digits = text.replace(/\D/g, "");
    let size, grouped = "";
    while ((size = +left.shift() || size) > 0 && digits.length > size) {
      grouped = separator + digits.slice(-size) + grouped;
      digits = digits.slice(0, -size);
    }
    return digits + grouped;
  };
}
