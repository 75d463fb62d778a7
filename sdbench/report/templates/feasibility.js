/* Which configurations keep to the limits, and by how much the others miss them
   (analysis/feasibility.py) */
const UNKNOWN_FIDELITY = "without a known fidelity";

const neededBytes = (m, limits) => (m.peak === null ? null : Math.ceil(m.peak * (1 + limits.headroom_ratio)));

const {
  obstacle, obstacleOf, whyNot, doesNotFit, heldBy, obstacleCounts, unknownFidelities, nearestMiss,
} = (() => {
  const EXCESS_WORDS = {
    peak_memory_bytes: "over the memory limit",
    latency_p95_s: "over the latency limit",
    fidelity: "below the fidelity limit",
    batch_size: "over the batch limit",
  };

  const CLAUSES = {
    oom: "it ran out of memory",
    timeout: "it timed out",
    error: "it ended with an error",
    unsupported: "it is not supported",
    skipped: "it was skipped",
    "predicted-oom": "it is predicted not to fit into memory",
    "inferred-oom": "what needs no more memory ran out of it",
    unstable: "its latency is not stable",
    missing: "it was not measured",
    "not timed": "it has no timed call",
    degenerate: "it drew a degenerate picture",
    "unknown peak": "its memory peak is not known",
    "unknown fidelity": "its fidelity is not known",
  };

  const excess = (figure, value, limit, headroom = 0) => {
    const difference = value - limit;
    return { figure, value, limit, headroom, ratio: (figure === "fidelity" ? -difference : difference) / limit };
  };
  const excessesOf = (m, limits) => {
    const most = [
      ["peak_memory_bytes", neededBytes(m, limits), limits.memory_bytes],
      ["latency_p95_s", m.p95, limits.latency_s],
      ["batch_size", m.batch, limits.batch_size],
    ];
    const exceeded = most
      .filter(([, value, limit]) => value !== null && limit !== null && value > limit)
      .map(([figure, value, limit]) => (
        excess(figure, value, limit, figure === "peak_memory_bytes" ? limits.headroom_ratio : 0)));
    const least = limits.fidelity;
    if (m.pessimistic !== null && least !== null && m.pessimistic < least) {
      exceeded.push(excess("fidelity", m.pessimistic, least));
    }
    return exceeded;
  };

  const FLAW_WORDS = {
    "not timed": "without a timed call",
    degenerate: "drew a degenerate picture",
    "unknown peak": "without a known memory peak",
    "unknown fidelity": UNKNOWN_FIDELITY,
  };

  /* What keeps it back however far the limits are moved */
  const flaw = (m, limits) => {
    if (m.status !== "ok") return m.status;
    if (m.perImage === null) return "not timed";
    if (m.isDegenerate) return "degenerate";
    if (limits.memory_bytes !== null && m.peak === null) return "unknown peak";
    if (limits.fidelity !== null && m.pessimistic === null) return "unknown fidelity";
    return null;
  };

  /* As words after a number; null where nothing keeps it back */
  const obstacle = (data, m, limits) => {
    const kind = flaw(m, limits);
    if (kind !== null) return FLAW_WORDS[kind] ?? data.status_words[kind];
    return excessesOf(m, limits).map(({ figure }) => EXCESS_WORDS[figure]).join(" and ") || null;
  };

  /* The most frequent first; of equally frequent ones the first that was met */
  const tally = (words) => {
    const found = new Map();
    words.forEach((word) => found.set(word, (found.get(word) ?? 0) + 1));
    return [...found].sort(([, a], [, b]) => b - a);
  };

  return {
    /* The limits that keep it from being recommended, where nothing else does */
    heldBy: (m, limits) => (flaw(m, limits) === null ? excessesOf(m, limits) : []),
    obstacle,
    /* The same as a clause, with figures */
    whyNot: (m, limits) => {
      const kind = flaw(m, limits);
      return kind === null ? joined(excessesOf(m, limits).map(excessText)) || null : CLAUSES[kind];
    },
    doesNotFit: (m, limits) => (m.status === "ok"
      ? excessesOf(m, limits).some(({ figure }) => figure === "peak_memory_bytes")
      : ["oom", "inferred-oom", "predicted-oom"].includes(m.status)),
    obstacleOf: (row, limits) => obstacle(page, rowsOf(page)[row], limits),
    /* Of many kinds those that are beyond several limits are counted together */
    obstacleCounts: (data, group, limits) => {
      const MOST_TOLD = 4;
      const words = group.map((m) => obstacle(data, m, limits)).filter(Boolean);
      const merged = words.map((each) => (each.includes(" and ") ? "beyond several limits" : each));
      const counts = tally(new Set(words).size > MOST_TOLD ? merged : words);
      return counts.map(([each, number]) => `${number} ${each}`).join(", ");
    },
    unknownFidelities: (data, group, limits) => tally(
      group.filter((m) => obstacle(data, m, limits) === UNKNOWN_FIDELITY).map((m) => m.fidelityReason),
    ),
    /* Where several limits are missed, the largest share counts */
    nearestMiss: (group, limits) => {
      let nearest = null;
      for (const m of group) {
        if (flaw(m, limits) !== null) continue;
        const exceeded = excessesOf(m, limits);
        if (!exceeded.length) continue;
        const share = Math.max(...exceeded.map(({ ratio }) => ratio));
        if (nearest === null || share < nearest.share) nearest = { m, exceeded, share };
      }
      return nearest;
    },
  };
})();
