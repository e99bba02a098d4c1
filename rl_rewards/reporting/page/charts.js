// Charts are drawn when they come into view, in the theme's colours, and again when the theme changes: one after another, since two drawings
// of one place at a time would leave both in it.
const charts = { data: null, drawn: new Map(), watcher: null, waiting: [], busy: false };

function colourOf(name) {
  const probe = make("span", {});
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function rowsOf(points) {
  const names = Object.keys(points);
  const size = names.length ? points[names[0]].length : 0;
  return Array.from({ length: size }, (_, i) => Object.fromEntries(names.map((name) => [name, points[name][i]])));
}

function configOf() {
  const [ink, muted, line] = ["--ink", "--muted", "--line"].map(colourOf);
  const font = "system-ui, sans-serif";
  const dark = isDark();
  return {
    background: "transparent",
    font,
    view: { stroke: "transparent" },
    axis: { labelColor: muted, titleColor: muted, gridColor: line, domainColor: line, tickColor: line, labelFontSize: 11, titleFontSize: 11, titleFontWeight: "normal", labelFont: font, titleFont: font },
    axisY: { domain: false, ticks: false },
    legend: { labelColor: muted, titleColor: muted, titleFontWeight: "normal", labelFontSize: 11, titleFontSize: 11 },
    text: { color: ink },
    range: {
      heatmap: dark ? ["#1d2c3d", "#1f4e79", "#2f80b7", "#74b9e0", "#e3f3fc"] : ["#eaf2f9", "#b3d1e8", "#6aa7d3", "#2471ab", "#0a3a67"],
      diverging: dark ? ["#f0a060", "#8a5a38", "#232c37", "#2f6c94", "#6fc0f0"] : ["#a84306", "#e6a06c", "#f4f5f7", "#79b2d8", "#065a92"],
    },
  };
}

// The spec of a figure: colours of its series, and values `css:--name`, are the theme's.
function specOf(figure) {
  const colours = figure.colours.map(colourOf);
  const walk = (value, key) => {
    if (Array.isArray(value)) return value.map((each) => walk(each));
    if (typeof value === "string") return value.startsWith("css:") ? colourOf(value.slice(4)) : value;
    if (value === null || typeof value !== "object") return value;
    const copy = Object.fromEntries(Object.entries(value).map(([name, each]) => [name, walk(each, name)]));
    if (key === "color" && copy.field === "series") copy.scale = { domain: figure.series, range: colours };
    if (key === "strokeDash" && copy.field === "series") copy.scale = { domain: figure.series, range: [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3]] };
    if (key === "y" && figure.y && copy.scale && copy.type === "quantitative") copy.scale = { ...copy.scale, domain: figure.y };
    return copy;
  };
  const spec = walk(charts.data.specs[figure.form]);
  if (figure.form === "curve" && figure.series.length > 1) spec.layer[0].mark.opacity = 0.07;
  if (["curve", "lines"].includes(figure.form) && singlePoint(figure.points)) spec.layer.find(({ mark }) => mark.type === "line").mark.point = { size: 45, filled: true };
  return { ...spec, datasets: { points: rowsOf(figure.points) }, config: configOf(), autosize: { type: "fit", contains: "padding" } };
}

// Whether a series has one number, which is no line: what a trainer logs once, at its end.
function singlePoint({ series, mean, value = mean }) {
  const counts = new Map();
  value.forEach((each, i) => { if (each !== null) counts.set(series[i], (counts.get(series[i]) ?? 0) + 1); });
  return [...counts.values()].includes(1);
}

async function drawChart(place) {
  const figure = charts.data.figures[place.dataset.figure];
  if (!figure) return;
  const numbers = figure.points.mean ?? figure.points.value ?? figure.points.share;
  if (!numbers?.some((value) => value !== null)) {
    place.replaceChildren(make("p", { class: "muted" }, "no scores"));
    return;
  }
  const spec = specOf(figure);
  if (figure.form === "matrix") Object.assign(spec, { autosize: { type: "pad" }, width: { step: 56 } });
  charts.drawn.get(place)?.finalize();
  const theme = isDark() ? "dark" : "light";
  const result = await vegaEmbed(place, spec, { ast: true, actions: false, renderer: "canvas", defaultStyle: false, tooltip: { disableDefaultStyle: true, theme: "" } });
  if (!place.isConnected) return result.finalize();
  charts.drawn.set(place, result);
  place.dataset.drawn = theme;
}

async function drawWaiting() {
  if (charts.busy) return;
  charts.busy = true;
  while (charts.waiting.length) {
    const place = charts.waiting.shift();
    try {
      if (place.isConnected) await drawChart(place);
    } catch (error) {
      place.replaceChildren(make("p", { class: "muted" }, `This chart could not be drawn: ${error.message}`));
    }
    await new Promise((wake) => setTimeout(wake));
  }
  charts.busy = false;
}

function watchCharts() {
  charts.watcher?.disconnect();
  for (const result of charts.drawn.values()) result.finalize();
  charts.drawn.clear();
  charts.waiting.length = 0;
  charts.data = JSON.parse(document.getElementById("charts").textContent);
  charts.watcher = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      charts.watcher.unobserve(target);
      charts.waiting.push(target);
    }
    drawWaiting();
  }, { rootMargin: "250px" });
  for (const place of document.querySelectorAll("[data-figure]")) charts.watcher.observe(place);
  for (const place of document.querySelectorAll("[data-table]")) place.addEventListener("toggle", () => fillNumbers(place));
}

function redrawCharts() {
  for (const place of charts.drawn.keys()) if (!charts.waiting.includes(place)) charts.waiting.push(place);
  drawWaiting();
  paint(document);
}

// The table of a chart's numbers, made when it is opened.
function fillNumbers(place) {
  if (!place.open || place.querySelector("table")) return;
  const figure = charts.data.figures[place.dataset.table];
  const names = Object.keys(figure.points).filter((name) => name !== "order");
  const rows = rowsOf(figure.points);
  const cell = (value) => make("td", typeof value === "number" ? { class: "number", "data-value": value } : {}, value === null ? "–" : typeof value === "number" ? shownNumber(value) : String(value));
  const body = rows.slice(0, 1000).map((row) => make("tr", {}, names.map((name) => cell(row[name]))));
  const head = make("thead", {}, make("tr", {}, names.map((name) => make("th", { scope: "col" }, name))));
  const table = make("table", {}, make("caption", { class: "visually-hidden" }, figure.title), head, make("tbody", {}, body));
  place.append(make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": figure.title }, table));
  if (rows.length > 1000) place.append(make("p", { class: "note" }, `The first 1,000 of ${rows.length.toLocaleString("en")} numbers.`));
}

function shownNumber(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const shown = Number.isInteger(value) ? value.toLocaleString("en") : Math.abs(value) >= 0.01 ? value.toLocaleString("en", { minimumFractionDigits: 3, maximumFractionDigits: 3 }) : value.toPrecision(2);
  return shown.replace("-", "\u2212");
}

// Colours and widths that come with the data: the page's policy allows no style attributes.
function paint(root) {
  for (const key of root.querySelectorAll("[data-colour]")) key.style.background = `var(${key.dataset.colour})`;
  for (const part of root.querySelectorAll("[data-share]")) part.style.width = `${100 * Number(part.dataset.share)}%`;
}
