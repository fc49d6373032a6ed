"use strict";

// Texts beside the pointer: of elements with data-tip, and of the points of plots (data-points).

const tip = document.getElementById("tip");

function show(text, x, y, film, frames) {
  tip.replaceChildren();
  if (film) {
    const window_ = document.createElement("span");
    window_.className = "film playing";
    window_.style.setProperty("--frames", frames);
    const image = document.createElement("img");
    image.src = film;
    image.alt = "";
    window_.append(image);
    tip.append(window_);
  }
  tip.append(text);
  tip.hidden = false;
  const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
  const above = y - tip.offsetHeight - 12;
  tip.style.left = `${Math.max(8, Math.min(x + 12, room))}px`;
  tip.style.top = `${above > 8 ? above : y + 16}px`;
}

function nearest(plot, x, y) {
  const box = plot.getBoundingClientRect();
  plot.points ??= JSON.parse(plot.dataset.points);
  let found = null;
  let least = 20; // pixels
  for (const [across, down, text] of plot.points) {
    const distance = Math.hypot(box.left + across * box.width - x, box.top + down * box.height - y);
    if (distance < least) [least, found] = [distance, text];
  }
  return found;
}

function point(event) {
  const element = event.target.closest?.("[data-tip], [data-points]");
  const plot = element?.closest("[data-points]");
  const text = plot ? nearest(plot, event.clientX, event.clientY) : element?.dataset.tip;
  if (text) show(text, event.clientX, event.clientY, element.dataset.film, element.dataset.frames);
  else tip.hidden = true;
}

document.addEventListener("pointermove", point);
document.addEventListener("pointerdown", point);
document.addEventListener("focusin", (event) => {
  const { tip: text, film, frames } = event.target.dataset;
  const box = event.target.getBoundingClientRect();
  if (text) show(text, box.right, box.top, film, frames);
});
document.addEventListener("scroll", () => (tip.hidden = true), { passive: true });

// Tables that a click on a heading sorts. Rows of the class "fixed" stay where they are.

function columnsOf(head) {
  const columns = new Map();
  const taken = [];
  [...head.rows].forEach((row, down) => {
    let across = 0;
    for (const cell of row.cells) {
      while (taken[down]?.[across]) across++;
      if (cell.colSpan === 1) columns.set(cell, across);
      for (let i = 0; i < cell.rowSpan; i++) {
        taken[down + i] ??= [];
        for (let j = 0; j < cell.colSpan; j++) taken[down + i][across + j] = true;
      }
      across += cell.colSpan;
    }
  });
  return columns;
}

function valueOf(row, column) {
  const cell = row.cells[column];
  const text = (cell?.dataset.value ?? cell?.textContent ?? "").trim();
  const number = parseFloat(text.replace("\u2212", "-"));
  return Number.isNaN(number) ? text.toLowerCase() : number;
}

function compare(a, b) {
  if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
  return typeof a === "number" ? -1 : 1;
}

function sort(table, heading, column) {
  const down = heading.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  const [body] = table.tBodies;
  const sections = [[]]; // rows between two fixed ones are sorted among themselves
  for (const row of body.rows) {
    if (row.classList.contains("fixed")) sections.push([row], []);
    else sections.at(-1).push(row);
  }
  const order = (a, b) => (down ? -1 : 1) * compare(valueOf(a, column), valueOf(b, column));
  body.append(...sections.flatMap((rows) => rows.sort(order)));
}

for (const table of document.querySelectorAll("table.sortable")) {
  for (const [heading, column] of columnsOf(table.tHead)) {
    if (!heading.textContent.trim()) continue;
    heading.tabIndex = 0;
    heading.addEventListener("click", () => sort(table, heading, column));
    heading.addEventListener("keydown", (event) => {
      if (event.key === "Enter") sort(table, heading, column);
    });
  }
}
