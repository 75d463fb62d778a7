
/* Latency per image against memory: the page's rows as points, those that ran out of memory at the limit */
(() => {
  const target = byId("chart");
  if (!target || typeof Plotly === "undefined") return;
  const data = JSON.parse(byId("chart-data").textContent).scatter;
  const rows = rowsOf(page);
  const MOST_SVG = 1000; /* points without WebGL */
  const MOST_BARS = 300; /* points with a bar each, before bars are all that is seen */
  const MOST_LABELS = 8;
  const MOST_RINGS = 60; /* more hide what they mark */
  const WIDE = 30; /* times the fastest: the slowest, from which on an axis is logarithmic at first */
  const LONGEST_LABEL = 32;
  const DERIVED_SIZE = 0.5; /* of a measured point's */
  const MARKS_RANK = 1001; /* in the legend after the points, whose rank is 1000 */

  const memoryOf = (row, figure) => page.rows.memory[figure][row];
  const isTimed = (row) => rows[row].perImage !== null;
  const timed = rows.map(({ row }) => row).filter(isTimed);
  const ranOut = data.ran_out.rows.map((row, index) => ({ row, bytes: data.ran_out.bytes[index], beside: data.ran_out.beside[index] }));
  const placeOf = new Map(ranOut.map((place) => [place.row, place]));

  const hasWebgl = () => {
    const context = document.createElement("canvas").getContext("webgl");
    context?.getExtension("WEBGL_lose_context")?.loseContext();
    return context !== null;
  };
  const isLarge = data.is_large;
  let isWebgl = isLarge && hasWebgl();
  const kind = () => (isWebgl ? "scattergl" : "scatter");

  const latencies = timed.map((row) => rows[row].perImage.point);
  byId("logarithmic").checked = latencies.reduce((a, b) => Math.max(a, b)) > WIDE * latencies.reduce((a, b) => Math.min(a, b));

  /* Of what competes and keeps to the other limits, what no other beats in latency and memory; the
     memory limit is a line to be seen */
  const frontierOf = (group, figure, limits) => {
    const able = group.rows.filter((row) => isTimed(row) && memoryOf(row, figure) !== null && obstacleOf(row, limits) === null);
    able.sort((a, b) => rows[a].perImage.point - rows[b].perImage.point || memoryOf(a, figure) - memoryOf(b, figure));
    let least = Infinity;
    return able.filter((row) => {
      const isBetter = memoryOf(row, figure) < least;
      least = Math.min(least, memoryOf(row, figure));
      return isBetter;
    });
  };
  const frontiersOf = (figure) => {
    const limits = { ...state.limits, memory_bytes: null };
    const groups = page.groups[limits.fidelity === null ? "by_steps" : "across_steps"];
    return groups.map((group) => ({ label: group.work_text, line: frontierOf(group, figure, limits) })).filter(({ line }) => line.length);
  };

  /* Without WebGL a page of very many points hangs: the frontiers, and an even share of the rest */
  const evenly = (all, most) => (all.length <= most ? all : Array.from({ length: most }, (_, index) => all[Math.floor((index * all.length) / most)]));
  const keptTimed = (figure, lines) => {
    const known = timed.filter((row) => memoryOf(row, figure) !== null);
    if (!isLarge || isWebgl) return known;
    return [...new Set([...lines.flatMap(({ line }) => line), ...evenly(known, MOST_SVG - ranOutKept().length)])];
  };
  const ranOutKept = () => (isLarge && !isWebgl ? evenly(ranOut, MOST_SVG / 5) : ranOut);

  const told = (row) => {
    const m = rows[row];
    const place = placeOf.get(row);
    const obstacle = obstacleOf(row, state.limits);
    const originOf = (name) => (name === "peak_memory_bytes" ? m.peakOrigin : page.rows.memory_origin[name]?.[row] ?? null);
    const memory = page.figures.filter(({ name }) => memoryOf(row, name) !== null)
      .map(({ name, label }) => `${formatBytes(memoryOf(row, name))} ${label}${originText(originOf(name))}`);
    if (place) {
      const limit = place.bytes === null ? "at the top of the chart: no limit is known" : `at the limit of ${formatBytes(place.bytes)}`;
      return [`${obstacle}, so never timed`, `drawn ${limit}, and at the latency of ${place.beside + 1}: ${settingsText(page, rows[place.beside])}`];
    }
    return [
      m.isDerived
        ? `${estimateText(m.perImage)} an image, derived from ${counted(m.sources, "measured configuration")}, ${intervalText(m.perImage)}`
        : `${estimateText(m.perImage)} an image (${intervalText(m.perImage)})`,
      `p95 of a call ${formatSeconds(m.p95, halfWidthOf(m.latency) || null)}`,
      m.score === null ? `fidelity not known${m.fidelityReason ? `: ${clip(m.fidelityReason, 80)}` : ""}` : `fidelity ${scoreText(m.score)}${m.worst === null ? "" : ` (worst picture ${scoreText(m.worst)})`}`,
      ...memory,
      state.answer?.chosen === row ? "★ recommended" : obstacle ?? "",
    ].filter(Boolean);
  };
  const clip = (text, longest) => (text.length > longest ? `${text.slice(0, longest - 1)}…` : text);

  /* Points of one look; `bytes` where memory ran out is the limit's, not the configuration's */
  const pointsTrace = (chart, points, look, name, marker = {}) => {
    const isBarred = points.length <= MOST_BARS && chart.number <= MOST_BARS;
    return {
      type: kind(), mode: "markers", name, hoverinfo: "none", customdata: points, showlegend: name !== undefined,
      x: points.map((row) => rows[row].perImage.point), y: points.map((row) => memoryOf(row, chart.figure) / chart.unit),
      ...(isBarred ? {
        error_x: {
          type: "data", symmetric: false, thickness: 1, width: 0, color: look.colour,
          array: points.map((row) => rows[row].perImage.high - rows[row].perImage.point),
          arrayminus: points.map((row) => rows[row].perImage.point - rows[row].perImage.low),
        },
      } : {}),
      marker: {
        color: look.colour, symbol: look.symbol, size: look.size, opacity: look.opacity ?? 1,
        line: { width: look.isHollow ? 1.5 : 0, color: look.colour }, ...marker,
      },
    };
  };

  /* Whole before hollow, measured before derived: the points that count lie above */
  const looks = (points) => {
    const found = { derivedHollow: [], derived: [], degenerate: [], hollow: [], whole: [] };
    points.forEach((row) => {
      const isBeyond = Boolean(obstacleOf(row, state.limits));
      const name = rows[row].isDegenerate ? "degenerate"
        : rows[row].isDerived ? (isBeyond ? "derivedHollow" : "derived") : (isBeyond ? "hollow" : "whole");
      found[name].push(row);
    });
    return found;
  };
  const lookTraces = (chart, points, symbol, colour, name, marker) => {
    const found = looks(points);
    const open = `${symbol}-open`;
    const shapes = { degenerate: "asterisk-open", hollow: open, whole: symbol, derivedHollow: open, derived: symbol };
    let isNamed = false;
    return Object.entries(found).reverse().filter(([, group]) => group.length).map(([look, group]) => {
      const ours = marker ? marker(group) : {};
      const isWhole = shapes[look] === symbol;
      const size = (isLarge ? 6 : 8) * (look.startsWith("derived") ? DERIVED_SIZE : 1);
      const trace = pointsTrace(
        chart, group, { colour, size, symbol: shapes[look], isHollow: !isWhole, opacity: isWhole ? 1 : 0.75 }, isNamed ? undefined : name, ours,
      );
      trace.legendgroup = name;
      isNamed = isNamed || name !== undefined;
      return trace;
    }).reverse();
  };

  const byKnob = (chart, points, knob) => page.values[knob].flatMap(({ text }, value) => {
    const same = points.filter((row) => page.rows.knobs[knob][row] === value);
    return lookTraces(chart, same, SYMBOLS[value % SYMBOLS.length], token(`--s${value % COLOURS}`), escaped(clip(text, LONGEST_LABEL)));
  });
  /* From orange by grey to blue: told apart with any sight of colours */
  const byFidelity = (chart, points) => {
    const known = points.filter((row) => rows[row].score !== null);
    const unknown = points.filter((row) => rows[row].score === null);
    const lowest = Math.min(0.9, Math.floor(10 * known.reduce((least, row) => Math.min(least, rows[row].score), 1)) / 10);
    const scale = [[0, token("--s4")], [0.5, token("--s6")], [1, token("--s0")]];
    const scored = lookTraces(chart, known, "circle", token("--muted"), undefined, (group) => {
      const colours = { color: group.map((row) => rows[row].score), colorscale: scale, cmin: lowest, cmax: 1 };
      return { ...colours, line: { ...colours, width: 1.5 } };
    });
    if (scored.length) {
      scored[0].marker.showscale = true;
      scored[0].marker.colorbar = { title: { text: "fidelity", side: "right" }, thickness: 10, outlinewidth: 0, len: 0.9, tickfont: { size: 11 } };
    }
    return [...scored, ...lookTraces(chart, unknown, "diamond", token("--muted"), "fidelity not known")];
  };

  const ranOutTraces = (chart) => [["oom", "x-open", "out of memory"], ["predicted-oom", "circle-x-open", "predicted not to fit"], ["inferred-oom", "square-x-open", "inferred out of memory"]].flatMap(([status, symbol, name]) => {
    const places = ranOutKept().filter(({ row }) => rows[row].status === status);
    return places.length ? [{
      type: kind(), mode: "markers", name, legendrank: MARKS_RANK, hoverinfo: "none", customdata: places.map(({ row }) => row),
      x: places.map(({ beside }) => rows[beside].perImage.point), y: places.map(({ bytes }) => (bytes ?? chart.topBytes) / chart.unit),
      marker: { symbol, size: isLarge ? 6 : 8, color: token("--bad"), opacity: 0.8, line: { width: 1.5, color: token("--bad") } },
    }] : [];
  });

  /* What WebGL draws lies above what it does not: lines and the star are drawn as the points are */
  const frontierTraces = (chart) => chart.lines.map(({ line }) => ({
    type: kind(), mode: "lines", showlegend: false, hoverinfo: "skip", line: { color: token(isLarge ? "--ink" : "--muted"), width: isLarge ? 2 : 1.5 },
    x: line.map((row) => rows[row].perImage.point), y: line.map((row) => memoryOf(row, chart.figure) / chart.unit),
  }));

  const positionOf = (row, chart) => {
    const place = placeOf.get(row);
    if (place) return [rows[place.beside].perImage.point, (place.bytes ?? chart.topBytes) / chart.unit];
    const bytes = memoryOf(row, chart.figure);
    return isTimed(row) && bytes !== null ? [rows[row].perImage.point, bytes / chart.unit] : null;
  };
  const markTrace = (chart, marked, name, marker) => {
    const places = marked.map((row) => positionOf(row, chart)).filter(Boolean);
    return { type: kind(), mode: "markers", name, legendrank: MARKS_RANK, hoverinfo: "skip", showlegend: places.length > 0, x: places.map(([x]) => x), y: places.map(([, y]) => y), marker };
  };

  /* A label at an end of its line, or along it; left out where it would lie upon another */
  const frontierLabels = (chart) => {
    const labelled = chart.lines.filter(({ label }) => label);
    if (chart.lines.length < 2) return [];
    const [WIDTH_PX, HEIGHT_PX] = [6.6, 15]; /* of a character */
    const taken = limitMarks(chart).annotations.filter(({ yref }) => yref !== "paper").map(({ text, x, y }) => {
      const [width, base] = [text.length * WIDTH_PX, chart.toPx.y(chart.isLog ? 10 ** y : y)];
      const left = x * (chart.widthPx - width);
      return [left, base - HEIGHT_PX, left + width, base];
    });
    return labelled.slice(0, MOST_LABELS).flatMap(({ label, line }) => {
      const text = clip(label, LONGEST_LABEL);
      const along = line.map((row) => positionOf(row, chart));
      const candidates = [along.at(-1), along[0], ...along.slice(1, -1)].flatMap((at) => [[at, "left"], [at, "right"]]);
      for (const [[x, y], side] of candidates) {
        const [px, py] = [chart.toPx.x(x), chart.toPx.y(y)];
        const left = side === "left" ? px + 8 : px - 8 - text.length * WIDTH_PX;
        const box = [left, py, left + text.length * WIDTH_PX, py + HEIGHT_PX];
        const isInside = box[0] >= 0 && box[2] <= chart.widthPx && box[3] <= chart.heightPx;
        if (isInside && !taken.some((other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3])) {
          taken.push(box);
          return [{
            x: chart.isLog ? Math.log10(x) : x, y: chart.isLog ? Math.log10(y) : y, text: escaped(text), showarrow: false, xanchor: side,
            yanchor: "top", xshift: side === "left" ? 8 : -8, font: { color: token("--muted"), size: 12 },
            ...(isLarge ? { bgcolor: token("--page"), opacity: 0.85 } : {}),
          }];
        }
      }
      return [];
    });
  };

  /* Unit, ranges and scale of what is to be drawn */
  const chartOf = () => {
    const figure = chosen("figure");
    const lines = frontiersOf(figure);
    const points = keptTimed(figure, lines);
    const bytes = points.map((row) => memoryOf(row, figure));
    const [largest, smallest] = [bytes.reduce((a, b) => Math.max(a, b), 0), bytes.reduce((a, b) => Math.min(a, b), Infinity)];
    const known = ranOutKept().map((place) => place.bytes).filter((limit) => limit !== null);
    const highest = known.reduce((a, b) => Math.max(a, b), largest);
    const limit = state.limits.memory_bytes;
    const showsLimit = limit !== null && limit < 2 * highest;
    const most = Math.max(highest, showsLimit ? limit : 0);
    const topBytes = 1.1 * most;
    const [unit, unitName] = most >= GIB ? [GIB, "GiB"] : [MIB, "MiB"];
    const latencies = points.map((row) => rows[row].perImage.point);
    const slowest = 1.06 * points.reduce((most, row) => Math.max(most, points.length <= MOST_BARS ? rows[row].perImage.high : rows[row].perImage.point), 0);
    const fastest = latencies.reduce((a, b) => Math.min(a, b), slowest);
    const isLog = byId("logarithmic").checked;
    const ranges = isLog
      ? { x: [Math.log10(fastest / 1.2), Math.log10(slowest)], y: [Math.log10(smallest / unit / 1.2), Math.log10(topBytes / unit)] }
      : { x: [0, slowest], y: [0, topBytes / unit] };
    const [widthPx, heightPx] = [Math.max(100, target.clientWidth - 130), Math.max(100, target.clientHeight - 90)];
    const scaled = (range, value) => ((isLog ? Math.log10(value) : value) - range[0]) / (range[1] - range[0]);
    return {
      figure, lines, points, number: points.length, unit, unitName, topBytes: topBytes * 0.97, limit, showsLimit, isLog, ranges, widthPx, heightPx,
      toPx: { x: (value) => scaled(ranges.x, value) * widthPx, y: (value) => (1 - scaled(ranges.y, value)) * heightPx },
    };
  };
  /* Where the memory ran out, if that is not the limit that is asked for */
  const MOST_ENDS = 3;
  const endMarks = (chart) => {
    const ends = [...new Set(ranOutKept().map(({ bytes }) => bytes))].filter((bytes) => bytes !== null && bytes !== chart.limit);
    if (ends.length > MOST_ENDS) return { shapes: [], annotations: [] };
    return {
      shapes: ends.map((bytes) => ({ ...limitLine(bytes / chart.unit), line: { color: token("--bad"), width: 1, dash: "dot" } })),
      annotations: ends.map((bytes) => limitLabel(`ran out at ${formatBytes(bytes)}`, {
        x: 0, xanchor: "left", y: chart.isLog ? Math.log10(bytes / chart.unit) : bytes / chart.unit, yanchor: "bottom",
      })),
    };
  };
  const limitMarks = (chart) => {
    const [asked, ends] = [askedMarks(chart), endMarks(chart)];
    const ground = isLarge ? { bgcolor: token("--page"), opacity: 0.85 } : {};
    return {
      shapes: [...asked.shapes, ...ends.shapes],
      annotations: [...asked.annotations, ...ends.annotations].map((label) => ({ ...label, ...ground })),
    };
  };
  const askedMarks = (chart) => {
    if (chart.limit === null) return { shapes: [], annotations: [] };
    const isHeld = chart.figure === "peak_memory_bytes";
    const text = escaped(`limit ${memoryLimitText(chart.limit)}${isHeld ? "" : " (of peak memory)"}`);
    const isNarrow = chart.widthPx < 300;
    if (!chart.showsLimit) return { shapes: [], annotations: [limitLabel(`${text}${isNarrow ? "<br>" : " "}lies above the chart`, { yref: "paper", y: 1, yanchor: "top", align: "right" })] };
    const y = chart.limit / chart.unit;
    return { shapes: [limitLine(y)], annotations: [limitLabel(text, { y: chart.isLog ? Math.log10(y) : y, yanchor: "bottom" })] };
  };

  /* The selected point wears a ring: a shape, since changing a trace draws all points anew */
  const RING_PX = 13;
  const ring = (chart) => {
    const at = state.selected === null ? null : positionOf(state.selected, chart);
    return at === null ? [] : [{
      type: "circle", xref: "x", yref: "y", xsizemode: "pixel", ysizemode: "pixel", xanchor: at[0], yanchor: at[1],
      x0: -RING_PX, x1: RING_PX, y0: -RING_PX, y1: RING_PX, line: { color: token("--accent"), width: 3 },
    }];
  };
  const shapesOf = (chart) => [...limitMarks(chart).shapes, ...ring(chart)];

  let shown = null;
  const draw = () => {
    if (state.answer === null) return undefined;
    const chart = chartOf();
    const knob = chosen("colour-by");
    const points = !knob ? lookTraces(chart, chart.points, "circle", token("--s0"), undefined)
      : knob === "fidelity" ? byFidelity(chart, chart.points) : byKnob(chart, chart.points, knob);
    const traces = [
      ...(isLarge ? [] : frontierTraces(chart)), ...ranOutTraces(chart), ...points, ...(isLarge ? frontierTraces(chart) : []),
      ...(data.unbeaten[chart.figure].length && data.unbeaten[chart.figure].length <= MOST_RINGS ? [markTrace(chart, data.unbeaten[chart.figure], "unbeaten in all three", { symbol: "circle-open", size: 15, color: token("--muted"), line: { width: 1 } })] : []),
      markTrace(chart, state.answer.chosen === null ? [] : [state.answer.chosen], "recommended", { symbol: "star", size: 19, color: token("--ink"), line: { width: 1.5, color: token("--page") } }),
    ];
    shown = chart;
    const { annotations } = limitMarks(chart);
    const axis = { ...plainAxis(), type: chart.isLog ? "log" : "linear" };
    const { label } = page.figures.find(({ name }) => name === chart.figure);
    const layout = plainLayout();
    Plotly.react(target, traces, {
      ...layout,
      uirevision: `${chart.figure} ${chart.isLog}`,
      legend: { ...layout.legend, itemsizing: "constant" },
      xaxis: { ...axis, title: { text: "latency an image (s)" }, range: chart.ranges.x },
      yaxis: { ...axis, title: { text: `${escaped(label)} (${chart.unitName})`, font: { size: 12 } }, range: chart.ranges.y },
      shapes: shapesOf(chart), annotations: [...annotations, ...frontierLabels(chart)],
    }, CHART_OPTIONS);
    if (isWebgl && target.querySelector(".no-webgl")) return withoutWebgl();
    const all = timed.filter((row) => memoryOf(row, chart.figure) !== null).length + ranOut.length;
    const drawn = chart.number + ranOutKept().length;
    const remark = byId("chart-remark");
    remark.hidden = drawn === all;
    remark.textContent = `${drawn} of ${all} points are drawn, the frontiers among them: this browser has no WebGL.`;
    return undefined;
  };
  const withoutWebgl = () => {
    isWebgl = false;
    Plotly.purge(target);
    draw();
    listenToPointer();
  };

  /* Many changes of a limit in a moment are one drawing, after what is in words. Thousands of points
     are drawn once the limit rests, so that a slider can be dragged. */
  const REST_MS = 150;
  let awaited = null;
  const drawSoon = () => {
    if (isLarge) {
      clearTimeout(awaited);
      awaited = setTimeout(draw, REST_MS);
    } else if (awaited === null) {
      awaited = requestAnimationFrame(() => { awaited = null; draw(); });
    }
  };

  const tip = byId("chart-tip");
  const showTip = ({ points: [point], event }) => {
    const row = point.customdata;
    if (typeof row !== "number") return;
    tip.replaceChildren(make("strong", {}, clip(settingsText(page, rows[row]), 200)), ...told(row).map((line) => make("span", {}, line)));
    tip.hidden = false;
    const frame = target.parentElement.getBoundingClientRect();
    const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
    tip.style.left = `${Math.max(0, Math.min(x + 14, frame.width - tip.offsetWidth))}px`;
    tip.style.top = `${y + 14 + tip.offsetHeight > frame.height ? Math.max(0, y - 14 - tip.offsetHeight) : y + 14}px`;
  };

  /* Plotly's own events begin with its first drawing */
  const listenToPointer = () => {
    if (!target.on) return;
    target.removeAllListeners();
    target.on("plotly_hover", showTip);
    target.on("plotly_unhover", () => { tip.hidden = true; });
    target.on("plotly_click", ({ points: [{ customdata: row }] }) => { if (typeof row === "number") select(row); });
    target.on("plotly_webglcontextlost", withoutWebgl);
  };

  let isListening = false;
  listen("answer", () => {
    if (isListening) return drawSoon();
    isListening = true;
    return Promise.resolve(keepDrawn(target, draw, ["figure", "colour-by", "logarithmic"])).then(listenToPointer);
  });
  listen("selected", () => { if (shown !== null) Plotly.relayout(target, { shapes: shapesOf(shown) }); });
})();
