// Number formats: the server sends with each element how it formatted the number. times.js has the formats of times.

// Write digits in groups, as Django does. "3:," is the size of the groups and their separator; "3,2:," is Indian.
export function group(digits, format) {
  const [sizes, separator] = format.split(/:([^]*)/);
  const left = sizes.split(",");
  let size, text = "";
  while ((size = +left.shift() || size) > 0 && digits.length > size) {
    text = separator + digits.slice(-size) + text;
    digits = digits.slice(0, -size);
  }
  return digits + text;
}
