
/* The scatter of latency per image against memory */
(() => {
  const target = byId("chart");
  if (!target || typeof Plotly === "undefined") return;
  const data = JSON.parse(byId("chart-data").textContent).scatter;
  const MEBI = 2 ** 20;
  const byKey = new Map(data.points.map((point) => [point.key, point]));

  const hover = (point, figure) => [
    `<b>${escaped(point.settings.join(", ")) || "the only configuration"}</b>`,
    escaped(point.latency_text),
    escaped(point.p95_text),
    escaped(point.fidelity_text),
    point.is_degenerate ? "degenerate picture" : "",
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

  const markers = (points, figure, unit, symbol, colour) => {
    const onFrontier = new Set(data.frontiers.flatMap(({ keys }) => keys[figure]));
    return {
      type: "scatter", mode: "markers",
      x: points.map((p) => p.latency_s), y: points.map((p) => p.memory[figure] / unit),
      text: points.map((p) => hover(p, figure)), hovertemplate: "%{text}<extra></extra>",
      error_x: {
        type: "data", symmetric: false, thickness: 1, width: 0, color: colour,
        array: points.map((p) => (p.high_s === null ? 0 : p.high_s - p.latency_s)),
        arrayminus: points.map((p) => (p.low_s === null ? 0 : p.latency_s - p.low_s)),
      },
      marker: {
        color: colour,
        symbol: points.map((p) => (p.is_degenerate ? "x-thin-open" : p.is_feasible ? symbol : `${symbol}-open`)),
        size: points.map((p) => (onFrontier.has(p.key) ? 11 : 8)),
        opacity: points.map((p) => (onFrontier.has(p.key) ? 1 : 0.65)),
        line: { width: points.map((p) => (p.is_feasible ? 0 : 1.5)), color: colour },
      },
    };
  };

  const pointTraces = (figure, unit, knob) => groups(knob).map(([value, all], index) => {
    const points = all.filter((point) => point.memory[figure] !== null)
      .sort((a, b) => b.is_feasible - a.is_feasible);
    const name = escaped(value || "configurations");
    return { ...markers(points, figure, unit, SYMBOLS[index % SYMBOLS.length], token(`--s${index % COLOURS}`)), name };
  });

  /* From orange by grey to blue: told apart with any sight of colours */
  const fidelityTraces = (figure, unit) => {
    const drawn = data.points.filter((point) => point.memory[figure] !== null)
      .sort((a, b) => b.is_feasible - a.is_feasible);
    const known = drawn.filter((point) => point.fidelity !== null);
    const unknown = drawn.filter((point) => point.fidelity === null);
    const scores = known.map((point) => point.fidelity);
    const lowest = Math.min(0.9, Math.floor(10 * Math.min(...scores)) / 10);
    const scale = [[0, token("--s4")], [0.5, token("--s6")], [1, token("--s0")]];
    const one = markers(known, figure, unit, "circle", token("--muted"));
    const marker = {
      ...one.marker, color: scores, colorscale: scale, cmin: lowest, cmax: 1, opacity: 1,
      line: { ...one.marker.line, color: scores, colorscale: scale, cmin: lowest, cmax: 1 },
      colorbar: { title: { text: "fidelity", side: "right" }, thickness: 10, outlinewidth: 0, len: 0.9, tickfont: { size: 11 } },
    };
    const traces = [{ ...one, marker, name: "fidelity", showlegend: false }];
    if (unknown.length) traces.push({ ...markers(unknown, figure, unit, "diamond", token("--muted")), name: "fidelity not known" });
    return traces;
  };

  const ringTraces = (figure, unit) => {
    const points = data.unbeaten[figure].map((key) => byKey.get(key)).filter(Boolean);
    return points.length ? [{
      type: "scatter", mode: "markers", name: "unbeaten in all three", hoverinfo: "skip",
      x: points.map((p) => p.latency_s), y: points.map((p) => p.memory[figure] / unit),
      marker: { symbol: "circle-open", size: 17, color: token("--ink"), line: { width: 1.2 } },
    }] : [];
  };

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
    const axis = plainAxis();
    const shapes = [];
    const annotations = [];
    const limitText = escaped(figure === "peak_memory_bytes" ? data.limit_label ?? "" : `${data.limit_label} (for peak memory)`);
    if (showsLimit) {
      const limit = data.limit_bytes / unit;
      shapes.push(limitLine(limit));
      annotations.push(limitLabel(limitText, { y: limit, yanchor: "bottom" }));
    } else if (data.limit_bytes !== null) {
      annotations.push(limitLabel(`${limitText} lies above the chart`, { yref: "paper", y: 1, yanchor: "top" }));
    }
    if (data.frontiers.length > 1) {
      data.frontiers.forEach(({ label, keys }) => {
        const last = byKey.get(keys[figure].at(-1));
        if (last) annotations.push({ x: last.latency_s, y: last.memory[figure] / unit, text: escaped(label), showarrow: false, xanchor: "left", yanchor: "top", xshift: 8, yshift: -2, font: { color: token("--muted"), size: 12 } });
      });
    }
    const knob = chosen("colour-by");
    const points = knob === "fidelity" ? fidelityTraces(figure, unit) : pointTraces(figure, unit, knob);
    const traces = [...frontierTraces(figure, unit), ...points, ...ringTraces(figure, unit), recommendedTrace(figure, unit)];
    const label = data.figures.find(({ name }) => name === figure).label;
    Plotly.react(target, traces, {
      ...plainLayout(),
      xaxis: { ...axis, title: { text: "latency an image (s)" }, rangemode: "tozero" },
      yaxis: { ...axis, title: { text: `${label} (${unitName})` }, range: [0, top] },
      shapes, annotations,
    }, CHART_OPTIONS);
  };

  keepDrawn(target, draw, ["figure", "colour-by"]);
})();
