/* What relaxing each limit buys (analysis/relaxing.py) */
const SMALLEST_GAIN = 1.05;
const SAME_RELAXATION_RATIO = 1.02;

const relaxationsOf = (() => {
  const LIMITS = {
    peak_memory_bytes: "memory_bytes", latency_p95_s: "latency_s", fidelity: "fidelity", batch_size: "batch_size",
  };

  const isGain = (ours, theirs) => (
    theirs.point > 0 && theirs.point * SMALLEST_GAIN <= ours.point && !overlap(ours, theirs)
  );

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

  return (group, limits, chosen, metricOf) => {
    const ours = chosen && metricOf(chosen);
    const able = { memory_bytes: [], latency_s: [], fidelity: [], batch_size: [] };
    for (const m of group) {
      const [excess, estimate] = [soleExcess(m, limits), metricOf(m)];
      if (excess !== null && estimate !== null && (ours === null || isGain(ours, estimate))) {
        able[LIMITS[excess.figure]].push({ to: excess.value, estimate, m });
      }
    }
    return Object.keys(able).filter((limit) => limits[limit] !== null).flatMap((limit) => {
      const given = limits[limit];
      const found = leastAndMost(able[limit], limit, ours !== null).map(({ to, estimate, m }) => (
        { limit, given, to, choice: m, ratio: ours && ours.point / estimate.point }));
      return found.length ? found : [{ limit, given, to: null, choice: null, ratio: null }];
    });
  };
})();
