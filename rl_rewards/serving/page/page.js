// Every text of a response is put in as text, never as markup: `make` and `markedText` come with the page.
const at = (id) => document.getElementById(id);
let rows = [];
let rubrics = [];

function show(error) {
  at("error").textContent = error ? String(error) : "";
}

async function call(path, body) {
  const headers = { "content-type": "application/json" };
  if (at("key").value) headers.authorization = `Bearer ${at("key").value}`;
  const reply = await fetch(path, body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) });
  const answer = await reply.json();
  if (!reply.ok) {
    const { message, pointer } = answer.error;
    throw new Error(`${reply.status}: ${pointer ? pointer + ": " : ""}${message}`);
  }
  return answer;
}

async function loadRubrics() {
  const before = at("rubric").value;
  rubrics = (await call("v1/rubrics")).rubrics;
  at("rubric").replaceChildren(...rubrics.map(({ name }) => new Option(name, name, false, name === before)));
  chooseRubric();
}

function chooseRubric() {
  const rubric = rubrics.find(({ name }) => name === at("rubric").value);
  if (!rubric) return;
  at("columns").textContent = rubric.columns.length ? `The rubric reads the column${rubric.columns.length > 1 ? "s" : ""} ${rubric.columns.join(", ")}.` : "The rubric reads no columns.";
  if (!at("sample").value) {
    const row = { messages: [{ role: "user", content: "What is 40 + 2?" }, { role: "assistant", content: "<answer>42</answer>" }] };
    for (const column of rubric.columns) row[column] = "42";
    at("sample").value = JSON.stringify(row, null, 2);
  }
}

function cell(value, kind) {
  const shown = value === null || value === undefined ? "-" : typeof value === "string" ? value : JSON.stringify(value);
  return make("td", { class: kind }, shown);
}

const line = (kind, ...cells) => make("tr", { class: kind }, cells);

function responseOf(row) {
  if (typeof row.completion === "string") return row.completion;
  if (typeof row.response === "string") return row.response;
  const turns = row.messages || row.conversation || row.completion || [];
  const last = (Array.isArray(turns) ? turns : []).filter(({ role }) => role === "assistant").pop();
  return last && typeof last.content === "string" ? last.content : "";
}

function draw(row, result, weights) {
  const failed = Object.keys(weights).filter((name) => weights[name] && result.scores[name] === null && result.outcomes[name] !== "skipped");
  const without = failed.length ? `No score: ${failed.join(", ")} failed.` : "No score: no reward applies to this row.";
  at("total").textContent = result.score === null ? without : `Total: ${result.score}`;
  const lines = [];
  for (const [name, score] of Object.entries(result.scores)) {
    lines.push(line("reward", cell(name), cell(score, "number"), cell(weights[name], "number"), make("td", {}, make("span", { class: `outcome ${result.outcomes[name]}` }, result.outcomes[name])), cell(result.parsed[name]), cell(result.reasons[name])));
    for (const part of result.components[name]) {
      lines.push(line("component", cell(`${name}/${part.name}`), cell(part.score, "number"), cell(""), cell(""), cell(""), cell(part.reason || "")));
    }
  }
  at("rewards").tBodies[0].replaceChildren(...lines);
  at("rewards").hidden = at("response-title").hidden = false;
  at("response").replaceChildren(...markedText(responseOf(row), Object.values(result.parsed)));
}

function sampleRow() {
  try {
    return JSON.parse(at("sample").value);
  } catch (error) {
    throw new Error(`The sample must be a row as JSON: ${error.message}`);
  }
}

async function score() {
  show("");
  at("total").textContent = "";
  at("rewards").hidden = at("response-title").hidden = true; // a result beside another sample's mistake would be taken for that sample's
  at("response").replaceChildren();
  try {
    const row = sampleRow();
    const answer = await call("v1/score", { rubric: at("rubric").value, samples: [row] });
    draw(row, answer.results[0], answer.weights);
  } catch (error) {
    show(error.message);
  }
}

function chooseRow() {
  const place = Math.min(Math.max(Number(at("row").value) || 1, 1), rows.length);
  at("sample").value = JSON.stringify(rows[place - 1], null, 2);
}

async function openFile() {
  show("");
  try {
    const text = await at("file").files[0].text();
    const start = text.trimStart()[0];
    rows = start === "[" ? JSON.parse(text) : text.split("\n").filter((each) => each.trim()).map((each) => JSON.parse(each));
    at("rows").textContent = rows.length;
    at("row").max = rows.length;
    at("row").value = 1;
    at("picker").hidden = false;
    chooseRow();
  } catch (error) {
    show(`The file must be JSON or JSONL: ${error.message}`);
  }
}

at("score").addEventListener("click", score);
at("file").addEventListener("change", openFile);
at("row").addEventListener("change", chooseRow);
at("rubric").addEventListener("change", chooseRubric);
at("key").addEventListener("change", () => loadRubrics().then(() => show(""), (error) => show(error.message)));
loadRubrics().catch((error) => show(error.message));
