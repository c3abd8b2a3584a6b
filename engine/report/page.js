"use strict";
// What is chosen (`state`), the controls, the theme, and the list of optimizers. The other files draw a section each.
// Nothing that a study's author wrote becomes HTML: elements get `textContent`, figures get `safe(text)`.

const whole = JSON.parse(document.getElementById("data").textContent); // of a study of stages with a page a stage
const data = whole.pages && Object.hasOwn(whole.pages, location.hash.slice(1)) ? whole.pages[location.hash.slice(1)] : whole;
const overview = Boolean(data.pages); // of stages: no figures but the tree's
const groups = data.groups;
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "ink"]; // Okabe and Ito's, as in thalweg plot
const DASHES = ["solid", "dash", "dot", "dashdot"];
const UNFINISHED = 0, DIVERGED = 2; // positions in a point's `runs`

const state = {
  hidden: new Set(),
  point: [], // of each group, which point of its sweep is shown
  land: 0,
  frame: 0, // position in `frames`
  range: null, // [first, last] step that is looked at; null is the whole run
  variable: data.variables.length ? data.variables[0].key : "",
};
const landOf = (g, p) => (data.landOf ? data.landOf[g][p] : 0);
const frames = data.lands.some((land) => !land.why) ? data.trackSteps : data.steps;

const element = (id) => document.getElementById(id);
const safe = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const colour = (g) => (COLOURS[g % COLOURS.length] === "ink" ? ink("ink") : COLOURS[g % COLOURS.length]);
const dash = (g) => DASHES[Math.floor(g / COLOURS.length) % DASHES.length];
const faint = (hex, alpha) => hex + Math.round(255 * alpha).toString(16).padStart(2, "0");
const shown = () => groups.map((_, g) => g).filter((g) => !state.hidden.has(g));
const known = (values) => values.filter((v) => v !== null && v !== undefined);
const lowest = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);
const highest = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);

// A number for people: four digits, a power of ten only where it is shorter.
function short(value) {
  if (value === null || value === undefined || value === "") return "";
  const number = Number(value);
  if (!Number.isFinite(number)) return String(value);
  if (Number.isInteger(number) && Math.abs(number) < 1e6) return String(number);
  const size = Math.abs(number);
  return size !== 0 && (size < 1e-3 || size >= 1e6) ? number.toExponential(3).replace(/\.?0+e/, "e") : String(Number(number.toPrecision(4)));
}

function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function fill(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => make("option", { value, textContent: text })));
  if (chosen !== undefined) select.value = chosen;
}

// Points of a sweep: the last dimension runs fastest.
const sizes = (g) => groups[g].dims.map((dim) => dim.fields[0].values.length);
function placesOf(g, p) {
  const places = [];
  for (const size of sizes(g).reverse()) {
    places.unshift(p % size);
    p = Math.floor(p / size);
  }
  return places;
}
const pointAt = (g, places) => sizes(g).reduce((p, size, k) => p * size + places[k], 0);

// The best point on a landscape: of its first problem there, where the start or the noise is swept, too.
function bestOn(g, land) {
  const first = groups[g].points.findIndex((_, p) => landOf(g, p) === land);
  return first < 0 ? state.point[g] : bestNear(g, first);
}
const bestNear = (g, p) => (groups[g].bests ? groups[g].bests[p] : p); // of the same problem

function start() {
  state.point = groups.map(() => 0);
  state.land = landOf(0, 0);
  state.point = groups.map((_, g) => bestOn(g, state.land));
  state.frame = frames.length - 1;
}

function choose(g, p) {
  state.point[g] = p;
  state.land = landOf(g, p);
  element("land").value = state.land;
  drawAll();
}

// Figures share these looks.
const CONFIG = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };
const HOVER = "%{fullData.name}<br>%{x:.6~g}, %{y:.5~g}<extra></extra>";
function axis(title, more = {}) {
  return { title: { text: safe(title), standoff: 8 }, gridcolor: ink("line"), linecolor: ink("line"), zerolinecolor: ink("line"), exponentformat: "power", minexponent: 5, separatethousands: true, automargin: true, ...more };
}
function layout(more) {
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: ink("ink"), size: 13 }, showlegend: false,
    margin: { l: 64, r: 16, t: 12, b: 48 }, hoverlabel: { bgcolor: ink("panel"), bordercolor: ink("line"), font: { color: ink("ink") } }, ...more,
  };
}
// Logarithmic where all is positive and spans more than a decade.
function wantsLog(values) {
  const positive = values.filter((v) => v > 0);
  return positive.length > 1 && lowest(values) >= 0 && highest(positive) / lowest(positive) > 10;
}

function ended(g) {
  const point = groups[g].points[state.point[g]], runs = point.runs.reduce((a, b) => a + b, 0);
  const parts = [];
  if (point.final && point.final[1] !== null) {
    parts.push(`final loss ${short(point.final[1])}`);
    if (runs > 1 && point.final[2] !== null) parts[0] += ` (${short(point.final[0])} to ${short(point.final[2])})`;
  } else if (point.final) parts.push(point.runs[UNFINISHED] === runs ? "not run yet" : "diverged");
  const counts = [`${runs.toLocaleString("en")} run${runs > 1 ? "s" : ""}`];
  if (point.runs[DIVERGED]) counts.push(`${point.runs[DIVERGED].toLocaleString("en")} diverged`);
  if (point.runs[UNFINISHED]) counts.push(`${point.runs[UNFINISHED].toLocaleString("en")} not finished`);
  return make("div", { className: "ended" }, parts.join(""), make("small", { textContent: counts.join(", ") }));
}

function swatch(g) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
  const dashes = { solid: "", dash: "8 4", dot: "2 3", dashdot: "8 3 2 3" }[dash(g)];
  for (const [name, value] of Object.entries({ width: 30, height: 10, "aria-hidden": "true" })) svg.setAttribute(name, value);
  for (const [name, value] of Object.entries({ x1: 1, x2: 29, y1: 5, y2: 5, "stroke-width": 3, stroke: colour(g), "stroke-dasharray": dashes })) {
    line.setAttribute(name, value);
  }
  svg.append(line);
  return svg;
}

function drawOptimizers() {
  const focused = document.activeElement && document.activeElement.id;
  element("optimizers").replaceChildren(...groups.map((group, g) => {
    const box = make("input", { type: "checkbox", id: `show-${g}`, checked: !state.hidden.has(g) });
    box.addEventListener("change", () => {
      state.hidden[box.checked ? "delete" : "add"](g);
      drawAll();
    });
    const places = placesOf(g, state.point[g]);
    const selects = group.dims.map((dim, k) => {
      const select = make("select", { id: `point-${g}-${k}` });
      const name = dim.fields.map((field) => field.name).join(", ");
      fill(select, dim.fields[0].values.map((_, at) => [at, dim.fields.map((field) => short(field.values[at])).join(", ")]), places[k]);
      select.addEventListener("change", () => choose(g, pointAt(g, places.map((old, j) => (j === k ? Number(select.value) : old)))));
      return make("label", {}, name, select);
    });
    const best = bestNear(g, state.point[g]);
    if (group.best !== null && selects.length && best !== state.point[g]) {
      const button = make("button", { type: "button", textContent: "best" });
      button.addEventListener("click", () => choose(g, best));
      selects.push(button);
    }
    const title = group.kind && group.kind !== group.name ? make("small", { className: "soft", textContent: group.kind }) : "";
    const row = make("div", { className: `optimizer${state.hidden.has(g) ? " off" : ""}` });
    row.append(make("label", {}, box, swatch(g), make("span", { textContent: `${group.name} ` }), title), make("div", { className: "points" }, ...selects), ended(g));
    return row;
  }));
  if (focused && element(focused)) element(focused).focus();
}

function drawAll() {
  drawDiagram();
  if (overview) return drawTree();
  drawOptimizers();
  drawLandscape();
  drawCurves();
  drawSweep();
  drawProbes();
}

function setTheme(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  element("dark").checked = dark;
}

function setUpTheme() {
  const preference = window.matchMedia("(prefers-color-scheme: dark)");
  setTheme(preference.matches);
  preference.addEventListener("change", (event) => { setTheme(event.matches); drawAll(); });
  element("dark").addEventListener("change", () => { setTheme(element("dark").checked); drawAll(); });
}

function setUp() {
  element("title").textContent = data.title;
  element("source").textContent = data.source;
  element("description").textContent = data.description;
  element("description").hidden = !data.description;
  setUpTheme();
  setUpStages();
  setUpResult();
  setUpFigureData();
  drawTables();
  if (overview) return;
  const notes = [data.unfinished, ...data.notes.map((note) => `Shown here are ${note}.`)].filter(Boolean);
  element("rule").textContent = data.rule ? `Each starts at its best point (${data.rule.replaceAll("best: ", "")}). Counts of runs include all seeds.` : "";
  element("notes").replaceChildren(...notes.map((note) => make("li", { textContent: note })));
  element("notes").hidden = !notes.length;

  start();
  fill(element("land"), data.lands.map((land, k) => [k, land.text || data.kind]), state.land);
  element("land-controls").hidden = data.lands.length < 2;
  element("land").addEventListener("change", () => {
    state.land = Number(element("land").value);
    state.point = groups.map((_, g) => bestOn(g, state.land));
    drawAll();
  });
  setUpLandscape();
  setUpCurves();
  setUpSweep();
  setUpProbes();
  drawAll();
}
