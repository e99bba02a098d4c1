// One completion in detail: its texts, its rewards, and its group side by side.
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
  const here = browser.rows.filter(({ group }) => group && group === row.group);
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
    parts.push(make("h4", {}, `Its group: ${here.length} completions to this prompt`), make("button", { type: "button", class: "small", on: { click: () => choose({ group: row.group }) } }, "List this group alone"), members(here, row));
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
