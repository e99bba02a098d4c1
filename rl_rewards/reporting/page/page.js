// Theme, definitions on hover, navigation, choices between figures; and a live page that takes itself anew.
function applyTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

function startTheme() {
  const choice = document.getElementById("theme");
  let kept = null;
  try { kept = localStorage.getItem("rl_rewards-theme"); } catch { /* a page from a file may have no storage */ }
  if (["light", "dark"].includes(kept)) choice.value = kept;
  applyTheme(choice.value);
  choice.addEventListener("change", () => {
    applyTheme(choice.value);
    try { localStorage.setItem("rl_rewards-theme", choice.value); } catch { /* as above */ }
    redrawCharts();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawCharts);
}

// Definitions: on hover, on focus, and by a tap; Escape closes.
function startHints() {
  const hint = make("div", { id: "hint", role: "tooltip", hidden: true });
  document.body.append(hint);
  const hide = () => { hint.hidden = true; };
  const show = (event) => {
    const term = event.target.closest?.(".term");
    const text = term && document.getElementById(term.getAttribute("aria-describedby"));
    if (!text) return hide();
    hint.textContent = text.textContent;
    hint.hidden = false;
    const box = term.getBoundingClientRect();
    const left = Math.max(8, Math.min(box.left, innerWidth - hint.offsetWidth - 12));
    const below = box.bottom + hint.offsetHeight + 10 < innerHeight;
    hint.style.left = `${left + scrollX}px`;
    hint.style.top = `${(below ? box.bottom + 6 : box.top - hint.offsetHeight - 6) + scrollY}px`;
  };
  for (const name of ["mouseover", "focusin", "click"]) document.addEventListener(name, show);
  document.addEventListener("focusout", hide);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
}

function startNavigation() {
  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const seen = new Set();
  const watcher = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) seen[isIntersecting ? "add" : "delete"](target.id);
    const first = [...links.keys()].find((id) => seen.has(id));
    for (const [id, link] of links) id === first ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
  }, { rootMargin: "-15% 0px -60% 0px" });
  for (const id of links.keys()) watcher.observe(document.getElementById(id));
}

function startChoices() {
  for (const choice of document.querySelectorAll("[data-choice]")) {
    choice.addEventListener("change", () => {
      for (const part of document.querySelectorAll(`[data-of="${choice.dataset.choice}"]`)) part.hidden = part.dataset.choiceValue !== choice.value;
    });
  }
}

function startPage() {
  paint(document);
  watchCharts();
  startNavigation();
  startChoices();
  return startBrowser();
}

// A live page: the server's `version` changes with the run; the page's own parts are then replaced by the new ones.
async function renew() {
  const reply = await fetch(location.pathname, { cache: "no-store" });
  if (!reply.ok) throw new Error(`${reply.status}`);
  const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
  const choices = [...document.querySelectorAll("[data-choice]")].map((choice) => [choice.dataset.choice, choice.value]);
  const open = [...document.querySelectorAll("main details[open] > summary")].map((summary) => summary.textContent);
  for (const id of ["charts", "runs", "rows"]) document.getElementById(id).textContent = fresh.getElementById(id).textContent;
  document.querySelector(".layout").replaceWith(document.importNode(fresh.querySelector(".layout"), true));
  for (const summary of document.querySelectorAll("main details > summary")) if (open.includes(summary.textContent)) summary.parentElement.open = true;
  await startPage();
  for (const [name, value] of choices) {
    const choice = document.querySelector(`[data-choice="${name}"]`);
    if (choice && [...choice.options].some((option) => option.value === value)) {
      choice.value = value;
      choice.dispatchEvent(new Event("change"));
    }
  }
}

async function follow() {
  const state = document.getElementById("live");
  let version = null;
  for (;;) {
    try {
      const reply = await fetch("version", { cache: "no-store" });
      const now = await reply.text();
      if (version !== null && now !== version) await renew();
      version = now;
      state.textContent = "live";
    } catch {
      state.textContent = "the server does not answer";
    }
    await new Promise((wake) => setTimeout(wake, 2000));
  }
}

startTheme();
startHints();
startPage().then(() => document.documentElement.setAttribute("data-ready", ""));
if (document.body.hasAttribute("data-live")) follow();
