// The timeline in a notebook: drag to zoom, hover to read, click for the line. Nothing is loaded from elsewhere.
const SVG = "http://www.w3.org/2000/svg";
const WIDE = 1152, LEFT = 150, RIGHT = 1136, TOP = 20, ROW = 20;
const STEPS = [1, 2, 5, 15, 30, 60, 180, 360, 720, 1440, 2880, 10080, 20160, 43200, 131040, 525600];

function add(parent, name, attributes, text) {
  const node = parent.appendChild(document.createElementNS(SVG, name));
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

function instant(at, day) {
  const said = new Date(at).toISOString();
  return day ? said.slice(5, 16).replace("T", " ") : said.slice(0, 19).replace("T", " ");
}

function render({ model, el }) {
  const root = el.appendChild(document.createElement("div"));
  root.style.cssText = "position:relative;font:12px sans-serif;color:var(--jp-content-font-color1,#16191d)";
  const bar = root.appendChild(document.createElement("div"));
  const stage = root.appendChild(document.createElement("div"));
  const told = root.appendChild(document.createElement("div"));
  told.setAttribute("role", "status");
  told.style.minHeight = "2.6em";

  function send(since, until) {
    model.set("brushed", [Math.round(since), Math.round(until)]);
    model.save_changes();
  }
  function button(name, act) {
    const made = bar.appendChild(document.createElement("button"));
    made.textContent = name;
    made.style.marginRight = "6px";
    made.addEventListener("click", act);
  }
  const bounds = () => model.get("marks");
  button("wider", () => {
    const { since, until } = bounds();
    send(since - (until - since) / 2, until + (until - since) / 2);
  });
  button("earlier", () => send(bounds().since - (bounds().until - bounds().since) / 2, (bounds().since + bounds().until) / 2));
  button("later", () => send((bounds().since + bounds().until) / 2, bounds().until + (bounds().until - bounds().since) / 2));
  button("as opened", () => send(...model.get("opened")));
  bar.appendChild(document.createElement("span")).textContent =
    "Drag over the timeline to zoom; point at a mark to read it, click it for its line. Times are UTC.";

  function draw() {
    const { since, until, lanes, bands } = bounds();
    const bottom = TOP + ROW * Math.max(lanes.length, 1);
    const at = (x) => LEFT + ((x - since) / (until - since)) * (RIGHT - LEFT);
    const when = (x) => since + ((Math.min(Math.max(x, LEFT), RIGHT) - LEFT) / (RIGHT - LEFT)) * (until - since);
    stage.replaceChildren();
    const svg = add(stage, "svg", { viewBox: `0 0 ${WIDE} ${bottom + 20}`, width: "100%", role: "img" });
    svg.setAttribute("aria-label", model.get("alt"));
    svg.style.cssText = "touch-action:none;user-select:none;cursor:crosshair;display:block";
    const live = (node, name, said, place) => {
      node.setAttribute("data-place", place);
      node.setAttribute("data-lane", name);
      node.addEventListener("pointerenter", () => { told.textContent = `${said}${place ? " — " + place : ""}`; });
      node.style.cursor = place ? "pointer" : "crosshair";
    };
    for (const [low, high, said, place] of bands) {
      const wide = Math.max(at(high) - at(low), 3);
      const band = add(svg, "rect", { x: at(low), y: TOP - 6, width: wide, height: bottom - TOP + 6, fill: "#aeb6bf", "fill-opacity": 0.45 });
      live(band, "deploy", `${instant(low)} to ${instant(high)}: ${said}`, place);
    }
    const minutes = (until - since) / 60000;
    const step = (STEPS.find((one) => minutes / one <= 8) || minutes / 4) * 60000;
    for (let tick = Math.ceil(since / step) * step; tick <= until; tick += step) {
      add(svg, "line", { x1: at(tick), x2: at(tick), y1: TOP, y2: bottom, stroke: "currentColor", "stroke-opacity": 0.15 });
      add(svg, "text", { x: at(tick), y: bottom + 14, "text-anchor": "middle", "font-size": 11, fill: "currentColor" }, instant(tick, true));
    }
    lanes.forEach(({ name, colour, bounded, marks }, number) => {
      const middle = TOP + ROW * number + ROW / 2;
      add(svg, "text", { x: 0, y: middle + 4, "font-size": 12, fill: "currentColor" }, name);
      const most = Math.max(...marks.map((mark) => mark[2]), 1);
      for (const [low, high, count, said, place] of marks) {
        const tall = 5 + (ROW - 8) * Math.sqrt(count / most);
        const wide = Math.max(at(high) - at(low), 4);
        const flat = high > low;
        const shape = { x: flat ? at(low) : at(low) - 2, y: middle - (flat ? 2 : tall / 2), width: wide, height: flat ? 4 : tall };
        const mark = add(svg, "rect", { ...shape, fill: flat ? bounded : colour, rx: 1.5, class: "mark" });
        const span = flat ? `between ${instant(low)} and ${instant(high)}` : instant(low);
        live(mark, name, `${span}: ${said}`, place);
      }
    });
    const brush = add(svg, "rect", { y: TOP - 6, height: bottom - TOP + 6, width: 0, fill: "#0b5cad", "fill-opacity": 0.18, "pointer-events": "none" });
    let begun = null;
    const x = (event) => ((event.clientX - svg.getBoundingClientRect().left) / svg.getBoundingClientRect().width) * WIDE;
    svg.addEventListener("pointerdown", (event) => { begun = x(event); });
    svg.addEventListener("pointermove", (event) => {
      if (begun === null) return;
      const [low, high] = [begun, x(event)].sort((one, other) => one - other);
      brush.setAttribute("x", low);
      brush.setAttribute("width", high - low);
      if (high - low > 4) told.textContent = `${instant(when(low))} to ${instant(when(high))}`;
    });
    svg.addEventListener("pointerleave", () => { begun = null; brush.setAttribute("width", 0); });
    svg.addEventListener("pointerup", (event) => {
      if (begun === null) return;
      const [low, high] = [begun, x(event)].sort((one, other) => one - other);
      begun = null;
      brush.setAttribute("width", 0);
      const place = event.target.getAttribute("data-place");
      if (high - low > 4) send(when(low), when(high));
      else if (place) { model.set("clicked", ""); model.set("clicked", place); model.save_changes(); }
    });
  }
  draw();
  model.on("change:marks", draw);
  return () => model.off("change:marks", draw);
}

export default { render };
