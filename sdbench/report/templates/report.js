"use strict";

const byId = (id) => document.getElementById(id);

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

/* The scatter of latency per image against memory */
(() => {
  const target = byId("chart");
  if (!target || typeof Plotly === "undefined") return;
  const data = JSON.parse(byId("chart-data").textContent);
  const MEBI = 2 ** 20;
  const PRINT_WIDTH_PX = 900; /* fits a landscape A4 page */
  const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "x", "pentagon"];
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const escaped = (text) => text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);
  const byKey = new Map(data.points.map((point) => [point.key, point]));
  const chosen = (id) => byId(id)?.value;

  const hover = (point, figure) => [
    `<b>${escaped(point.settings.join(", ")) || "the only configuration"}</b>`,
    escaped(point.latency_text),
    escaped(point.p95_text),
    ...data.figures.filter(({ name }) => point.memory[name] !== null)
      .map(({ name, label }) => `${escaped(point.memory_text[name])} ${escaped(label)}`),
    point.status === "ok" ? "" : `status: ${escaped(point.status)}`,
  ].filter(Boolean).join("<br>");

  const groups = (knob) => {
    const found = new Map();
    data.points.forEach((point) => {
      const value = point.knobs[knob] ?? "";
      found.set(value, [...(found.get(value) ?? []), point]);
    });
    return [...found].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
  };

  const frontierTraces = (figure, unit) => data.frontiers.map(({ keys }) => {
    const points = keys[figure].map((key) => byKey.get(key));
    return {
      type: "scatter", mode: "lines", x: points.map((p) => p.latency_s),
      y: points.map((p) => p.memory[figure] / unit), showlegend: false, hoverinfo: "skip",
      line: { color: token("--muted"), width: 1.5, shape: "linear" },
    };
  });

  const pointTraces = (figure, unit, knob) => groups(knob).map(([value, all], index) => {
    const points = all.filter((point) => point.memory[figure] !== null)
      .sort((a, b) => b.is_feasible - a.is_feasible);
    const symbol = SYMBOLS[index % SYMBOLS.length];
    const onFrontier = new Set(data.frontiers.flatMap(({ keys }) => keys[figure]));
    const colour = token(`--s${index % 7}`);
    return {
      type: "scatter", mode: "markers", name: escaped(value || "configurations"),
      x: points.map((p) => p.latency_s), y: points.map((p) => p.memory[figure] / unit),
      text: points.map((p) => hover(p, figure)), hovertemplate: "%{text}<extra></extra>",
      error_x: {
        type: "data", symmetric: false, thickness: 1, width: 0, color: colour,
        array: points.map((p) => (p.high_s === null ? 0 : p.high_s - p.latency_s)),
        arrayminus: points.map((p) => (p.low_s === null ? 0 : p.latency_s - p.low_s)),
      },
      marker: {
        color: colour, symbol: points.map((p) => (p.is_feasible ? symbol : `${symbol}-open`)),
        size: points.map((p) => (onFrontier.has(p.key) ? 11 : 8)),
        opacity: points.map((p) => (onFrontier.has(p.key) ? 1 : 0.65)),
        line: { width: points.map((p) => (p.is_feasible ? 0 : 1.5)), color: colour },
      },
    };
  });

  const recommendedTrace = (figure, unit) => {
    const points = data.points.filter((p) => p.is_recommended && p.memory[figure] !== null);
    return {
      type: "scatter", mode: "markers", name: "recommended", hoverinfo: "skip",
      x: points.map((p) => p.latency_s), y: points.map((p) => p.memory[figure] / unit),
      marker: { symbol: "star", size: 19, color: token("--ink"), line: { width: 1.5, color: token("--page") } },
    };
  };

  const draw = () => {
    const figure = chosen("figure");
    const values = data.points.map((p) => p.memory[figure]).filter((bytes) => bytes !== null);
    const largest = Math.max(...values);
    const [unit, unitName] = largest >= 1024 * MEBI ? [1024 * MEBI, "GiB"] : [MEBI, "MiB"];
    const showsLimit = data.limit_bytes !== null && data.limit_bytes < 2 * largest;
    const top = 1.08 * Math.max(largest, showsLimit ? data.limit_bytes : 0) / unit;
    const ink = token("--ink");
    const axis = {
      gridcolor: token("--line"), zerolinecolor: token("--line"), linecolor: token("--line"),
      tickcolor: token("--line"), automargin: true, fixedrange: false,
    };
    const shapes = [];
    const annotations = [];
    const limitLabel = escaped(figure === "peak_memory_bytes" ? data.limit_label ?? "" : `${data.limit_label} (for peak memory)`);
    if (showsLimit) {
      const limit = data.limit_bytes / unit;
      shapes.push({ type: "line", xref: "paper", x0: 0, x1: 1, y0: limit, y1: limit, line: { color: token("--bad"), width: 1.5, dash: "dash" } });
      annotations.push({ xref: "paper", x: 1, xanchor: "right", y: limit, yanchor: "bottom", showarrow: false, text: limitLabel, font: { color: token("--bad"), size: 12 } });
    } else if (data.limit_bytes !== null) {
      annotations.push({ xref: "paper", x: 1, xanchor: "right", yref: "paper", y: 1, yanchor: "top", showarrow: false, text: `${limitLabel} lies above the chart`, font: { color: token("--bad"), size: 12 } });
    }
    if (data.frontiers.length > 1) {
      data.frontiers.forEach(({ label, keys }) => {
        const last = byKey.get(keys[figure].at(-1));
        if (last) annotations.push({ x: last.latency_s, y: last.memory[figure] / unit, text: escaped(label), showarrow: false, xanchor: "left", yanchor: "top", xshift: 8, yshift: -2, font: { color: token("--muted"), size: 12 } });
      });
    }
    const traces = [...frontierTraces(figure, unit), ...pointTraces(figure, unit, chosen("colour-by")), recommendedTrace(figure, unit)];
    const label = data.figures.find(({ name }) => name === figure).label;
    Plotly.react(target, traces, {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: "closest",
      dragmode: window.matchMedia("(pointer: coarse)").matches ? false : "zoom",
      font: { color: ink, size: 12, family: getComputedStyle(document.body).fontFamily },
      margin: { l: 10, r: 12, t: 8, b: 10 },
      xaxis: { ...axis, title: { text: "latency an image (s)" }, rangemode: "tozero" },
      yaxis: { ...axis, title: { text: `${label} (${unitName})` }, range: [0, top] },
      legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom", xanchor: "left", bgcolor: "rgba(0,0,0,0)" },
      hoverlabel: { bgcolor: token("--page"), bordercolor: token("--line"), font: { color: ink, family: getComputedStyle(document.body).fontFamily }, align: "left", namelength: 0 },
      shapes, annotations,
    }, {
      displaylogo: false, displayModeBar: false,
    });
  };

  draw();
  for (const id of ["figure", "colour-by"]) byId(id)?.addEventListener("change", draw);
  dark.addEventListener("change", draw);
  new ResizeObserver(() => Plotly.Plots.resize(target)).observe(target);
  window.addEventListener("beforeprint", () => Plotly.relayout(target, { width: PRINT_WIDTH_PX }));
  window.addEventListener("afterprint", () => Plotly.relayout(target, { width: null, autosize: true }));
})();
