/* The configurations of the page's columns, with what follows from them (analysis/measurement.py).
   Latencies are estimates {point, low, high, confidence, count} in seconds; the count of a derived one
   is 0. Origins are null of what was measured. */
const rowsOf = (() => {
  const known = new WeakMap();

  const estimateOf = (columns, row) => {
    const point = columns.latency_s[row];
    if (point === null) return null;
    const [low, high] = [columns.low_s[row] ?? point, columns.high_s[row] ?? point];
    return { point, low, high, confidence: columns.confidence[row], count: columns.count[row] };
  };
  const scaled = (estimate, factor) => ({
    ...estimate, point: estimate.point * factor, low: estimate.low * factor, high: estimate.high * factor,
  });

  const rowOf = (data, row) => {
    const columns = data.rows;
    const figure = data.figures[columns.peak_figure[row]]?.name ?? null;
    const latency = estimateOf(columns, row);
    const word = data.statuses[columns.status[row]];
    const images = columns.images[row];
    const swept = columns.swept[row] && { point: columns.swept[row][0], low: columns.swept[row][1], high: columns.swept[row][2] };
    const [score, worst] = [columns.fidelity[row], columns.worst_fidelity[row]];
    const reason = data.texts[columns.fidelity_reason[row]] ?? "";
    return {
      row,
      status: word === "derived" ? "ok" : word,
      isDerived: word === "derived",
      sources: columns.sources?.[row] ?? null,
      isKnown: columns.is_known[row],
      latency,
      perImage: latency && images ? scaled(latency, 1 / images) : null,
      swept,
      sweptPerImage: swept && images ? scaled(swept, 1 / images) : null,
      p95: columns.p95_s[row],
      peak: figure === null ? null : columns.memory[figure][row],
      peakFigure: figure,
      peakOrigin: columns.memory_origin[figure]?.[row] ?? null,
      allocatedOrigin: columns.memory_origin.peak_allocated_bytes?.[row] ?? null,
      allocated: columns.memory.peak_allocated_bytes?.[row] ?? null,
      batch: columns.batch_size[row],
      score, worst, pessimistic: worst ?? score,
      fidelityReason: reason,
      isDegenerate: columns.is_degenerate[row],
      confirmedRounds: columns.confirmed_rounds[row],
      default: data.default_row[row],
    };
  };

  return (data) => {
    if (!known.has(data)) known.set(data, data.rows.key.map((_, row) => rowOf(data, row)));
    return known.get(data);
  };
})();

const overlap = (one, other) => one.low <= other.high && other.low <= one.high;
