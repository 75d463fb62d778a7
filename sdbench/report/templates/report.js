"use strict";

const byId = (id) => document.getElementById(id);
const chosen = (id) => byId(id)?.value;
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const escaped = (text) => text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);

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

/* Draws a chart, and again wherever a control, the colours or the page's size change */
const keepDrawn = (target, draw, controls) => {
  const PRINT_WIDTH_PX = 900; /* fits a landscape A4 page */
  draw();
  for (const id of controls) byId(id)?.addEventListener("change", draw);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(() => Plotly.Plots.resize(target)).observe(target);
  window.addEventListener("beforeprint", () => Plotly.relayout(target, { width: PRINT_WIDTH_PX }));
  window.addEventListener("afterprint", () => Plotly.relayout(target, { width: null, autosize: true }));
};
const CHART_OPTIONS = { displaylogo: false, displayModeBar: false };

/* Sorting and filtering of the table */
(() => {
  const table = byId("configurations");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const headings = [...table.tHead.rows[0].cells];
  const words = rows.map((row) => `${row.textContent} status:${row.dataset.status}`.toLowerCase());

  const compare = (a, b) => {
    const [x, y] = [Number(a), Number(b)];
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b, "en", { numeric: true }) : x - y;
  };
  headings.forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => {
      const rising = heading.getAttribute("aria-sort") !== "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const values = new Map(rows.map((row) => [row, row.cells[column].dataset.sort]));
      const sorted = [...rows].sort((left, right) => {
        const [a, b] = [values.get(left), values.get(right)];
        if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
        return rising ? compare(a, b) : compare(b, a);
      });
      body.append(...sorted);
    });
  });

  const filter = byId("filter");
  const apply = () => {
    const wanted = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, index) => {
      row.hidden = !wanted.every((word) => words[index].includes(word));
      shown += !row.hidden;
    });
    byId("shown").textContent = `${shown} of ${rows.length} shown`;
  };
  filter.addEventListener("input", apply);
  document.querySelectorAll("[data-filter]").forEach((button) => {
    button.addEventListener("click", () => {
      filter.value = button.dataset.filter;
      apply();
      byId("all").scrollIntoView();
      filter.focus({ preventScroll: true });
    });
  });
})();

/* Copying the code */
(() => {
  const button = byId("copy");
  if (!button) return;
  const selectAndCopy = (element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    return document.execCommand("copy");
  };
  button.addEventListener("click", async () => {
    const code = byId(button.dataset.copies);
    let copied = true;
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      copied = selectAndCopy(code);
    }
    byId("copied").textContent = copied ? "Copied" : "Selected: copy it with your keyboard";
  });
})();
