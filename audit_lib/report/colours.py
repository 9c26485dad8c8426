"""One colour for one meaning, the same in every figure: page.css has each by its name, light and dark."""

COLOURS = {
    "ink": "#16191d",
    "soft": "#555e68",
    "line": "#dfe3e8",
    "shade": "#f5f6f8",
    "bad": "#a8141e",
    "badb": "#d9665f",
    "due": "#8a5a00",
    "dueb": "#d9a021",
    "ok": "#0b5cad",
    "okb": "#6aa5dc",
    "unk": "#5d6670",
    "unkb": "#aeb6bf",
    "band": "#fdeeec",
}
