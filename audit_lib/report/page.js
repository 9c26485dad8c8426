const RANKS = ["critical", "high", "medium", "low", "info", "overdue", "not known", "due", "fresh"];
const make = (name, words, more) => Object.assign(document.createElement(name), { textContent: words }, more);
const open = () => {
  const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let at = place; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  place?.scrollIntoView();
};
const sort = (table, head) => {
  const place = head.cellIndex, up = head.ariaSort !== "ascending";
  for (const other of table.querySelectorAll("th")) other.ariaSort = "none";
  head.ariaSort = up ? "ascending" : "descending";
  const text = row => row.cells[place].textContent;
  const rank = row => RANKS.indexOf(text(row));
  const order = (a, b) => rank(a) >= 0 && rank(b) >= 0 ? rank(a) - rank(b)
    : text(a).localeCompare(text(b), "en", { numeric: true });
  const rows = [...table.tBodies[0].rows].sort((a, b) => order(a, b) * (up ? 1 : -1));
  table.tBodies[0].append(...rows);
};
const filter = table => {
  const words = [...new Set([...table.querySelectorAll(".word")].map(word => word.textContent))];
  const name = `filter ${table.caption?.textContent ?? "the table"}`;
  const box = make("input", "", { type: "search", placeholder: "filter", ariaLabel: name });
  const told = make("span", "", { className: "note", role: "status" });
  const bar = make("div", "", { className: "chips" });
  const chips = words.length > 1 ? words.map(word => make("button", word, { type: "button", ariaPressed: "false" })) : [];
  const apply = () => {
    const picked = chips.filter(chip => chip.ariaPressed === "true").map(chip => chip.textContent);
    const rows = [...table.tBodies[0].rows];
    for (const row of rows) {
      const own = [...row.querySelectorAll(".word")].map(word => word.textContent);
      row.hidden = !row.textContent.toLowerCase().includes(box.value.toLowerCase())
        || (picked.length > 0 && !own.some(word => picked.includes(word)));
    }
    const left = rows.filter(row => !row.hidden).length;
    told.textContent = left < rows.length ? `${left} of ${rows.length} shown` : "";
  };
  for (const chip of chips) chip.onclick = () => {
    chip.ariaPressed = String(chip.ariaPressed !== "true");
    apply();
  };
  box.oninput = apply;
  bar.append(box, ...chips, told);
  table.before(bar);
};
for (const table of document.querySelectorAll("table.audit:not(.facts)")) {
  for (const head of table.querySelectorAll("th")) {
    const button = make("button", head.textContent, { type: "button", title: "sort by this column" });
    button.onclick = () => sort(table, head);
    head.ariaSort = "none";
    head.replaceChildren(button);
  }
  if (table.tBodies[0].rows.length > 9) filter(table);
}
addEventListener("hashchange", open);
if (location.hash) open();
