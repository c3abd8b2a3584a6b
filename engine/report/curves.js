// One variable against the step: median and band over the seeds, at the chosen point of every optimizer. Dragging chooses a range of steps.

const STATISTICS = {
  runs: "line: median over the seeds, band: from 25 to 75 %",
  quantiles: "line: median over all seeds, band: from 25 to 75 %, as stored",
  mean: "line: mean over all seeds",
  "mean and standard deviation": "line: mean over all seeds, band: one standard deviation to each side",
};

function drawn() {
  return shown().filter((g) => groups[g].curves[state.variable]).map((g) => ({ g, parts: groups[g].curves[state.variable][state.point[g]] }));
}

// What is subtracted before a logarithm: nothing if all is positive, else the lowest value.
function offset(curves) {
  const values = curves.flatMap(({ parts }) => parts.flatMap(known));
  const low = lowest(values);
  return element("y-scale").value === "log" && low < 0 ? low : 0;
}

// A closed outline for every stretch of steps on which both edges are numbers.
function outline(x, low, high) {
  const made = [[], []];
  for (let k = 0; k < x.length; k++) {
    if (low[k] === null || high[k] === null) continue;
    let end = k;
    while (end + 1 < x.length && low[end + 1] !== null && high[end + 1] !== null) end++;
    const stretch = Array.from({ length: end - k + 1 }, (_, j) => k + j), back = [...stretch].reverse();
    made[0].push(...stretch.map((j) => x[j]), ...back.map((j) => x[j]), x[k], null);
    made[1].push(...stretch.map((j) => high[j]), ...back.map((j) => low[j]), high[k], null);
    k = end;
  }
  return made;
}

function curveTraces(curves) {
  const shift = offset(curves), log = element("y-scale").value === "log", from = element("x-scale").value === "log" && data.steps[0] === 0 ? 1 : 0;
  const x = data.steps.slice(from);
  const value = (v) => (v === null || (log && v - shift <= 0) ? null : v - shift);
  return curves.flatMap(({ g, parts }) => {
    const [middle, low, high] = parts.map((part) => part.slice(from).map(value));
    const name = safe(groups[g].name), made = [];
    if (low) {
      const [bx, by] = outline(x, low, high);
      made.push({ x: bx, y: by, fill: "toself", fillcolor: faint(colour(g), 0.2), line: { width: 0 }, mode: "lines", hoverinfo: "skip", name, meta: `band-${g}` });
    }
    made.push({ x, y: middle, mode: x.length > 1 ? "lines" : "markers", line: { color: colour(g), width: 2, dash: dash(g) }, marker: { color: colour(g) }, name, hovertemplate: HOVER, meta: `group-${g}` });
    return made;
  });
}

// The values of the steps in view, with a margin, as a range of the axis.
function fitted(traces) {
  const [low, high] = state.range || [-Infinity, Infinity], values = [];
  for (const { x, y } of traces) for (let k = 0; k < x.length; k++) if (x[k] !== null && x[k] >= low && x[k] <= high && y[k] !== null) values.push(y[k]);
  if (!values.length) return undefined;
  const of = element("y-scale").value === "log" ? Math.log10 : (v) => v;
  const bottom = of(lowest(values)), top = of(highest(values)), room = 0.05 * (top - bottom) || 0.05 * Math.abs(top) || 1;
  return [bottom - room, top + room];
}

const onAxis = (step) => (element("x-scale").value === "log" ? Math.log10(Math.max(step, 1)) : step);
const offAxis = (place) => (element("x-scale").value === "log" ? 10 ** place : place);

function drawCurves() {
  const curves = drawn(), traces = curveTraces(curves), shift = offset(curves);
  const ends = state.range || [data.steps[0], data.steps[data.steps.length - 1]];
  const title = shift ? `${state.variable} above its lowest, ${short(shift)}` : state.variable;
  const xaxis = axis("step", { type: element("x-scale").value, range: ends.map(onAxis), rangeslider: { visible: true, thickness: 0.09, bordercolor: ink("line"), borderwidth: 1 } });
  const yaxis = axis(title, { type: element("y-scale").value, range: fitted(traces), fixedrange: true });
  Plotly.react(element("curves"), traces, layout({ xaxis, yaxis, dragmode: "zoom", hovermode: "closest", shapes: stepMark() }), CONFIG);
  element("from").value = Math.round(ends[0]);
  element("to").value = Math.round(ends[1]);
  const text = (data.variables.find((v) => v.key === state.variable) || { text: "" }).text;
  const kinds = new Set(curves.map(({ g }) => STATISTICS[groups[g].statistic[state.variable]]));
  const losses = ["loss", "average_loss"].includes(state.variable) ? "A run that diverged counts as infinite, so a line ends where the median run diverged." : "Runs that diverged are left out from then on.";
  element("curves-note").textContent = [
    text ? `${state.variable}: ${text}.` : "", `Each ${[...kinds].join("; ")}.`, losses,
    "Drag across the figure, or move the handles below it, to choose a range of steps; the figure above then shows that range, too.",
    !pictured && data.variables.length < 2 ? `No landscape: ${data.lands[state.land].why}.` : "",
  ].join(" ");
}

function stepMark() {
  return [{ type: "line", xref: "x", yref: "paper", x0: frames[state.frame], x1: frames[state.frame], y0: 0, y1: 1, line: { color: ink("soft"), width: 1, dash: "dot" } }];
}

function markStep() {
  if (data.variables.length) Plotly.relayout(element("curves"), { shapes: stepMark() });
}

function setRange(range) {
  const all = [data.steps[0], data.steps[data.steps.length - 1]];
  if (range) range = [Math.max(all[0], Math.min(...range)), Math.min(all[1], Math.max(...range))];
  state.range = !range || range[0] >= range[1] || (range[0] <= all[0] && range[1] >= all[1]) ? null : range;
  drawCurves();
  drawLandscape();
}

// Logarithmic, too, where signs differ and most values crowd at the bottom.
function automaticScale() {
  const values = drawn().flatMap(({ parts }) => parts.flatMap(known)).sort((a, b) => a - b), low = values[0];
  const crowded = low < 0 && values[values.length - 1] - low > 15 * (values[Math.floor(values.length / 2)] - low);
  element("y-scale").value = crowded || wantsLog(values) ? "log" : "linear";
}

function setUpCurves() {
  element("curves-section").hidden = !data.variables.length;
  fill(element("variable"), data.variables.map((v) => [v.key, v.key]), state.variable);
  element("x-scale").value = data.logSteps ? "log" : "linear";
  automaticScale();
  element("variable").addEventListener("change", () => {
    state.variable = element("variable").value;
    automaticScale();
    drawCurves();
  });
  for (const id of ["x-scale", "y-scale"]) element(id).addEventListener("change", drawCurves);
  for (const id of ["from", "to"]) element(id).addEventListener("change", () => setRange([Number(element("from").value), Number(element("to").value)]));
  element("whole").addEventListener("click", () => setRange(null));
  Plotly.newPlot(element("curves"), [], layout({}), CONFIG);
  element("curves").on("plotly_relayout", (change) => {
    if (change["xaxis.autorange"]) return setRange(null);
    const range = change["xaxis.range"] || (change["xaxis.range[0]"] !== undefined ? [change["xaxis.range[0]"], change["xaxis.range[1]"]] : null);
    if (range) setRange(range.map((place) => offAxis(Number(place))));
  });
}
