/* What relaxing each limit buys (analysis/relaxing.py) */
const SMALLEST_GAIN = 1.05;
const SAME_RELAXATION_RATIO = 1.02;

const relaxationsOf = (() => {
  const LIMITS = {
    peak_memory_bytes: "memory_bytes", latency_p95_s: "latency_s", fidelity: "fidelity", batch_size: "batch_size",
  };

  /* How many times as good a row is, where it is a gain; else null */
  const gainBy = (m, chosen, objective) => {
    const pair = likeForLike(m, chosen, objective);
    if (pair === null) return null;
    const [theirs, ours] = pair;
    const isGain = theirs.point > 0 && theirs.point * SMALLEST_GAIN <= ours.point && !overlap(ours, theirs);
    return isGain ? ours.point / theirs.point : null;
  };

  /* The least relaxation, and of those as good as the best one the least; the second alone where both
     relax to the same value */
  const leastAndMost = (able, limit, hasRecommendation) => {
    if (!able.length) return [];
    const step = ({ to }) => (limit === "fidelity" ? -to : to);
    const byStep = (a, b) => {
      const difference = step(b) - step(a) || b.estimate.point - a.estimate.point;
      return difference < 0 ? b : a;
    };
    const least = able.reduce(byStep);
    const best = able.map(({ estimate }) => estimate).reduce((a, b) => (b.point < a.point ? b : a));
    const most = able
      .filter(({ estimate }) => overlap(estimate, best) && estimate.point <= best.high)
      .reduce(byStep);
    if (!hasRecommendation) return [least];
    const [low, high] = [Math.min(least.to, most.to), Math.max(least.to, most.to)];
    return high <= low * SAME_RELAXATION_RATIO ? [most] : [least, most];
  };

  return (group, limits, chosen, objective) => {
    const able = { memory_bytes: [], latency_s: [], fidelity: [], batch_size: [] };
    const shared = new Set();
    for (const m of group) {
      const estimate = METRICS[objective](m);
      const ratio = estimate && chosen ? gainBy(m, chosen, objective) : null;
      if (estimate === null || (chosen && ratio === null)) continue;
      const held = heldBy(m, limits);
      if (held.length === 1) able[LIMITS[held[0].figure]].push({ to: held[0].value, estimate, ratio, m });
      else held.forEach(({ figure }) => shared.add(LIMITS[figure]));
    }
    return Object.keys(able).filter((limit) => limits[limit] !== null).flatMap((limit) => {
      const given = limits[limit];
      const found = leastAndMost(able[limit], limit, chosen !== null).map(({ to, ratio, m }) => (
        { limit, given, to, choice: m, ratio, isShared: false }));
      return found.length
        ? found : [{ limit, given, to: null, choice: null, ratio: null, isShared: shared.has(limit) }];
    });
  };
})();
