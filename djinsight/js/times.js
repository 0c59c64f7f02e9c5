// Times: Django's date formats, with the names of months and days that the server sends with the format.

const NAMES = { b: 12, E: 12, F: 12, M: 12, N: 12, D: 7, l: 7, a: 2, A: 2, P: 4 }; // number of names for each letter
const parsed = new Map(); // format -> its parsed form

// Return the time `iso` as Django would write it, or undefined if this browser does not know the time zone.
export function formatTime(iso, format) {
  if (!parsed.has(format)) parsed.set(format, parse(format));
  const known = parsed.get(format);
  const ms = Date.parse(iso);
  if (!known || ms !== ms) return;
  const { form, names, offsetOf, zones } = known;
  const offset = offsetOf(ms);
  const zone = zones.get(offset);
  let missing = false;
  const text = form.replace(/\\([^])|[a-zA-Z]/g, (letter, literal) => {
    if (literal !== undefined) return literal;
    const local = { date: new Date(ms + offset * 1000), ms, offset, names: names[letter] };
    if ("eITOZ".includes(letter)) {
      if (isTwice(ms, offset, offsetOf)) return ""; // Django leaves it out for an ambiguous time
      if (letter === "O") return hoursOf(offset, "");
      if (letter === "Z") return offset;
      missing ||= !zone;
      return zone && (letter === "I" ? zone[0] : zone.slice(2));
    }
    return LETTERS[letter] ? LETTERS[letter](local) : letter;
  });
  return missing ? undefined : text;
}

function parse(format) {
  const [zone, form = "", ...rest] = format.slice(1).split(format[0]);
  const names = {};
  for (const letter of form.replace(/\\[^]/g, "")) {
    if (NAMES[letter] && !names[letter]) names[letter] = rest.splice(0, NAMES[letter]);
  }
  const zones = new Map(rest.map((each) => [parseFloat(each), each.slice(each.indexOf(" ") + 1)]));
  const offsetOf = form && offsets(zone);
  return offsetOf && { form, names, offsetOf, zones };
}

// Return a function from a time to the seconds east of UTC, or undefined if this browser does not know `zone`.
function offsets(zone) {
  if (zone && zone == +zone) return () => +zone;
  const two = "2-digit";
  let clock;
  try {
    clock = new Intl.DateTimeFormat("en-u-ca-gregory-nu-latn", {
      timeZone: zone, hour12: false, era: "short", year: "numeric", month: two, day: two, hour: two, minute: two, second: two,
    });
  } catch {
    return;
  }
  return (ms) => {
    const part = {};
    for (const { type, value } of clock.formatToParts(ms)) part[type] = value;
    const local = Date.UTC(part.year, part.month - 1, part.day, part.hour % 24, part.minute, part.second);
    return local / 1000 - Math.floor(ms / 1000);
  };
}

// Return whether the clocks show this time twice, as in the hour after summer time ends.
function isTwice(ms, offset, offsetOf) {
  return [-864e5, 864e5].some((away) => {
    const other = offsetOf(ms + away);
    return other !== offset && offsetOf(ms + (offset - other) * 1000) === other;
  });
}

const pad = (number, digits = 2) => `${number}`.padStart(digits, "0");
const hour12 = ({ date }) => date.getUTCHours() % 12 || 12;
const half = ({ date, names }) => names[date.getUTCHours() > 11 ? 1 : 0];
const month = ({ date, names }) => names[date.getUTCMonth()];
const weekday = ({ date, names }) => names[(date.getUTCDay() + 6) % 7];
const iso = ({ date }) => date.toISOString();
const dayOfYear = (date) => Math.floor((date - Date.UTC(date.getUTCFullYear(), 0, 1)) / 864e5) + 1;

function hoursOf(offset, colon) {
  const minutes = Math.floor(Math.abs(offset) / 60);
  return (offset < 0 ? "-" : "+") + pad(Math.floor(minutes / 60)) + colon + pad(minutes % 60);
}

// Return the Thursday of the week of `date`, which is in the year that the week belongs to.
function thursday(date) {
  return new Date(+date + (3 - ((date.getUTCDay() + 6) % 7)) * 864e5);
}

function shortTime(local) {
  const minutes = local.date.getUTCMinutes();
  return hour12(local) + (minutes ? `:${pad(minutes)}` : "");
}

// The letters of Django's date filter, except those of the time zone.
const LETTERS = {
  a: half,
  A: half,
  b: month,
  c: ({ date, ms, offset }) => {
    const fraction = date.getUTCMilliseconds() ? `.${pad(date.getUTCMilliseconds(), 3)}000` : "";
    return date.toISOString().slice(0, 19) + fraction + hoursOf(offset, ":");
  },
  d: (local) => iso(local).slice(8, 10),
  D: weekday,
  E: month,
  f: shortTime,
  F: month,
  g: hour12,
  G: ({ date }) => date.getUTCHours(),
  h: (local) => pad(hour12(local)),
  H: (local) => iso(local).slice(11, 13),
  i: (local) => iso(local).slice(14, 16),
  j: ({ date }) => date.getUTCDate(),
  l: weekday,
  L: ({ date }) => (new Date(Date.UTC(date.getUTCFullYear(), 1, 29)).getUTCDate() === 29 ? "True" : "False"),
  m: (local) => iso(local).slice(5, 7),
  M: month,
  n: ({ date }) => date.getUTCMonth() + 1,
  N: month,
  o: ({ date }) => thursday(date).getUTCFullYear(),
  P: (local) => {
    const hours = local.date.getUTCHours();
    if (local.date.getUTCMinutes() || hours % 12) return `${shortTime(local)} ${half(local)}`;
    return local.names[hours ? 3 : 2];
  },
  r: ({ date, offset }) => date.toUTCString().slice(0, -3) + hoursOf(offset, ""),
  s: (local) => iso(local).slice(17, 19),
  S: ({ date }) => {
    const day = date.getUTCDate();
    return (day > 10 && day < 14) || day % 10 > 3 ? "th" : ["th", "st", "nd", "rd"][day % 10];
  },
  t: ({ date }) => new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate(),
  u: ({ date }) => `${pad(date.getUTCMilliseconds(), 3)}000`,
  U: ({ ms }) => Math.floor(ms / 1000),
  w: ({ date }) => date.getUTCDay(),
  W: ({ date }) => Math.ceil(dayOfYear(thursday(date)) / 7),
  y: (local) => iso(local).slice(2, 4),
  Y: (local) => iso(local).slice(0, 4),
  z: ({ date }) => dayOfYear(date),
};
