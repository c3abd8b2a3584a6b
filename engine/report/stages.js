// A study of stages: the tree of its stages with the loss of all, and each stage's own page, of which #NAME shows one.

const stageColour = (k) => (COLOURS[k % COLOURS.length] === "ink" ? ink("ink") : COLOURS[k % COLOURS.length]);
const link = (name) => (Object.hasOwn(whole.pages, name) ? make("a", { href: `#${name}`, textContent: name }) : make("span", { textContent: name }));

function drawTree() {
  if (!whole.lines.length) return;
  const traces = whole.lines.map(({ stage, group, text, colour: k, begins, x, y }) => {
    const name = safe([stage, text, whole.labels.length > 1 ? group : ""].filter(Boolean).join(", "));
    const first = x.map((_, i) => (i === 0 && begins ? 8 : 0));
    const dashes = DASHES[whole.labels.indexOf(group) % DASHES.length];
    return { x, y, name, mode: "lines+markers", line: { color: stageColour(k), width: 2, dash: dashes }, marker: { color: stageColour(k), size: first, opacity: 1 }, hovertemplate: HOVER, meta: `stage-${stage}` };
  });
  const values = whole.lines.flatMap(({ y }) => known(y));
  const yaxis = axis("loss", { type: wantsLog(values) ? "log" : "linear" });
  Plotly.react(element("tree"), traces, layout({ xaxis: axis("step"), yaxis, hovermode: "closest" }), CONFIG);
}

function stageRows() {
  return whole.tree.flatMap((stage) => (stage.groups.length ? stage.groups : [null]).map((group, k) => {
    const line = whole.lines.find((one) => one.stage === stage.name);
    const name = make("td", { className: "stage" });
    name.style.paddingLeft = `${22 * stage.depth}px`;
    if (!k) {
      const mark = make("span", { className: "mark" });
      if (line) mark.style.background = stageColour(line.colour);
      name.append(mark, link(stage.name), stage.whence ? make("small", { textContent: stage.whence }) : "");
    }
    const [unfinished, , diverged] = group ? group.ended : [0, 0, 0];
    const counts = group ? [`${group.count.toLocaleString("en")} (${group.runs})`, diverged ? `${diverged.toLocaleString("en")} diverged` : "", unfinished ? `${unfinished.toLocaleString("en")} not finished` : ""] : ["not begun"];
    const final = group && group.final.length ? [...new Set(group.final.map((v) => (v === null ? "diverged" : short(v))))].join(" to ") : "";
    const steps = stage.steps.map((t) => t.toLocaleString("en")).join(" to ");
    return make("tr", {}, name, make("td", { textContent: group ? group.name : "" }), make("td", { className: "number", textContent: k ? "" : steps }), make("td", { textContent: counts.filter(Boolean).join(", ") }), make("td", { className: "number", textContent: final }));
  }));
}

function setUpStages() {
  element("stages-section").hidden = !whole.pages || data !== whole;
  element("stages-nav").hidden = !whole.pages || data === whole;
  if (!whole.pages) return;
  window.addEventListener("hashchange", () => location.reload());
  if (data !== whole) {
    const others = whole.tree.map(({ name }) => (whole.pages[name] === data ? make("strong", { textContent: name }) : link(name)));
    element("stages-nav").replaceChildren(make("a", { href: "#", textContent: whole.title }), ": ", ...others.flatMap((one, k) => (k ? [" \u00b7 ", one] : [one])));
    document.title = data.title;
    return;
  }
  for (const id of ["optimizers-section", "landscape-section", "curves-section", "sweep-section", "probes-section", "study-section"]) element(id).hidden = true;
  const part = whole.part, Part = part[0].toUpperCase() + part.slice(1);
  element("h-stages").textContent = `${Part}s`;
  const head = [part, "optimizer", "steps", "runs", "final loss"];
  element("stage-table").replaceChildren(
    make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { textContent: text, className: ["steps", "final loss"].includes(text) ? "number" : "", scope: "col" })))),
    make("tbody", {}, ...stageRows()),
  );
  element("tree").hidden = !whole.lines.length;
  const forks = part === "stage" ? "; where runs fork, the lowest and the highest of the forks" : "";
  element("stages-note").textContent = `Medians over the seeds${forks}. A ${part}'s name links to its own page.`;
  element("stages-notes").replaceChildren(...[whole.unfinished, ...whole.notes].filter(Boolean).map((note) => make("li", { textContent: note })));
  if (whole.lines.length) Plotly.newPlot(element("tree"), [], layout({}), CONFIG);
  drawTree();
}
