// What probes have stored: a table of single numbers at every step looked at, and of spectra the density.

const probeNow = () => data.probes[Number(element("probe").value)];

function drawProbes() {
  if (!data.probes.length) return;
  const probe = probeNow(), steps = probe.steps.length ? probe.steps : [null];
  const head = ["optimizer", "number", ...steps.map((t) => (t === null ? "" : `step ${t.toLocaleString("en")}`))];
  const rows = shown().flatMap((g) => (probe.groups[g] || []).map(({ name, text, values }, k) => {
    const own = values[state.point[g]];
    const cells = steps.map((_, s) => make("td", { className: "number", textContent: short(own.length > s ? own[s] : "") }));
    return make("tr", {}, make("th", { scope: "row", textContent: k ? "" : groups[g].name }), make("td", { title: text, textContent: name }), ...cells);
  }));
  element("probe-table").replaceChildren(
    make("thead", {}, make("tr", {}, ...head.map((name, k) => make("th", { textContent: name, className: k > 1 ? "number" : "", scope: "col" })))),
    make("tbody", {}, ...rows),
  );
  const left = probe.left ? ` ${probe.left.toLocaleString("en")} more steps are stored.` : "";
  element("probe-note").textContent = `${probe.kind} at stored parameters, at the points chosen above; medians over the reported seeds; what compares runs is shown pair by pair.${left}`;
  drawDensity(probe);
}

// All optimizers at one step, on a logarithmic scale; triangles are the eigenvalues that stand apart.
function drawDensity(probe) {
  for (const id of ["density", "density-controls", "density-note"]) element(id).hidden = !probe.densities;
  if (!probe.densities) return;
  const at = Number(element("density-step").value), traces = [], widths = [], heights = [];
  for (const g of shown()) {
    const own = probe.densities[g], curves = own && own.points[state.point[g]];
    if (!curves || !curves[at]) continue;
    const y = curves[at].map((v) => (v > 0 ? v : null)), name = safe(groups[g].name);
    widths.push(short(own.width));
    traces.push({ x: own.grid, y, mode: "lines", line: { color: colour(g), width: 2, dash: dash(g) }, name, hovertemplate: HOVER, meta: `density-${g}` });
    const near = (x) => own.grid.reduce((best, v, k) => (Math.abs(v - x) < Math.abs(own.grid[best] - x) ? k : best), 0);
    const marks = own.apart[state.point[g]][at], over = marks.map((x) => 1.5 * (y[near(x)] || 0));
    traces.push({ x: marks, y: over, mode: "markers", marker: { color: colour(g), symbol: "triangle-down", size: 8 }, name, hovertemplate: HOVER, meta: `apart-${g}` });
    heights.push(...known(y), ...over.filter((v) => v > 0));
  }
  const marked = traces.flatMap(({ y }, k) => (k % 2 ? y.filter((v) => v > 0) : []));
  const top = highest(heights), bottom = Math.max(Math.min(lowest(marked) / 30, top / 1e3), top / 1e9);
  const yaxis = axis("density", { type: "log", range: heights.length ? [Math.log10(bottom), Math.log10(2 * top)] : undefined });
  Plotly.react(element("density"), traces, layout({ xaxis: axis(`eigenvalue of the ${probe.of}`), yaxis, hovermode: "closest" }), CONFIG);
  element("density-note").textContent = traces.length
    ? `Eigenvalues, or Lanczos nodes with their weights, broadened by a Gaussian of standard deviation ${[...new Set(widths)].join(", ")}, and the mean over the seeds. Triangles: the eigenvalues above the largest ratio of neighbours.`
    : "This page has no density of the points chosen here, only of the best points.";
}

function chooseProbe() {
  const probe = probeNow();
  fill(element("density-step"), probe.steps.map((t, k) => [k, t.toLocaleString("en")]), probe.steps.length - 1);
  drawProbes();
}

function setUpProbes() {
  element("probes-section").hidden = !data.probes.length;
  if (!data.probes.length) return;
  fill(element("probe"), data.probes.map((probe, k) => [k, probe.name === probe.kind ? probe.name : `${probe.name} (${probe.kind})`]), 0);
  element("probe-label").hidden = data.probes.length < 2;
  element("probe").addEventListener("change", chooseProbe);
  element("density-step").addEventListener("change", drawProbes);
  Plotly.newPlot(element("density"), [], layout({}), CONFIG);
  chooseProbe();
}
