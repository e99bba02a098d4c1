"use strict";
// Elements from texts, which are put in as text, never as markup. Shared by the report and the server's page.
function make(name, attributes, ...content) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...content.flat().filter((each) => each !== null && each !== undefined));
  return made;
}

// A text with its parsed parts marked where they occur last: a parser reads from the end.
function markedText(text, parts) {
  const spans = parts
    .filter((part) => typeof part === "string" && part)
    .map((part) => [text.lastIndexOf(part), part.length])
    .filter(([start]) => start >= 0)
    .map(([start, length]) => [start, start + length])
    .sort((a, b) => a[0] - b[0]);
  const pieces = [];
  let end = 0;
  for (const [from, to] of spans) {
    if (to <= end) continue;
    const start = Math.max(from, end);
    pieces.push(text.slice(end, start), make("mark", {}, text.slice(start, to)));
    end = to;
  }
  pieces.push(text.slice(end));
  return pieces;
}
