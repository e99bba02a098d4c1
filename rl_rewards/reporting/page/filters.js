// The filters of the completions: the form, what it leaves, and the page's hash, which keeps it.
const FILTERS = ["run", "mode", "step", "until", "prompt", "group", "reward", "outcome", "low", "high", "a", "b", "q", "sort"];
const MOST_GROUPS = 300;

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
    browser.rows.some(({ group }) => group) ? field("Group", "group", make("select", {})) : null,
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
  listGroups();
  list();
}

// The groups that the other filters leave, to choose from; the chosen one in any case.
function listGroups() {
  const field = document.getElementById("filter-group");
  if (!field) return;
  const others = { ...browser.state, group: undefined };
  const left = new Map();
  for (const row of browser.rows) if (row.group && !left.has(row.group) && matches(row, others)) left.set(row.group, row);
  const chosen = browser.state.group;
  const shown = [...left.values()].slice(0, MOST_GROUPS);
  if (chosen && !shown.some(({ group }) => group === chosen)) shown.unshift(...browser.rows.filter(({ group }) => group === chosen).slice(0, 1));
  const title = (row) => `${browser.runs.length > 1 ? `${row.run.title}: ` : ""}${row.run.step[row.i] < 0 ? "" : `${whereOf(row)}, `}group ${row.run.group[row.i]}: ${plain(text(row.run, row.run.prompt[row.i])).replace(/\s+/g, " ").slice(0, 40)}`;
  const more = left.size - MOST_GROUPS;
  field.replaceChildren(...options(shown.map((row) => [row.group, title(row)]), "all"), ...(more > 0 ? [make("option", { disabled: true }, `and ${more.toLocaleString("en")} more: narrow the steps or the prompt`)] : []));
  field.value = chosen ?? "";
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
  listGroups();
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
  if (state.group && row.group !== state.group) return false;
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

// A text as it is searched for: small letters, of messages their contents; made once.
function searched(run, place) {
  if (place < 0 || place === undefined) return "";
  run.searched ??= new Map();
  if (!run.searched.has(place)) run.searched.set(place, plain(text(run, place)).toLowerCase());
  return run.searched.get(place);
}
