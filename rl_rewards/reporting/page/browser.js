// The browser of completions: filters, a list, and one completion in detail beside its group. Its state is the page's hash.
const browser = { rows: [], shown: [], first: 0, many: 50, state: {}, focusDetail: false };
const FILTERS = ["run", "mode", "step", "until", "prompt", "group", "reward", "outcome", "low", "high", "a", "b", "q", "sort"];

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return JSON.parse(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text());
}

async function startBrowser() {
  const counts = JSON.parse(document.getElementById("runs").textContent);
  const runs = await unpacked(document.getElementById("rows").textContent);
  browser.runs = runs.map((run, i) => ({ ...run, title: counts[i].name, ranges: rangesOf(run) }));
  browser.rows = browser.runs.flatMap((run, r) => run.name.map((name, i) => ({ run, r, i, name: runs.length > 1 ? `${r + 1}/${name}` : name })));
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

function rangesOf(run) {
  return Object.fromEntries(Object.entries(run.rewards).map(([name, { score }]) => {
    const found = score.filter((value) => value !== null);
    const low = found.reduce((a, b) => Math.min(a, b), Infinity);
    const high = found.reduce((a, b) => Math.max(a, b), -Infinity);
    return [name, { low, width: high > low ? high - low : 1 }];
  }));
}

function options(values, first) {
  return [...(first === undefined ? [] : [new Option(first, "")]), ...values.map((value) => (Array.isArray(value) ? new Option(value[1], value[0]) : new Option(value, value)))];
}

function filtersOf() {
  const field = (title, name, element, kind) => {
    element.id = `filter-${name}`;
    element.addEventListener(element.tagName === "SELECT" ? "change" : "input", () => readFilters());
    return make("label", { class: kind }, title, element);
  };
  const number = () => make("input", { type: "number", step: "any" });
  const several = browser.runs.length > 1;
  const modes = new Set(browser.runs.flatMap((run) => run.train));
  const stepped = browser.rows.some(({ run, i }) => run.step[i] >= 0);
  const outcomes = [...new Set(browser.runs.flatMap((run) => Object.values(run.rewards).flatMap(({ outcome }) => outcome)))].filter((code) => code >= 0).map((code) => browser.runs[0].outcomes[code]);
  const sorts = [["", "order of the run"], ["total", "lowest total"], ["-total", "highest total"], ["-disagreement", "largest disagreement"], ["-length", "longest"], ["length", "shortest"], ["-advantage", "highest advantage"], ["advantage", "lowest advantage"]];
  const form = make("form", { class: "filters", role: "search", "aria-label": "Filter the completions", on: { submit: (event) => event.preventDefault() } },
    field("Search the texts", "q", make("input", { type: "search", placeholder: "completion, prompt, reason" }), "search"),
    several ? field("Run", "run", make("select", {}, options(browser.runs.map(({ title }, i) => [i + 1, title]), "all"))) : null,
    modes.size > 1 ? field("Mode", "mode", make("select", {}, options([["train", "training"], ["eval", "evaluation"]], "all"))) : null,
    stepped ? field("From step", "step", number()) : null,
    stepped ? field("To step", "until", number()) : null,
    field("Prompt", "prompt", make("input", { type: "text", placeholder: "its id or text" })),
    field("Reward", "reward", make("select", {}, options(browser.rewards, "total"))),
    field("Score from", "low", number()),
    field("Score to", "high", number()),
    field("Outcome", "outcome", make("select", {}, options([...outcomes, ["failed", "failed, any"]], "any"))),
    field("Sort by", "sort", make("select", {}, options(sorts))),
    browser.rewards.length > 1 ? field("Disagreement of", "a", make("select", {}, options(browser.rewards))) : null,
    browser.rewards.length > 1 ? field("and", "b", make("select", {}, options(browser.rewards))) : null,
    make("button", { type: "button", id: "clear", on: { click: () => { browser.state = {}; writeHash(); showState(); } } }, "Clear filters"));
  return form;
}

function readFilters() {
  const { row } = browser.state;
  browser.state = row ? { row } : {};
  for (const name of FILTERS) {
    const value = document.getElementById(`filter-${name}`)?.value;
    if (value && !(["a", "b"].includes(name) && !/disagreement/.test(document.getElementById("filter-sort").value))) browser.state[name] = value;
  }
  [browser.first, browser.many] = [0, 50];
  writeHash();
  list();
}

function writeHash() {
  const text = new URLSearchParams(browser.state).toString();
  history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
}

function readHash(first) {
  if (!location.hash.includes("=")) {
    if (first) showState();
    return;
  }
  const { row: before } = browser.state;
  browser.state = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  if (browser.state.step && browser.state.view && !browser.state.until) browser.state.until = browser.state.step;
  const jump = browser.state.view || (first && browser.state.row);
  delete browser.state.view;
  browser.focusDetail = Boolean(browser.state.row) && browser.state.row !== before && !first;
  showState();
  if (jump) document.getElementById("completions").scrollIntoView();
}

function showState() {
  for (const name of FILTERS) {
    const field = document.getElementById(`filter-${name}`);
    if (!field) continue;
    const wanted = browser.state[name] ?? (name === "b" ? browser.rewards[1] : name === "a" ? browser.rewards[0] : "");
    field.value = wanted;
  }
  list();
  const place = browser.rows.find(({ name }) => name === browser.state.row);
  if (place) detail(place);
  else if (browser.state.row) document.getElementById("detail").replaceChildren(make("p", { class: "muted" }, `The page holds no completion ${browser.state.row}; the record has it if the run does.`));
  else if (browser.shown.length) detail(browser.shown[0]);
  else document.getElementById("detail").replaceChildren();
}

const text = (run, place) => (place < 0 || place === undefined ? null : run.strings[place]);
const scoreOf = ({ run, i }, reward) => (reward ? run.rewards[reward]?.score[i] ?? null : run.total[i]);

function disagreement({ run, i }, a, b) {
  const scaled = (reward) => {
    const score = run.rewards[reward]?.score[i];
    return score === null || score === undefined ? null : (score - run.ranges[reward].low) / run.ranges[reward].width;
  };
  const [first, second] = [scaled(a), scaled(b)];
  return first === null || second === null ? null : Math.abs(first - second);
}

function matches(row, state) {
  const { run, i, r } = row;
  if (state.run && Number(state.run) !== r + 1) return false;
  if (state.mode && (state.mode === "train") !== Boolean(run.train[i])) return false;
  if (state.step && run.step[i] < Number(state.step)) return false;
  if (state.until && run.step[i] > Number(state.until)) return false;
  if (state.group && `${r}/${run.group[i]}` !== state.group) return false;
  if (state.prompt && text(run, run.prompt_id[i]) !== state.prompt && !searched(run, run.prompt[i]).includes(state.prompt.toLowerCase())) return false;
  if (state.low || state.high) {
    const score = scoreOf(row, state.reward);
    if (score === null || (state.low && score < Number(state.low)) || (state.high && score > Number(state.high))) return false;
  }
  if (state.outcome) {
    const rewards = state.reward ? [run.rewards[state.reward]] : Object.values(run.rewards);
    if (!rewards.some((reward) => reward && (state.outcome === "failed" ? reward.isFailed(i) : run.outcomes[reward.outcome[i]] === state.outcome))) return false;
  }
  if (state.q) {
    const wanted = state.q.toLowerCase();
    const places = [run.completion[i], run.prompt[i], run.reasoning[i], ...Object.values(run.rewards).map(({ reason }) => reason[i])];
    if (!places.some((place) => searched(run, place).includes(wanted))) return false;
  }
  return true;
}

function sortKey(state) {
  const name = (state.sort || "").replace("-", "");
  const [a, b] = [state.a || browser.rewards[0], state.b || browser.rewards[1]];
  if (name === "disagreement") return (row) => disagreement(row, a, b);
  if (name === "total") return (row) => scoreOf(row, state.reward);
  if (name === "advantage") return ({ run, i }) => run.advantage[i] ?? run.above[i];
  return ({ run, i }) => run.length[i];
}

function list() {
  const { state } = browser;
  for (const name of ["a", "b"]) {
    const field = document.getElementById(`filter-${name}`);
    if (field) field.parentElement.hidden = !/disagreement/.test(state.sort || "");
  }
  for (const run of browser.runs) {
    for (const reward of Object.values(run.rewards)) {
      reward.failures ??= new Set(reward.failed);
      reward.isFailed ??= (i) => reward.failures.has(i);
    }
  }
  let found = browser.rows.filter((row) => matches(row, state));
  if (state.sort) {
    const key = sortKey(state);
    const sign = state.sort.startsWith("-") ? -1 : 1;
    found = found.map((row) => [key(row), row]).filter(([value]) => value !== null).sort((a, b) => sign * (a[0] - b[0])).map(([, row]) => row);
  }
  browser.shown = found;
  const group = state.group ? make("button", { type: "button", on: { click: () => { delete browser.state.group; writeHash(); list(); } } }, "Show all groups") : null;
  document.getElementById("found").replaceChildren(`${found.length.toLocaleString("en")} of ${browser.rows.length.toLocaleString("en")} completions `, ...(group ? [group] : []));
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

// Messages as turns; text as it is.
function turnsOf(value) {
  if (value === null) return [];
  if (value.startsWith("[{")) {
    try {
      return JSON.parse(value).map((message) => ({ role: String(message.role ?? ""), content: contentOf(message) }));
    } catch { /* a completion that looks like messages, or one that was cut */ }
  }
  return [{ role: "", content: value }];
}

function contentOf(message) {
  const { content } = message;
  const said = typeof content === "string" ? content : Array.isArray(content) ? content.map((part) => part.text ?? JSON.stringify(part)).join("\n") : content === null || content === undefined ? "" : JSON.stringify(content);
  const rest = Object.fromEntries(Object.entries(message).filter(([name, value]) => !["role", "content"].includes(name) && value !== null));
  return Object.keys(rest).length ? `${said}${said ? "\n" : ""}${JSON.stringify(rest, null, 1)}` : said;
}

// A text as it is searched for: small letters, of messages their contents; made once.
function searched(run, place) {
  if (place < 0 || place === undefined) return "";
  run.searched ??= new Map();
  if (!run.searched.has(place)) run.searched.set(place, plain(text(run, place)).toLowerCase());
  return run.searched.get(place);
}

const plain = (value) => (value === null ? "" : turnsOf(value).map(({ content }) => content).join("\n"));

function turns(value, marked) {
  return turnsOf(value).map(({ role, content }) => make("div", { class: "turn" }, role ? make("b", {}, role) : null, make("div", { class: "text" }, marked ? markedText(content, marked) : content)));
}

// The reward whose parsed answer is marked at first: one that is a part of the text, the shortest.
function markable(run, i) {
  const said = plain(text(run, run.completion[i]));
  const found = Object.entries(run.rewards)
    .map(([name, { parsed }]) => [name, parsed ? text(run, parsed[i]) : null])
    .filter(([, part]) => part && said.includes(part));
  return found.sort((a, b) => a[1].length - b[1].length).map(([name]) => name);
}

function partsOf(run, i, reward) {
  const parsed = reward && run.rewards[reward]?.parsed ? text(run, run.rewards[reward].parsed[i]) : null;
  return parsed ? [parsed] : [];
}

function detail(row) {
  const { run, i } = row;
  browser.opened = row.name;
  for (const link of document.querySelectorAll("#list a")) link.dataset.row === row.name ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
  const names = markable(run, i);
  browser.marked = names.includes(browser.marked) ? browser.marked : names[0];
  const completion = make("div", { id: "completion" });
  const mark = () => completion.replaceChildren(...turns(text(run, run.completion[i]), partsOf(run, i, browser.marked)));
  mark();
  const choice = names.length
    ? make("label", {}, "Mark what was parsed by ", make("select", { id: "marked", on: { change: (event) => { browser.marked = event.target.value; mark(); } } }, names.map((name) => new Option(name, name, false, name === browser.marked))))
    : null;
  const here = browser.rows.filter((other) => other.run === run && run.group[i] >= 0 && run.group[other.i] === run.group[i]);
  const total = run.total[i];
  const facts = [["total", total], ["advantage", run.advantage[i]], ["above group", run.above[i]], [run.unit, run.length[i]]];
  const chips = facts.filter(([, value]) => value !== null).map(([name, value]) => make("span", { class: "chip", "data-fact": name, "data-value": value, title: value }, defined(name), ` ${shownNumber(value)}`));
  const copy = make("button", { type: "button", class: "small", on: { click: (event) => copyLink(event.target, row) } }, "Copy link");
  const prompt = make("button", { type: "button", class: "small", on: { click: () => choose({ prompt: text(run, run.prompt_id[i]) }) } }, "All of this prompt");
  const parts = [
    make("h3", { id: "detail-title" }, `${run.title}: ${whereOf(row)}, completion ${run.name[i].split("/").pop()}`),
    make("div", { class: "facts" }, chips, run.scorable[i] ? null : make("span", { class: "outcome failed" }, "left out: a weighted reward failed"), copy, run.prompt_id[i] >= 0 ? prompt : null),
    make("h4", {}, "Prompt"), ...turns(text(run, run.prompt[i])),
    run.references[i] >= 0 && text(run, run.references[i]) !== "{}" ? make("details", {}, make("summary", {}, "Columns of the data"), make("pre", { class: "text" }, pretty(text(run, run.references[i])))) : null,
    run.reasoning[i] >= 0 ? make("details", {}, make("summary", {}, "Reasoning"), make("div", { class: "text" }, text(run, run.reasoning[i]))) : null,
    make("h4", {}, "Completion"), choice, completion,
    make("h4", {}, "Rewards"), rewardTable(run, i),
  ];
  if (here.length > 1) {
    const wanted = `${row.r}/${run.group[i]}`;
    parts.push(make("h4", {}, `Its group: ${here.length} completions to this prompt`), make("button", { type: "button", class: "small", on: { click: () => choose({ group: wanted }) } }, "List this group alone"), members(here, row));
  }
  document.getElementById("detail").replaceChildren(...parts.filter(Boolean));
  paint(document.getElementById("detail"));
  document.querySelector(".member[aria-current]")?.parentElement.scrollTo({ left: document.querySelector(".member[aria-current]").offsetLeft - 4 });
  if (browser.focusDetail) document.getElementById("detail").focus({ preventScroll: innerWidth > 1000 });
  browser.focusDetail = false;
}

function choose(filter) {
  browser.state = { ...filter, ...(browser.state.row ? { row: browser.state.row } : {}) };
  writeHash();
  showState();
}

async function copyLink(button, row) {
  const link = `${location.href.split("#")[0]}#${new URLSearchParams({ row: row.name })}`;
  try {
    await navigator.clipboard.writeText(link);
    button.textContent = "Copied";
  } catch {
    history.replaceState(null, "", `#${new URLSearchParams({ row: row.name })}`);
    button.textContent = "The address bar has it";
  }
}

// A word with its definition on hover and focus, where the page has one.
function defined(name) {
  const id = `def-${name.replace(/[^a-zA-Z0-9]/g, "-")}`;
  return document.getElementById(id) ? make("span", { class: "term", tabindex: "0", "aria-describedby": id }, name) : name;
}

function pretty(value) {
  try { return JSON.stringify(JSON.parse(value), null, 2); } catch { return value; }
}

function rewardTable(run, i) {
  const shown = (value) => make("td", { class: "number", "data-value": value, title: value }, shownNumber(value));
  const whole = plain(text(run, run.completion[i])).trim();
  const words = (value) => make("td", { class: "words" }, value === null ? "–" : value.trim() === whole ? make("span", { class: "muted" }, "the whole response") : make("div", { class: "text" }, value));
  const raw = Object.values(run.rewards).some((reward) => reward.raw);
  const gated = Object.values(run.rewards).some((reward) => reward.gate);
  const parsed = Object.values(run.rewards).some((reward) => reward.parsed);
  const heads = ["reward", "weight", ...(raw ? ["raw"] : []), "score", "outcome", ...(gated ? ["gate"] : []), ...(parsed ? ["parsed"] : [])];
  const lines = [];
  for (const [name, reward] of Object.entries(run.rewards)) {
    const outcome = reward.outcome[i] < 0 ? null : run.outcomes[reward.outcome[i]];
    if (outcome === null) continue;
    const failed = reward.isFailed(i);
    const gate = reward.gate ? { 1: "open", 0: "closed" }[reward.gate[i]] ?? "–" : null;
    lines.push(make("tr", { "data-reward": name }, make("th", { scope: "row" }, name), shown(reward.weight), raw ? shown(reward.raw ? reward.raw[i] : reward.score[i]) : null, shown(reward.score[i]),
      make("td", {}, make("span", { class: `outcome ${failed ? "failed" : outcome}` }, outcome)), gated ? make("td", {}, gate ?? "–") : null,
      parsed ? words(reward.parsed ? text(run, reward.parsed[i]) : null) : null));
    const reason = text(run, reward.reason[i]);
    if (reason !== null) lines.push(make("tr", { class: "reason", "data-reason": name }, make("td", { colspan: heads.length }, make("span", { class: "muted" }, failed ? "error: " : "reason: "), make("span", {}, reason))));
    for (const [component, values] of Object.entries(reward.components)) {
      if (values[i] === null) continue;
      lines.push(make("tr", { class: "component", "data-component": `${name}/${component}` }, make("th", { scope: "row" }, component), make("td", {}), raw ? make("td", {}) : null, shown(values[i]), make("td", { colspan: heads.length - (raw ? 4 : 3) })));
    }
  }
  const table = make("table", { class: "of-reward" }, make("caption", { class: "visually-hidden" }, "Rewards of this completion"), make("thead", {}, make("tr", {}, heads.map((head) => make("th", { scope: "col", class: ["weight", "raw", "score"].includes(head) ? "number" : null }, defined(head))))), make("tbody", {}, lines));
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Rewards of this completion" }, table);
}

// The group side by side; each card has the advantage as a number and as a bar to the left or right.
function members(rows, current) {
  const value = ({ run, i }) => run.advantage[i] ?? run.above[i] ?? 0;
  const most = Math.max(...rows.map((row) => Math.abs(value(row))), 1e-9);
  const cards = rows.map((row) => {
    const { run, i } = row;
    const own = value(row);
    const known = run.advantage[i] !== null;
    const bar = make("i", { class: own < 0 ? "minus" : null });
    bar.style.width = `${(50 * Math.abs(own)) / most}%`;
    bar.style.left = own < 0 ? `${50 - (50 * Math.abs(own)) / most}%` : "50%";
    const numbers = [["total", run.total[i]], [known ? "advantage" : "above group", known ? run.advantage[i] : run.above[i]], ...Object.entries(run.rewards).map(([name, { score }]) => [name, score[i]])];
    return make("article", { class: "member", "aria-current": row === current ? "true" : null, "data-row": row.name },
      make("a", { href: linkOf(row) }, `completion ${run.name[i].split("/").pop()}`),
      make("dl", {}, numbers.flatMap(([name, score]) => [make("dt", {}, name), make("dd", { "data-value": score, title: score }, shownNumber(score))])),
      make("div", { class: "strip", "aria-hidden": "true" }, bar),
      make("div", { class: "text" }, markedText(plain(text(run, run.completion[i])), partsOf(run, i, browser.marked))));
  });
  return make("div", { class: "members", tabindex: "0", role: "region", "aria-label": "Completions of the group" }, cards);
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
