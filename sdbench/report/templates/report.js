"use strict";

const byId = (id) => document.getElementById(id);
const chosen = (id) => byId(id)?.value;
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const escaped = (text) => text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);

/* An element with its properties and its children, which are elements or texts */
const make = (name, properties, ...children) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
};

/* What the charts have in common */
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "hexagon", "pentagon"];
const COLOURS = 7;
const plainAxis = () => ({
  gridcolor: token("--line"), zerolinecolor: token("--line"), linecolor: token("--line"),
  tickcolor: token("--line"), automargin: true, fixedrange: false,
});
const plainLayout = () => {
  const family = getComputedStyle(document.body).fontFamily;
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: "closest",
    dragmode: window.matchMedia("(pointer: coarse)").matches ? false : "zoom",
    font: { color: token("--ink"), size: 12, family },
    margin: { l: 10, r: 12, t: 8, b: 10 },
    legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom", xanchor: "left", bgcolor: "rgba(0,0,0,0)" },
    hoverlabel: { bgcolor: token("--page"), bordercolor: token("--line"), font: { color: token("--ink"), family }, align: "left", namelength: 0 },
  };
};
const limitLine = (y) => ({
  type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, line: { color: token("--bad"), width: 1.5, dash: "dash" },
});
const limitLabel = (text, place) => ({
  xref: "paper", x: 1, xanchor: "right", showarrow: false, text, font: { color: token("--bad"), size: 12 }, ...place,
});

/* Draws a chart, and again wherever a control, the colours or the page's size change. On a page of very
   many points the charts are drawn one after the other, so that the page answers in between. */
const keepDrawn = (() => {
  const PRINT_PX = { width: 900, height: 400 }; /* fits a landscape A4 page; report.css has the height too */
  const MOST_AT_ONCE = 1000; /* configurations */
  let previous = Promise.resolve();

  const begin = (target, draw) => {
    draw();
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    new ResizeObserver(() => Plotly.Plots.resize(target)).observe(target);
    window.addEventListener("beforeprint", () => Plotly.relayout(target, PRINT_PX));
    window.addEventListener("afterprint", () => Plotly.relayout(target, { width: null, height: null, autosize: true }));
  };
  return (target, draw, controls) => {
    for (const id of controls) byId(id)?.addEventListener("change", draw);
    if (page.rows.key.length <= MOST_AT_ONCE) return begin(target, draw);
    previous = previous.then(() => new Promise((resolve) => setTimeout(resolve))).then(() => begin(target, draw));
    return previous;
  };
})();
const CHART_OPTIONS = { displaylogo: false, displayModeBar: false };
