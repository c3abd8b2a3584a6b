// A measure of every point of the sweep, across one swept field (lines, all optimizers) or two (a map of one). A click chooses the point.

const MEASURES = [
  ...(groups.some((group) => group.points[0].final) ? [["final", "final loss (median)"]] : []),
  ...data.variables.filter((v) => v.key !== "loss").map((v) => [`last ${v.key}`, `final ${v.key} (median)`]),
  ["diverged", "fraction of runs that diverged"],
];
const dimNames = [...new Set(groups.flatMap((group) => group.dims.filter((dim) => dim.fields[0].values.length > 1).map((dim) => dim.name)))];
const dimAt = (g, name) => groups[g].dims.findIndex((dim) => dim.name === name);

// [middle, 25 %, 75 %] at a point; the last two are missing where there is no band.
function measured(g, p) {
  const measure = element("measure").value, point = groups[g].points[p];
  if (measure === "final") return point.final ? [point.final[1], point.final[0], point.final[2]] : [null];
  if (measure === "diverged") return [point.diverged];
  const curves = groups[g].curves[measure.slice(5)];
  return curves ? curves[p].map((part) => part[part.length - 1]) : [null];
}
const lost = (g, p) => measured(g, p)[0] === null && groups[g].points[p].runs[DIVERGED] > 0;

// The points of a group when these dimensions vary and the others stay at the chosen point.
function pointsAlong(g, name) {
  const k = dimAt(g, name), places = placesOf(g, state.point[g]);
  return groups[g].dims[k].fields[0].values.map((_, at) => pointAt(g, places.map((old, j) => (j === k ? at : old))));
}

const labels = (dim) => dim.fields[0].values.map((_, k) => safe(dim.fields.map((field) => short(field.values[k])).join(", ")));
const numeric = (values) => values.every((v) => typeof v === "number");

function drawSweep() {
  if (!dimNames.length) return;
  const x = element("sweep-x").value, y = element("sweep-y").value, both = y && y !== x;
  const able = groups.map((_, g) => g).filter((g) => dimAt(g, x) >= 0 && (!both || dimAt(g, y) >= 0));
  const picked = Number(element("sweep-group").value);
  fill(element("sweep-group"), able.map((g) => [g, groups[g].name]), able.includes(picked) ? picked : able[0]);
  element("sweep-group-label").hidden = !both;
  if (both && able.length) drawMap(Number(element("sweep-group").value), x, y);
  else drawLines(x);
}

function drawLines(name) {
  const traces = [], all = [];
  const owners = shown().filter((g) => dimAt(g, name) >= 0), plain = owners.every((g) => numeric(groups[g].dims[dimAt(g, name)].fields[0].values));
  const ticks = owners.flatMap((g) => groups[g].dims[dimAt(g, name)].fields[0].values);
  const logX = plain && lowest(ticks) > 0 && highest(ticks) / lowest(ticks) >= 10;
  let crosses = 0;
  for (const g of shown()) {
    const looks = { color: colour(g), width: 2, dash: dash(g) };
    if (dimAt(g, name) < 0) {
      const value = measured(g, state.point[g])[0];
      if (value !== null) {
        all.push(value);
        if (ticks.length && plain) traces.push({ x: [lowest(ticks), highest(ticks)], y: [value, value], mode: "lines", line: { ...looks, width: 1.5 }, opacity: 0.7, name: safe(groups[g].name), hovertemplate: HOVER, meta: `group-${g}` });
      }
      continue;
    }
    const dim = groups[g].dims[dimAt(g, name)], points = pointsAlong(g, name);
    const order = points.map((_, k) => k).sort((a, b) => (plain ? dim.fields[0].values[a] - dim.fields[0].values[b] : a - b));
    const x = order.map((k) => (plain ? dim.fields[0].values[k] : labels(dim)[k])), at = order.map((k) => points[k]);
    const values = at.map((p) => measured(g, p)), middle = values.map((v) => v[0]);
    all.push(...known(values.flat()));
    if (values[0].length > 1 && plain) {
      const [bx, by] = outline(x, values.map((v) => v[1]), values.map((v) => v[2]));
      traces.push({ x: bx, y: by, fill: "toself", fillcolor: faint(colour(g), 0.18), line: { width: 0 }, mode: "lines", hoverinfo: "skip", name: safe(groups[g].name) });
    }
    const chosen = at.map((p) => p === state.point[g]);
    traces.push({
      x, y: middle, customdata: at.map((p) => [g, p]), mode: "lines+markers", line: looks, name: safe(groups[g].name), hovertemplate: HOVER, meta: `group-${g}`,
      marker: { color: colour(g), size: chosen.map((yes) => (yes ? 15 : 8)), line: { color: chosen.map((yes) => (yes ? ink("ink") : ink("page"))), width: chosen.map((yes) => (yes ? 2.5 : 1)) } },
    });
    const gone = at.map((p, k) => k).filter((k) => lost(g, at[k]));
    if (gone.length) {
      crosses += 1;
      traces.push({
        x: gone.map((k) => x[k]), y: gone.map(() => 1 - 0.045 * crosses), yaxis: "y2", customdata: gone.map((k) => [g, at[k]]), mode: "markers", name: safe(groups[g].name), meta: `lost-${g}`,
        hovertemplate: "%{fullData.name}<br>%{x}: the median run diverged<extra></extra>",
        marker: { symbol: "x-thin", size: gone.map((k) => (chosen[k] ? 15 : 9)), line: { color: colour(g), width: 2.5 } },
      });
    }
  }
  const choice = element("sweep-scale").value, log = choice === "log" || (choice === "auto" && wantsLog(all));
  const title = MEASURES.find(([key]) => key === element("measure").value)[1];
  const yaxis = axis(title, { type: log ? "log" : "linear", fixedrange: true });
  if (crosses && all.length) {
    const used = log ? all.filter((v) => v > 0).map(Math.log10) : all, low = lowest(used), high = highest(used), span = high - low || 1;
    yaxis.range = [low - 0.06 * span, high + (0.08 + 0.05 * crosses) * span];
  }
  const more = { xaxis: axis(name, { type: plain ? (logX ? "log" : "linear") : "category" }), yaxis, hovermode: "closest" };
  more.yaxis2 = { overlaying: "y", range: [0, 1], visible: false, fixedrange: true };
  redraw(traces, more);
  note(crosses ? "Crosses at the top: the median run diverged." : "", "Other swept fields stay at each optimizer's chosen point.");
}

function drawMap(g, nameX, nameY) {
  const kx = dimAt(g, nameX), ky = dimAt(g, nameY), dims = groups[g].dims, places = placesOf(g, state.point[g]);
  const at = labels(dims[ky]).map((_, j) => labels(dims[kx]).map((_, i) => pointAt(g, places.map((old, k) => (k === kx ? i : k === ky ? j : old)))));
  const values = at.map((row) => row.map((p) => measured(g, p)[0])), all = known(values.flat());
  const choice = element("sweep-scale").value, log = choice === "log" || (choice === "auto" && wantsLog(all));
  const z = values.map((row) => row.map((v) => (v === null || (log && v <= 0) ? null : log ? Math.log10(v) : v)));
  const title = MEASURES.find(([key]) => key === element("measure").value)[1];
  const x = labels(dims[kx]), y = labels(dims[ky]);
  const map = {
    type: "heatmap", x, y, z, colorscale: "Viridis", xgap: x.length > 20 ? 0.5 : 2, ygap: y.length > 20 ? 0.5 : 2, text: values.map((row) => row.map((v) => (v === null ? "none" : short(v)))), meta: "map",
    colorbar: { title: { text: safe(log ? `log10 of the ${title}` : title), side: "right" }, thickness: 14, outlinewidth: 0, exponentformat: "power" },
    hovertemplate: "%{x}, %{y}: %{text}<extra></extra>", hoverongaps: true,
  };
  const gone = at.flatMap((row, j) => row.map((p, i) => [p, i, j])).filter(([p]) => lost(g, p));
  const crosses = { type: "scatter", mode: "markers", x: gone.map((c) => x[c[1]]), y: gone.map((c) => y[c[2]]), hoverinfo: "skip", marker: { symbol: "x-thin", size: 9, line: { color: ink("soft"), width: 2 } } };
  const frame = { type: "scatter", mode: "markers", x: [x[places[kx]]], y: [y[places[ky]]], hoverinfo: "skip", marker: { symbol: "square-open", size: 20, color: "#000000", line: { width: 6 } } };
  const ring = { type: "scatter", mode: "markers", x: [x[places[kx]]], y: [y[places[ky]]], hoverinfo: "skip", marker: { symbol: "square-open", size: 20, color: "#ffffff", line: { width: 2.5 } } };
  redraw([map, crosses, frame, ring], { xaxis: axis(nameX, { type: "category", showgrid: false }), yaxis: axis(nameY, { type: "category", showgrid: false }) });
  element("sweep").points = { g, at };
  note(gone.length ? "Crosses: the median run diverged." : "", log && all.some((v) => v <= 0) ? "Empty cells: not above 0, which a logarithm cannot show." : "", "The square is the chosen point; other swept fields stay at it.");
}

function redraw(traces, more) {
  element("sweep").points = null;
  Plotly.react(element("sweep"), traces, layout({ ...more, dragmode: false }), { ...CONFIG, displayModeBar: false });
}

function note(...parts) {
  element("sweep-note").textContent = [...parts, "Click on a point to see its curves and trajectories."].filter(Boolean).join(" ");
}

// A study of phases sweeps two numbers of an optimizer or a problem finely: its page opens with the map of the two finest.
const FINE = 5;
function phase() {
  for (const group of groups) {
    const fine = group.dims.filter((dim) => dim.fields[0].values.length >= FINE && numeric(dim.fields[0].values));
    if (fine.length < 2) continue;
    const finest = [...fine].sort((a, b) => b.fields[0].values.length - a.fields[0].values.length).slice(0, 2).map((dim) => dim.name);
    return fine.map((dim) => dim.name).filter((name) => finest.includes(name)).reverse();
  }
  return null;
}

function setUpSweep() {
  element("sweep-section").hidden = !dimNames.length;
  if (!dimNames.length) return;
  fill(element("measure"), MEASURES);
  const map = phase();
  const own = groups.map((group) => group.dims.map((dim) => dim.name).filter((name) => dimNames.includes(name))).find((names) => names.length);
  fill(element("sweep-x"), dimNames.map((name) => [name, name]), map ? map[0] : own[own.length - 1]); // the optimizer's own fields come last
  fill(element("sweep-y"), [["", "nothing else"], ...dimNames.map((name) => [name, name])], map ? map[1] : "");
  if (map) element("optimizers-section").before(element("sweep-section"));
  element("sweep-y").closest("label").hidden = dimNames.length < 2;
  for (const id of ["measure", "sweep-x", "sweep-y", "sweep-group", "sweep-scale"]) element(id).addEventListener("change", drawSweep);
  Plotly.newPlot(element("sweep"), [], layout({}), { ...CONFIG, displayModeBar: false });
  element("sweep").on("plotly_click", (event) => {
    const clicked = event.points.find((point) => point.customdata || point.data.type === "heatmap");
    if (!clicked) return;
    const map = element("sweep").points;
    if (clicked.data.type === "heatmap") choose(map.g, map.at[clicked.pointNumber[0]][clicked.pointNumber[1]]);
    else choose(...clicked.customdata);
  });
}
