// HTTP: views and numbers of a page whose socket does not work.

const MAX_REFS = 100; // objects of a question, of the server

let poll, misses = 0;

const backOff = (tries) => Math.min(60, 2 ** tries) * (500 + Math.random() * 1000);

function request(core, path, body) {
  const url = core.config.djinsightHttp + path;
  return fetch(url, { method: "POST", body, keepalive: true })
    .then((answer) => answer.json())
    .then((frame) => frame.type ? frame : Promise.reject(frame));
}

// Send a view, and again until an answer comes.
export function post(core, view) {
  if (!core.config.djinsightHttp) return;
  view.tries = (view.tries || 0) + 1;
  view.due = Date.now() + 30000; // for an answer that never comes
  request(core, "record-view/", view.frame).then(
    (frame) => {
      core.answered(Object.assign({}, frame, { id: view.id }));
      if (core.polling) ask(core);
      core.tick();
    },
    () => (view.due = Date.now() + backOff(view.tries)),
  );
}

// Ask for the numbers now, or `later`, and then every so often.
export function ask(core, later) {
  const every = Array.from(document.querySelectorAll("[data-djinsight-refresh]"), ({ dataset }) => +dataset.djinsightRefresh);
  const interval = 1000 * Math.min(86400, ...every.filter((seconds) => seconds > 0));
  const wait = every.length ? interval : 30000;
  const again = (ms) => {
    clearTimeout(poll);
    poll = setTimeout(ask, ms, core);
  };
  again(wait);
  const asked = [...core.watched].slice(0, MAX_REFS);
  if (later || !asked.length || !core.config.djinsightHttp) return;
  request(core, "page-stats/", JSON.stringify({ tokens: asked.map(([, token]) => token) }))
    .then(({ counters }) => {
      core.apply(counters);
      misses = 0;
      const refused = asked.filter(([ref]) => !counters.some((counter) => counter.ref === ref));
      if (!refused.length) return;
      core.denied = 1;
      core.refused = core.tokens;
      if (!core.stopped) return;
      core.dead = core.dead || new Set();
      for (const [ref, token] of refused) {
        core.dead.add(token);
        if (core.watched.get(ref) === token) core.watched.delete(ref);
      }
    })
    .catch(() => core.polling && again(Math.min(wait, backOff(++misses))));
}

export function stopAsking() {
  clearTimeout(poll);
}
