/* What an objective minimises, read of rows so that like is compared with like (analysis/objective.py) */
const METRICS = {
  latency_per_image: (m) => m.perImage,
  latency: (m) => m.latency,
  memory: (m) => (m.peak === null ? null : { point: m.peak, low: m.peak, high: m.peak, confidence: 1, count: 1 }),
};

const sweptFigureOf = (m, objective) => {
  if (objective === "memory" || m.swept === null) return METRICS[objective](m);
  return objective === "latency" ? m.swept : m.sweptPerImage;
};

/* The figures of two rows under the same conditions; null where one has none */
const likeForLike = (one, other, objective) => {
  const isAlike = Boolean(one.confirmedRounds) === Boolean(other.confirmedRounds);
  const read = isAlike ? METRICS[objective] : (m) => sweptFigureOf(m, objective);
  const [ours, theirs] = [read(one), read(other)];
  return ours === null || theirs === null ? null : [ours, theirs];
};

/* Of {estimate, m} those that may be chosen: what was measured again, and what beat that in the sweep */
const contenders = (ranked, objective) => {
  const swept = ranked.filter(({ m }) => m.confirmedRounds)
    .map(({ m }) => sweptFigureOf(m, objective)).filter((estimate) => estimate !== null);
  if (!swept.length || objective === "memory") return ranked;
  const bound = swept.reduce((a, b) => (b.point < a.point ? b : a)).point;
  return ranked.filter(({ estimate, m }) => m.confirmedRounds || estimate.point < bound);
};
