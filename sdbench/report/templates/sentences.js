/* The answer in words, word for word as analysis/advice.py, feasibility.py and relaxing_words.py */
const WORDLESS = "the pipeline as it is shipped";

/* A configuration in words: the values of these knobs, the most telling ones first */
const settingsText = (data, m, names = data.names) => {
  if (!names.length) return m.isKnown ? data.plain_settings : WORDLESS;
  const first = ["scheduler", "steps", "dtype"].filter((name) => names.includes(name));
  return [...new Set([...first, ...names])]
    .filter((name) => data.rows.knobs[name][m.row] >= 0)
    .map((name) => data.values[name][data.rows.knobs[name][m.row]].text)
    .join(", ") || WORDLESS;
};

const memoryLimitText = (bytes) => withoutIdleZeros(formatBytes(bytes));
const HEADROOM_RATIO = 0.02; /* the usual one, which need not be told */
const shareText = (ratio) => `${general(100 * ratio, 3)}%`;
const headroomText = (ratio) => {
  if (ratio === HEADROOM_RATIO) return "";
  return ratio ? ` with ${shareText(ratio)} headroom` : " without headroom";
};
const latencyLimitText = (seconds) => withoutIdleZeros(formatSeconds(seconds));

const limitsText = (limits) => {
  const parts = [];
  if (limits.memory_bytes !== null) {
    parts.push(`within ${memoryLimitText(limits.memory_bytes)}${headroomText(limits.headroom_ratio)}`);
  }
  if (limits.run_memory_bytes !== null) {
    parts.push(`within the run's memory limit of ${memoryLimitText(limits.run_memory_bytes)}`);
  }
  if (!parts.length) parts.push("no memory limit was given");
  if (limits.latency_s !== null) parts.push(`p95 of a call at most ${latencyLimitText(limits.latency_s)}`);
  if (limits.batch_size !== null) parts.push(`batch at most ${limits.batch_size}`);
  parts.push(limits.fidelity === null ? "no fidelity limit was given" : `fidelity at least ${general(limits.fidelity)}`);
  return parts.join(", ");
};

const fidelityText = (m) => {
  if (m.score === null) return null;
  const text = `fidelity ${scoreText(m.score)}`;
  return m.worst === null ? text : `${text} (worst picture ${scoreText(m.worst)})`;
};
const p95Text = (m) => formatSeconds(m.p95, (m.latency && halfWidthOf(m.latency)) || null);

const originText = (origin) => (origin === null ? "" : ` (${origin})`);
const latencyText = (m) => `${estimateText(m.perImage)}${m.isDerived ? " (derived)" : ""}`;
const memoryText = (m) => `${formatBytes(m.peak)}${originText(m.peakOrigin)}`;

/* Latency, memory and fidelity, as far as they are known; what was not measured with its origin */
const figuresText = (data, m) => {
  const derived = m.isDerived ? `, derived (${intervalText(m.perImage)}; p95 of a call taken as ${p95Text(m)})` : null;
  const parts = [`${estimateText(m.perImage)} an image${derived ?? ` (p95 of a call ${p95Text(m)})`}`];
  if (m.allocated !== null) parts.push(`${formatBytes(m.allocated)} allocated${originText(m.allocatedOrigin)}`);
  if (m.peak === null) parts.push("peak memory unknown");
  else if (m.peakFigure !== "peak_allocated_bytes") {
    parts.push(`${formatBytes(m.peak)} ${data.figure_words[m.peakFigure] ?? ""}${originText(m.peakOrigin)}`);
  }
  const fidelity = fidelityText(m);
  return [...parts, ...(fidelity === null ? [] : [fidelity])].join(", ");
};

/* The headline in its parts; the last are null where nothing is recommended, or to be said */
const headlineParts = (data, { limits, best }) => ({
  where: `On ${data.device}, ${limitsText(limits)}:`,
  what: best.chosen === null ? "no configuration can be recommended" : settingsText(data, best.chosen),
  figures: best.chosen === null ? null : figuresText(data, best.chosen),
  gain: gainWords(data, best.gain),
});
const headlineText = (data, advice) => {
  const { where, what, figures, gain } = headlineParts(data, advice);
  const parts = [figures, gain].filter(Boolean);
  return `${where} ${what}${parts.length ? `: ${parts.join(", ")}` : ""}.`;
};

const excessText = ({ figure, value, limit, ratio, headroom }) => {
  const share = `${fixed(ratio * 100, ratio < 0.1 ? 1 : 0)}%`;
  switch (figure) {
    case "fidelity":
      return `the fidelity of its worst picture, ${scoreText(value)}, is below ${general(limit)} by ${share}`;
    case "batch_size":
      return `its batch of ${general(value)} exceeds ${general(limit)}`;
    case "peak_memory_bytes": {
      const peak = formatBytes(Math.trunc(value / (1 + headroom)));
      const room = headroom ? ` with ${shareText(headroom)} headroom` : "";
      return `its peak memory of ${peak}${room} exceeds ${memoryLimitText(limit)} by ${share}`;
    }
    default:
      return `its p95 of a call of ${formatSeconds(value)} exceeds ${latencyLimitText(limit)} by ${share}`;
  }
};

/* What relaxing the limits buys, a line each; limits are rounded to the side that lets it in */
const { relaxationLines } = (() => {
  const NAMES = { memory_bytes: "memory", latency_s: "latency", fidelity: "fidelity", batch_size: "batch" };

  const decimalsOf = (count) => (count > 0 ? Math.max(0, DIGITS - 1 - Math.floor(Math.log10(count))) : 0);
  const raised = (value, unit, decimals) => {
    const scale = 10 ** decimals;
    const steps = roundedToEven((value / unit) * scale);
    return (steps / (scale / unit) < value ? steps + 1 : steps) / scale;
  };
  const raisedBytes = (bytes) => {
    const whole = Math.ceil(bytes);
    const unit = [GIB, MIB, KIB].find((one) => whole >= one) ?? 1;
    return Math.ceil(raised(whole, unit, unit > 1 ? decimalsOf(whole / unit) : 0) * unit);
  };
  const raisedSecondsText = (seconds) => {
    const [unit, name] = seconds > 0.999 ? [1, "s"] : [1e-3, "ms"];
    const decimals = decimalsOf(seconds / unit);
    return withoutIdleZeros(`${fixed(raised(seconds, unit, decimals), decimals)} ${name}`);
  };
  const loweredScore = (score) => {
    const hundredths = roundedToEven(100 * score);
    return Math.max(hundredths / 100 > score ? hundredths - 1 : hundredths, 0) / 100;
  };

  const relaxedText = ({ limit, given, to }) => {
    switch (limit) {
      case "memory_bytes": {
        const bytes = raisedBytes(to);
        return `${withoutIdleZeros(formatBytes(bytes - given))} more memory (${memoryLimitText(bytes)})`;
      }
      case "latency_s": return `latency ${raisedSecondsText(to)}`;
      case "fidelity": return loweredScore(to) ? `fidelity ${fixed(loweredScore(to), 2)}` : "no fidelity limit";
      default: return `batch ${general(to)}`;
    }
  };
  const letInText = ({ limit, to }) => {
    switch (limit) {
      case "memory_bytes": return `${memoryLimitText(raisedBytes(to))} of memory`;
      case "latency_s": return `A latency of ${raisedSecondsText(to)}`;
      case "fidelity": return loweredScore(to) ? `A fidelity of ${fixed(loweredScore(to), 2)}` : "No fidelity limit";
      default: return `A batch of ${general(to)}`;
    }
  };
  const gainText = (ratio, objective) => {
    if (objective === "memory") return `${timesText(ratio)} times less memory`;
    return `${objective === "latency" ? "a call " : ""}${timesText(ratio)} times as fast`;
  };
  const relaxationText = (data, relaxation) => {
    const what = settingsText(data, relaxation.choice);
    if (relaxation.ratio === null) return `${letInText(relaxation)} would let in ${what}.`;
    return `${relaxedText(relaxation)}: ${gainText(relaxation.ratio, data.objective)} (${what})`;
  };

  return {
    relaxationLines: (data, choice) => {
      const lines = choice.relaxations.filter((one) => one.choice).map((one) => relaxationText(data, one));
      const idle = choice.relaxations.filter((one) => !one.choice).map(({ limit }) => NAMES[limit]);
      if (idle.length && choice.chosen === null) {
        lines.push(`Relaxing the ${joined(idle, "or")} ${idle.length === 1 ? "limit" : "limits"} alone lets nothing in.`);
        return lines;
      }
      const namesOf = (isShared) => choice.relaxations
        .filter((one) => !one.choice && one.isShared === isShared).map(({ limit }) => NAMES[limit]);
      const [shared, free] = [namesOf(true), namesOf(false)];
      if (shared.length) {
        lines.push(`Relaxing the ${joined(shared, "or")} ${shared.length === 1 ? "limit" : "limits"} alone buys nothing.`);
      }
      if (free.length) {
        lines.push(`The ${joined(free)} ${free.length === 1 ? "limit is" : "limits are"} not binding.`);
      }
      return lines;
    },
  };
})();
