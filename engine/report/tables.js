// Claims, provenance, and the study as YAML; then the page starts.

const MARKS = { passed: "\u2713", failed: "\u2717", undecided: "?" };

function drawTables() {
  element("claims-section").hidden = !data.claims.length;
  element("claims-note").textContent = data.verified
    ? "A claim passes if its confidence interval over the seeds lies inside the tolerance; numbers are those of its worst point."
    : "These claims are not checked in this store yet; thalweg verify does that and keeps the verdicts in it.";
  const number = (value) => (typeof value === "string" && !data.verified && Number.isNaN(Number(value)) ? make("td", { className: "formula" }, make("code", { textContent: value })) : make("td", { className: "number", textContent: short(value) }));
  const head = ["verdict", "claim", "measured", "", "expected", "margin", "tolerance", "points"];
  const rows = data.claims.map((claim) => {
    const text = make("td", { className: "claim", textContent: claim.name });
    for (const extra of [claim.stage ? `${whole.part || "stage"} ${claim.stage}`.replace(/^\w+ across/, "across") : "", claim.at ? `worst at ${claim.at}` : "", claim.reason, claim.group ? `group ${claim.group}` : "", claim.source]) {
      if (extra) text.append(make("small", { textContent: extra }));
    }
    text.append(make("small", {}, make("code", { textContent: claim.measure || "" })));
    const verdict = make("td", { className: `verdict ${MARKS[claim.verdict] ? claim.verdict : ""}`, textContent: `${MARKS[claim.verdict] || ""} ${claim.verdict}` });
    return make("tr", {}, verdict, text, number(claim.measured), make("td", { textContent: claim.relation }), number(claim.expected), number(claim.margin), number(claim.tolerance), number(claim.points));
  });
  const wide = head.map((name, k) => make("th", { textContent: name, className: k > 1 && k !== 3 ? "number" : "", scope: "col" }));
  element("claims").replaceChildren(make("thead", {}, make("tr", {}, ...wide)), make("tbody", {}, ...rows));
  element("provenance").replaceChildren(make("tbody", {}, ...data.provenance.map(([name, value]) => make("tr", {}, make("th", { textContent: name, scope: "row" }), make("td", { textContent: value })))));
  if (overview) return;
  element("yaml").textContent = data.yaml.replace(/[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g, (c) => `\\u${c.charCodeAt(0).toString(16)}`); // what hides
  element("save").addEventListener("click", () => {
    offer(data.yaml, `${data.name}.yaml`, "application/yaml");
  });
}

setUp();
