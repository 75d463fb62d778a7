
/* Fidelity against work, one chart for each content */
(() => {
  if (typeof Plotly === "undefined") return;
  const data = JSON.parse(byId("chart-data").textContent).convergence;
  const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];
  const TITLES = { evaluations: "denoiser evaluations (NFE)", latency_s: "latency an image (s)" };

  /* 1, 2, 5, 10, ...: plotly's own ticks of a logarithmic axis read 2, 5, 10, 2 */
  const ticks = (values) => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
      for (const digit of [1, 2, 5]) {
        const tick = Number((digit * 10 ** power).toPrecision(1));
        if (tick >= low / 2 && tick <= high * 2) found.push(tick);
      }
    }
    return found;
  };

  const trace = (points, by) => {
    const drawn = points.filter((point) => point[by] !== null && point[by] > 0).sort((a, b) => a[by] - b[by]);
    return {
      type: "scatter", x: drawn.map((point) => point[by]), y: drawn.map((point) => point.score),
      text: drawn.map(({ texts }) => texts.map((text, index) => (index ? escaped(text) : `<b>${escaped(text)}</b>`)).join("<br>")),
      hovertemplate: "%{text}<extra></extra>",
      degenerate: drawn.map((point) => point.is_degenerate), customdata: drawn.map(({ row }) => row),
    };
  };

  const traces = (line, by) => {
    const colour = token(`--s${line.style % COLOURS}`);
    const symbol = SYMBOLS[(line.style + Math.floor(line.style / COLOURS)) % SYMBOLS.length]; /* none has both colour and symbol of another */
    const marker = ({ degenerate }, size, shape) => ({ color: colour, size, symbol: degenerate.map((is) => (is ? "x" : shape)) });
    const { degenerate, ...main } = trace(line.points, by);
    const { degenerate: othersDegenerate, ...others } = trace(line.others, by);
    return [
      { ...others, mode: "markers", opacity: 0.6, marker: marker({ degenerate: othersDegenerate }, 7, `${symbol}-open`) },
      {
        ...main, mode: "lines+markers", name: escaped(line.label), marker: marker({ degenerate }, 8, symbol),
        line: { color: colour, width: 1.8, dash: DASHES[line.style % DASHES.length] },
      },
    ];
  };

  const ring = (drawn) => {
    const points = drawn.flatMap(({ customdata, x, y }) => customdata.map((row, index) => ({ row, x: x[index], y: y[index] })));
    const found = points.filter(({ row }) => row === state.selected);
    return {
      type: "scatter", mode: "markers", hoverinfo: "skip", x: found.map(({ x }) => x), y: found.map(({ y }) => y),
      marker: { symbol: "circle-open", size: 18, color: token("--accent"), line: { width: 3 } },
    };
  };

  const keepChart = (target) => {
    const { lines } = data.charts[target.dataset.chart];
    const draw = () => {
      const by = chosen("convergence-by");
      const drawn = lines.flatMap((line) => traces(line, by));
      const values = drawn.flatMap(({ x }) => x);
      const marks = values.length ? ticks(values) : [];
      const limit = state.limits.fidelity ?? null;
      Plotly.react(target, [...drawn, ring(drawn)], {
        ...plainLayout(), showlegend: false, /* the rows of the map are the legend */
        xaxis: { ...plainAxis(), type: "log", title: { text: TITLES[by] }, tickvals: marks, ticktext: marks.map(String) },
        yaxis: { ...plainAxis(), title: { text: "fidelity" }, range: [-0.03, 1.06], tickvals: [0, 0.2, 0.4, 0.6, 0.8, 1] },
        shapes: limit === null ? [] : [limitLine(limit)],
        annotations: limit === null ? [] : [limitLabel(`limit ${general(limit)}`, { x: 0, xanchor: "left", y: limit, yanchor: "bottom" })],
      }, CHART_OPTIONS);
    };
    keepDrawn(target, draw, ["convergence-by"]);
    target.on("plotly_click", ({ points }) => {
      if (points[0]?.customdata !== undefined) select(points[0].customdata);
    });
    listen("selected", draw);
    listen("answer", draw);
  };

  /* Each is drawn when it comes near, or to be printed: a run may have many contents */
  const waiting = new Set(document.querySelectorAll(".convergence-chart"));
  const begin = (target) => {
    if (!waiting.delete(target)) return;
    watcher.unobserve(target);
    keepChart(target);
  };
  const watcher = new IntersectionObserver(
    (entries) => entries.filter(({ isIntersecting }) => isIntersecting).forEach(({ target }) => begin(target)),
    { rootMargin: "600px" },
  );
  waiting.forEach((target) => watcher.observe(target));
  window.addEventListener("beforeprint", () => waiting.forEach(begin));
})();
