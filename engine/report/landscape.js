// The landscape with trajectories and a time slider; of a landscape that has no picture, two variables against each other instead.

const pictured = data.lands.some((land) => !land.why);
const swarming = pictured && data.swarms.some((swarm) => swarm);
let playing = null;

// Height above the lowest value in sight, as it is drawn: its decimal logarithm, down to where the finest grid cell tells nothing any more.
function heights(land) {
  if (element("height").value === "linear") return { of: (v) => v, above: land.above };
  const positive = land.above.flat().filter((v) => v > 0).sort((a, b) => a - b);
  const top = positive.length ? positive[positive.length - 1] : 1;
  const floor = positive.length ? Math.min(Math.max(positive[Math.floor(positive.length / 100)], top * 1e-6), top / 10) : 0.1;
  const of = (v) => (v === null ? null : Math.log10(Math.max(v, floor)));
  return { of, above: land.above.map((row) => row.map(of)) };
}

function colourBar(land, values) {
  const title = land.bottom === 0 ? "loss" : `loss ${land.bottom > 0 ? "\u2212" : "+"} ${short(Math.abs(land.bottom))}`;
  const bar = { title: { text: title, side: "right" }, thickness: 14, outlinewidth: 0, exponentformat: "power" };
  if (element("height").value === "linear") return bar;
  const found = known(values.flat()), low = Math.floor(lowest(found)), high = Math.ceil(highest(found));
  const every = Math.max(1, Math.ceil((high - low) / 8)), ticks = [];
  for (let k = low; k <= high; k += every) ticks.push(...(high - low <= 3 ? [k, k + Math.log10(2), k + Math.log10(5)] : [k]));
  const label = (k) => (k >= -3 && k <= 4 ? String(Number((10 ** k).toPrecision(1))) : `10<sup>${k}</sup>`);
  return { ...bar, tickvals: ticks, ticktext: ticks.map(label) };
}

const along = ([low, high], side) => Array.from({ length: side }, (_, k) => low + ((high - low) * k) / (side - 1));

// The drawn height at a point, linear within a grid cell; null outside the grid.
function heightAt(land, height, x, y) {
  if (x === null || y === null) return null;
  const u = ((x - land.x[0]) / (land.x[1] - land.x[0])) * (land.side - 1), v = ((y - land.y[0]) / (land.y[1] - land.y[0])) * (land.side - 1);
  if (!(u >= 0 && v >= 0 && u <= land.side - 1 && v <= land.side - 1)) return null;
  const i = Math.min(Math.floor(u), land.side - 2), j = Math.min(Math.floor(v), land.side - 2), a = u - i, b = v - j;
  const corners = [height.above[j][i], height.above[j][i + 1], height.above[j + 1][i], height.above[j + 1][i + 1]];
  if (corners.includes(null)) return null;
  return (1 - b) * ((1 - a) * corners[0] + a * corners[1]) + b * ((1 - a) * corners[2] + a * corners[3]);
}

// Groups whose chosen point lies on the landscape in view, with their trajectories there.
function tracks() {
  const found = [];
  for (const g of shown()) {
    const values = data.tracks[g].values;
    if (values && values[state.point[g]] && landOf(g, state.point[g]) === state.land) found.push({ g, seeds: values[state.point[g]].slice(0, Number(element("seeds").value)) });
  }
  return found;
}

// Trajectories up to the slider: all of it where no range of steps is chosen, else that range, with the rest faint.
function cut(seeds, inside) {
  const x = [], y = [];
  for (const [xs, ys] of seeds) {
    for (let k = 0; k <= state.frame; k++) {
      const within = !state.range || (frames[k] >= state.range[0] && frames[k] <= state.range[1]);
      x.push(within === inside ? xs[k] : null);
      y.push(within === inside ? ys[k] : null);
    }
    x.push(null);
    y.push(null);
  }
  return [x, y];
}

function heads(seeds) {
  const ends = seeds.map(([xs, ys]) => {
    let k = Math.min(state.frame, xs.length - 1);
    while (k > 0 && xs[k] === null) k--;
    return [xs[k], ys[k]];
  });
  return [ends.map((end) => end[0]), ends.map((end) => end[1])];
}

// The first seed's particles at the slider's step, at the chosen point of every group that has them there; below all trajectories.
function particles() {
  return shown().filter((g) => element("particles").checked && landOf(g, state.point[g]) === state.land).flatMap((g) => {
    const held = data.swarms[g] && data.swarms[g].values[state.point[g]];
    return held ? [{ g, part: "swarm", ends: held[state.frame] }] : [];
  });
}

// Three traces a group, of which the slider changes nothing but the coordinates: faint part, line, ends. Swarms are one trace a group.
function moving(land, height) {
  const deep = element("view").value === "surface", lift = deep ? 0.02 * spanOf(height.above) : 0;
  const lines = tracks().flatMap(({ g, seeds }) => [cut(seeds, false), cut(seeds, true), heads(seeds)].map((ends, part) => ({ g, part, ends })));
  return [...particles(), ...lines].map(({ g, part, ends: [x, y] }) => {
    const z = deep ? x.map((value, k) => { const h = heightAt(land, height, value, y[k]); return h === null ? null : h + lift; }) : undefined;
    return { g, part, x, y, z };
  });
}

function spanOf(rows) {
  const found = known(rows.flat());
  return found.length ? highest(found) - lowest(found) : 1;
}

function trace({ g, part, x, y, z }) {
  const made = { x, y, name: safe(groups[g].name), hovertemplate: HOVER, meta: `group-${g}` };
  if (part === "swarm") Object.assign(made, { mode: "markers", marker: { color: colour(g), size: z ? 2.5 : 5, line: { color: ink("page"), width: 0.5 } }, opacity: 0.7, meta: `swarm-${g}` });
  else if (part === 2) Object.assign(made, { mode: "markers", marker: { color: colour(g), size: z ? 4 : 9, line: { color: ink("page"), width: 1 } } });
  else Object.assign(made, { mode: "lines", line: { color: colour(g), width: part ? (z ? 5 : 2) : 1, dash: dash(g) }, opacity: part ? 1 : 0.35, connectgaps: false });
  return z ? { ...made, type: "scatter3d", z } : { ...made, type: "scatter" };
}

function drawLandscape() {
  if (!pictured) return drawPlane();
  const land = data.lands[state.land], figure = element("landscape");
  element("landscape-note").textContent = landscapeNote(land);
  figure.hidden = Boolean(land.why);
  if (land.why) return;
  const height = heights(land), view = element("view").value, deep = view === "surface";
  const x = along(land.x, land.side), y = along(land.y, land.side);
  const scale = [[0, ink("low")], [1, ink("high")]];
  const ground = { x, y, z: height.above, colorscale: scale, colorbar: colourBar(land, height.above), hoverinfo: "skip", name: "loss" };
  if (deep) Object.assign(ground, { type: "surface", contours: { z: { show: true, color: ink("soft"), width: 1 } }, lighting: { diffuse: 0.5, ambient: 0.7, specular: 0.05 } });
  else if (view === "map") Object.assign(ground, { type: "heatmap", zsmooth: "best" });
  else Object.assign(ground, { type: "contour", ncontours: 20, line: { color: ink("soft"), width: 0.4 } });
  const stars = { x: land.minima.map((m) => m.at[0]), y: land.minima.map((m) => m.at[1]), mode: "markers", name: "minimum", hovertemplate: HOVER };
  const starts = tracks().flatMap(({ seeds }) => seeds.map(([xs, ys]) => [xs[0], ys[0]]));
  const squares = { x: starts.map((s) => s[0]), y: starts.map((s) => s[1]), mode: "markers", name: "start", hovertemplate: HOVER };
  for (const [points, symbol, fillColour, size] of [[stars, deep ? "diamond" : "star", "#F0E442", 13], [squares, "square", ink("ink"), 7]]) {
    Object.assign(points, { marker: { symbol, color: fillColour, size: deep ? 5 : size, line: { color: symbol === "square" ? ink("page") : "#000000", width: 1 } } });
    points.type = deep ? "scatter3d" : "scatter";
    if (deep) points.z = points.x.map((value, k) => heightAt(land, height, value, points.y[k]));
  }
  const traces = [ground, stars, squares, ...moving(land, height).map(trace)];
  const [first, second] = land.axes || data.axes;
  const flat = { xaxis: axis(first, { range: land.x, zeroline: false }), yaxis: axis(second, { range: land.y, zeroline: false }), dragmode: "pan" };
  const tall = element("height").value === "log" ? "log10 of the loss above its lowest" : "loss above its lowest";
  const scene = { xaxis: axis(first, { range: land.x }), yaxis: axis(second, { range: land.y }), zaxis: axis(tall), aspectratio: { x: 1.2, y: 1.2, z: 0.6 }, camera: { eye: { x: -1.1, y: -1.5, z: 1.2 }, center: { x: 0, y: 0, z: -0.15 } } };
  if (figure.dataset.view !== view) Plotly.purge(figure);
  figure.dataset.view = view;
  Plotly.react(figure, traces, layout(deep ? { scene, margin: { l: 0, r: 0, t: 0, b: 0 }, uirevision: "surface" } : { ...flat, uirevision: `${view} ${state.land}` }), { ...CONFIG, scrollZoom: true });
}

function landscapeNote(land) {
  if (land.why) return `No picture: ${land.why}.`;
  const what = new Set(tracks().map(({ g }) => data.tracks[g].what));
  const seeds = Math.max(0, ...tracks().map((track) => track.seeds.length));
  const plane = land.axes ? ", on the plane of the trajectories' principal directions through the end of the best; trajectories are projected onto it" : "";
  const parts = [`${data.kind}${land.text ? ` (${land.text})` : ""}${plane}. Squares: starts; dots: the slider's step${land.minima.length ? "; stars: minima" : ""}.`];
  if (what.has("seeds")) parts.push(`${seeds === 1 ? "The first seed" : `The first ${seeds} seeds`} of ${data.seeds.toLocaleString("en")}.`);
  for (const other of what) if (other !== "seeds") parts.push(`The line is ${other}; no single runs are stored.`);
  const swarms = particles().map(({ g, ends }) => [ends[0].length, data.swarms[g].stored]);
  if (swarms.length) parts.push(`Small dots: particles of the first seed${swarms.some(([drawn, stored]) => drawn < stored) ? `, ${[...new Set(swarms.map((pair) => pair.join(" of ")))].join(", ")}` : ""}.`);
  const without = shown().filter((g) => data.swarms[g] && !data.swarms[g].values[state.point[g]]).map((g) => groups[g].name);
  if (without.length) parts.push(`This page has particles of ${without.join(", ")} only at the best point.`);
  const elsewhere = shown().filter((g) => landOf(g, state.point[g]) !== state.land).map((g) => groups[g].name);
  const apart = shown().filter((g) => data.tracks[g].values && !data.tracks[g].values[state.point[g]]).map((g) => groups[g].name);
  if (apart.length) parts.push(`This page has trajectories of ${apart.join(", ")} only at the best point.`);
  if (elsewhere.length) parts.push(`At a point on another landscape: ${elsewhere.join(", ")}.`);
  const none = shown().filter((g) => !data.tracks[g].values).map((g) => groups[g].name);
  if (none.length) parts.push(`No iterates are stored, so there are no trajectories of ${none.join(", ")}; add params to record.variables.`);
  return parts.join(" ");
}

// Medians of two variables against each other.
function drawPlane() {
  const [first, second] = [element("plane-x").value, element("plane-y").value];
  const parts = shown().flatMap((g) => {
    const xs = medians(g, first), ys = medians(g, second);
    if (!xs || !ys) return [];
    return [cut([[xs, ys]], false), cut([[xs, ys]], true), heads([[xs, ys]])].map(([x, y], part) => ({ g, part, x, y }));
  });
  const all = (key) => shown().flatMap((g) => known(medians(g, key) || []));
  const kind = (key) => ({ type: (key === "step" ? data.logSteps : wantsLog(all(key))) ? "log" : "linear" });
  const more = { xaxis: axis(first, kind(first)), yaxis: axis(second, kind(second)), uirevision: `${first} ${second} ${state.point}` };
  Plotly.react(element("landscape"), parts.map(trace), layout(more), CONFIG);
  const why = data.lands[state.land].why;
  element("landscape-note").textContent = `Medians over the seeds up to the slider's step. ${why.charAt(0).toUpperCase()}${why.slice(1)}.`;
}

function medians(g, key) {
  const curves = groups[g].curves[key];
  return key === "step" ? data.steps : curves ? curves[state.point[g]][0] : null;
}

function moveTo(frame) {
  state.frame = Math.max(0, Math.min(frame, frames.length - 1));
  element("time").value = state.frame;
  element("now").textContent = `${frames[state.frame].toLocaleString("en")}`;
  element("time").setAttribute("aria-valuetext", `step ${frames[state.frame]}`);
  markStep();
  if (!pictured) return drawPlane();
  const land = data.lands[state.land];
  if (land.why) return;
  const parts = moving(land, heights(land));
  const first = 3; // after ground, minima, starts
  const changed = { x: parts.map((p) => p.x), y: parts.map((p) => p.y) };
  if (parts.length && parts[0].z) changed.z = parts.map((p) => p.z);
  if (parts.length) Plotly.restyle(element("landscape"), changed, parts.map((_, k) => first + k));
}

function play(on) {
  clearInterval(playing);
  playing = null;
  element("play").textContent = on ? "\u23F8 pause" : "\u25B6 play";
  element("play").setAttribute("aria-label", on ? "pause" : "play");
  if (!on) return;
  if (state.frame >= frames.length - 1) moveTo(0);
  const every = Math.max(1, Math.round(frames.length / 150));
  playing = setInterval(() => {
    moveTo(state.frame + every);
    if (state.frame >= frames.length - 1) play(false);
  }, 60);
}

function setUpLandscape() {
  const most = pictured ? highest(data.tracks.map((track) => Math.max(1, ...(track.values || []).map((point) => (point ? point.length : 1))))) : 1;
  fill(element("seeds"), Array.from({ length: most }, (_, k) => [k + 1, k + 1]), groups.length > 1 ? 1 : most);
  for (const id of ["view", "height", "seeds", "particles"]) {
    element(id).addEventListener("change", drawLandscape);
    element(id).closest("label").hidden = !pictured || (id === "seeds" && most === 1) || (id === "particles" && !swarming);
  }
  const options = [["step", "step"], ...data.variables.map((v) => [v.key, v.key])];
  const two = data.variables.length > 1;
  fill(element("plane-x"), options, two ? data.variables[0].key : "step");
  fill(element("plane-y"), options.slice(1), data.variables.length ? data.variables[two ? 1 : 0].key : undefined);
  for (const id of ["plane-x", "plane-y"]) {
    element(id).addEventListener("change", drawLandscape);
    element(id).closest("label").hidden = pictured;
  }
  if (!pictured) {
    element("h-landscape").textContent = "Variables against each other";
    element("landscape").setAttribute("aria-label", "Two variables against each other");
  }
  const slider = element("time");
  slider.max = frames.length - 1;
  slider.value = state.frame;
  element("now").textContent = frames[state.frame].toLocaleString("en");
  slider.addEventListener("input", () => { play(false); moveTo(Number(slider.value)); });
  element("play").addEventListener("click", () => play(playing === null));
  element("landscape-section").hidden = !pictured && !two;
}
