// The numbers behind a figure as a CSV file: one row a point of a curve, or a cell of a map.

const FIGURES = ["tree", "landscape", "curves", "sweep", "density"];

function csvText(value) {
  if (value === null || value === undefined) return "";
  const text = String(value), plain = text !== "" && Number.isFinite(Number(text));
  const harmless = plain || !/^[=+\-@\t\r]/.test(text) ? text : `'${text}`; // a spreadsheet takes it for a formula
  return /[",\r\n]/.test(harmless) ? `"${harmless.replace(/"/g, '""')}"` : harmless;
}

function csvOf(figure) {
  const rows = [["trace", "x", "y", "z"]];
  for (const trace of figure.data || []) {
    if (trace.visible === false) continue;
    const name = trace.name || trace.type || "", { x = [], y = [], z } = trace;
    const grid = z && z.length && (Array.isArray(z[0]) || ArrayBuffer.isView(z[0]));
    if (grid) z.forEach((row, i) => Array.from(row).forEach((value, j) => rows.push([name, Array.isArray(x[i]) ? x[i][j] : x[j], Array.isArray(y[i]) ? y[i][j] : y[i], value])));
    else Array.from(x).forEach((value, k) => rows.push([name, value, y[k], z ? z[k] : ""]));
  }
  return rows.map((row) => row.map(csvText).join(",")).join("\n") + "\n";
}

function offer(text, name, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

function setUpFigureData() {
  for (const id of FIGURES) {
    const figure = element(id);
    const button = make("button", { type: "button", className: "csv", textContent: "data (CSV)" });
    button.setAttribute("aria-label", `Save the numbers of the figure: ${figure.getAttribute("aria-label")}`);
    button.addEventListener("click", () => offer(csvOf(figure), `${data.name}-${id}.csv`, "text/csv"));
    figure.after(button);
    const follow = () => { button.hidden = figure.hidden || !(figure.data || []).length; };
    new MutationObserver(follow).observe(figure, { attributes: true, childList: true });
    follow();
  }
}
