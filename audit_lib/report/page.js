for (const head of document.querySelectorAll("table.audit:not(.facts) th")) {
  head.ariaSort = "none";
  head.title = "sort by this column";
  head.onclick = () => {
    const table = head.closest("table"), place = head.cellIndex;
    const up = head.ariaSort !== "ascending";
    for (const other of table.querySelectorAll("th")) other.ariaSort = "none";
    head.ariaSort = up ? "ascending" : "descending";
    const text = row => row.cells[place].textContent;
    const rows = [...table.tBodies[0].rows];
    rows.sort((a, b) => text(a).localeCompare(text(b), "en", { numeric: true }) * (up ? 1 : -1));
    table.tBodies[0].append(...rows);
  };
}
