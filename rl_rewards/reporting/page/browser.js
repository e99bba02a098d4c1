// The browser of completions: filters, a list, and one completion in detail beside its group. Its state is the page's hash.
const browser = { rows: [], shown: [], first: 0, many: 50, state: {}, focusDetail: false };

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return JSON.parse(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text());
}

async function startBrowser() {
  const counts = JSON.parse(document.getElementById("runs").textContent);
  const runs = await unpacked(document.getElementById("rows").textContent);
  browser.runs = runs.map((run, i) => ({ ...run, title: counts[i].name, ranges: rangesOf(run) }));
  const which = (r) => (runs.length > 1 ? `${r + 1}/` : "");
  browser.rows = browser.runs.flatMap((run, r) => run.name.map((name, i) => ({ run, r, i, name: `${which(r)}${name}`, group: run.group[i] < 0 ? null : `${which(r)}${groupName(run, i)}` })));
  for (const reward of browser.runs.flatMap((run) => Object.values(run.rewards))) {
    const failures = new Set(reward.failed);
    reward.isFailed = (i) => failures.has(i);
  }
  browser.rewards = [...new Set(browser.runs.flatMap((run) => Object.keys(run.rewards)))];
  const said = counts.map(({ name, rows, of }) => {
    const who = counts.length > 1 ? `${name}: ` : "";
    const all = of.toLocaleString("en");
    return rows === of ? `${who}${who ? "all" : "All"} ${all} completions are here.` : `${who}${rows.toLocaleString("en")} of ${all} completions are here, in whole groups: failures, outcomes other than scored and extremes first, the others spread over the steps. Charts and tables count all.`;
  });
  document.getElementById("sampled").textContent = said.join(" ");
  document.getElementById("browser").replaceChildren(filtersOf(), make("p", { class: "found", id: "found", role: "status" }), make("div", { class: "split" }, make("div", { class: "list", id: "list" }), make("div", { class: "detail", id: "detail", role: "region", "aria-label": "Completion", tabindex: "-1" })));
  readHash(true);
}

// A group's name, the same in every report of the run: `train/120/0/3` (mode, step, process, number), or `group/3` of a scored file.
function groupName(run, i) {
  return run.step[i] < 0 && !run.recorded ? `group/${run.group[i]}` : `${run.train[i] ? "train" : "eval"}/${run.step[i]}/${run.rank[i]}/${run.group[i]}`;
}

const text = (run, place) => (place < 0 || place === undefined ? null : run.strings[place]);
const scoreOf = ({ run, i }, reward) => (reward ? run.rewards[reward]?.score[i] ?? null : run.total[i]);

function list() {
  const { state } = browser;
  for (const name of ["a", "b"]) {
    const field = document.getElementById(`filter-${name}`);
    if (field) field.parentElement.hidden = !/disagreement/.test(state.sort || "");
  }
  let found = browser.rows.filter((row) => matches(row, state));
  if (state.sort) {
    const key = sortKey(state);
    const sign = state.sort.startsWith("-") ? -1 : 1;
    found = found.map((row) => [key(row), row]).filter(([value]) => value !== null).sort((a, b) => sign * (a[0] - b[0])).map(([, row]) => row);
  }
  browser.shown = found;
  document.getElementById("found").textContent = `${found.length.toLocaleString("en")} of ${browser.rows.length.toLocaleString("en")} completions`;
  const place = found.findIndex(({ name }) => name === state.row);
  if (place >= 0 && (place < browser.first || place >= browser.first + browser.many)) browser.first = Math.max(0, place - 10);
  browser.first = Math.min(browser.first, Math.max(0, found.length - 1));
  const end = browser.first + browser.many;
  const earlier = browser.first ? make("button", { type: "button", on: { click: () => { browser.many += Math.min(browser.first, 100); browser.first = Math.max(0, browser.first - 100); list(); } } }, `Show earlier (${browser.first.toLocaleString("en")})`) : null;
  const more = found.length > end ? make("button", { type: "button", on: { click: () => { browser.many += 100; list(); } } }, `Show more (${(found.length - end).toLocaleString("en")})`) : null;
  document.getElementById("list").replaceChildren(...[earlier, make("ol", {}, found.slice(browser.first, end).map(item)), more].filter(Boolean));
  const current = document.querySelector("#list a[aria-current]");
  if (current) document.getElementById("list").scrollTop = current.parentElement.offsetTop - 60;
}

function linkOf(row) {
  return `#${new URLSearchParams({ ...browser.state, row: row.name })}`;
}

function whereOf({ run, i }) {
  return run.step[i] < 0 ? `row ${run.name[i].split("/").pop()}` : `${run.train[i] ? "" : "evaluation, "}step ${run.step[i].toLocaleString("en")}`;
}

function item(row) {
  const { run, i } = row;
  const worst = Object.values(run.rewards).map((reward) => [reward.isFailed(i), run.outcomes[reward.outcome[i]]]).find(([failed, outcome]) => failed || outcome !== "scored");
  const badge = worst && worst[1] ? make("span", { class: `outcome ${worst[0] ? "failed" : worst[1]}` }, worst[1]) : null;
  const key = browser.runs.length > 1 ? make("span", { class: "key", "data-colour": `--hue-${row.r % 8}`, title: run.title }) : null;
  const total = run.total[i];
  const link = make("a", { href: linkOf(row), "data-row": row.name, "aria-current": row.name === browser.state.row ? "true" : null },
    make("span", { class: "line" }, make("span", {}, key, whereOf(row)), badge, make("span", { class: "total", "data-value": total, title: `total ${total === null ? "none" : total}` }, shownNumber(total))),
    make("span", { class: "snippet" }, plain(text(run, run.completion[i])).slice(0, 140)));
  const made = make("li", {}, link);
  paint(made);
  return made;
}

function moveBy(step) {
  const place = browser.shown.findIndex(({ name }) => name === browser.opened);
  const next = browser.shown[Math.min(Math.max(place + step, 0), browser.shown.length - 1)];
  if (next) location.hash = linkOf(next);
}

addEventListener("hashchange", () => readHash(false));

addEventListener("keydown", (event) => {
  if (["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "j") moveBy(1);
  if (event.key === "k") moveBy(-1);
  if (event.key === "/" && document.getElementById("filter-q")) {
    event.preventDefault();
    document.getElementById("filter-q").focus();
  }
});
