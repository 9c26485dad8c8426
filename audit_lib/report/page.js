// Opens what a link names, and lets a reader filter the rows of a section.
const reveal = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
  if (target) target.scrollIntoView();
};
addEventListener("hashchange", reveal);
for (const body of document.querySelectorAll(".section .body")) {
  const rows = [...body.querySelectorAll("tbody tr")];
  if (rows.length < 8) continue;
  const input = Object.assign(document.createElement("input"), { type: "search", className: "filter", placeholder: "Filter the rows" });
  input.setAttribute("aria-label", "Filter the rows of this section");
  input.addEventListener("input", () => {
    const sought = input.value.toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(sought);
    for (const fold of body.querySelectorAll(".register details")) {
      fold.hidden = !fold.querySelector("tbody tr:not([hidden])");
      if (sought) fold.open = !fold.hidden;
    }
  });
  body.prepend(input);
}
reveal();
