// What came out: the sentence, the table of `thalweg compare`, and of several problems the diagram of their ranks.

function setUpResult() {
  const result = data.result || {};
  element("result-section").hidden = !result.sentence;
  if (!result.sentence) return;
  element("result").textContent = result.sentence;
  const table = result.table, rows = table[0].cells.map((_, k) => k);
  const cell = (tag, column, text) => make(tag, { textContent: text, className: [column.words ? "" : "number", column.minor ? "minor" : ""].join(" ").trim() });
  element("result-table").replaceChildren(
    make("thead", {}, make("tr", {}, ...table.map((column) => Object.assign(cell("th", column, column.title), { scope: "col" })))),
    make("tbody", {}, ...rows.map((k) => make("tr", {}, ...table.map((column, j) => {
      const made = cell("td", column, column.cells[k]);
      if (overview && !j && Object.hasOwn(whole.pages, column.cells[k])) made.replaceChildren(link(column.cells[k]));
      return made;
    })))),
  );
  element("result-notes").replaceChildren(...result.notes.map((note) => make("li", { textContent: note })));
  drawDiagram();
}

function drawDiagram() {
  const found = (data.result || {}).diagram || {};
  element("diagram").hidden = !found.light;
  if (!found.light) return;
  const image = make("img", { alt: "Average ranks of the optimizers, with bars over those that cannot be told apart" });
  image.setAttribute("src", found[document.documentElement.dataset.theme === "dark" ? "dark" : "light"]);
  element("diagram").replaceChildren(image);
}
