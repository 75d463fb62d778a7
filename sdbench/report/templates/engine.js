/* Which configuration to run within limits: analysis/recommend.py, rule for rule and in the same
   arithmetic, so that the page and `sdbench recommend` agree */
const adviceFor = (() => {
  const EQUAL_MEMORY_RATIO = 0.02;
  const EQUAL_MEMORY_BYTES = 16 * MIB;
  const EQUAL_FIDELITY = 0.02;

  const least = (values) => values.reduce((a, b) => (b < a ? b : a));
  const leastMemory = (tied) => {
    const known = tied.filter(({ m }) => m.allocated !== null);
    if (!known.length) return tied;
    const smallest = least(known.map(({ m }) => m.allocated));
    const bound = smallest + Math.max(EQUAL_MEMORY_BYTES, EQUAL_MEMORY_RATIO * smallest);
    return known.filter(({ m }) => m.allocated <= bound);
  };
  const mostFaithful = (tied) => {
    const known = tied.filter(({ m }) => m.score !== null);
    if (!known.length) return tied;
    const bound = -least(known.map(({ m }) => -m.score)) - EQUAL_FIDELITY;
    return known.filter(({ m }) => m.score >= bound);
  };

  /* Against the default that is asked for the same picture */
  const gainOf = (data, chosen, limits) => {
    if (chosen.default === null) return null;
    const other = rowsOf(data)[chosen.default];
    const [ours, theirs] = likeForLike(chosen, other, data.objective) ?? [null, null];
    const isTold = other.status === "ok" && ours && !overlap(ours, theirs) && ours.point;
    const steps = data.rows.knobs.steps;
    return {
      default: other,
      ratio: isTold ? theirs.point / ours.point : null,
      obstacle: obstacle(data, other, limits),
      reason: whyNot(other, limits),
      doesNotFit: doesNotFit(other, limits),
      isChosen: other === chosen,
      isOtherWork: Boolean(steps) && steps[other.row] !== steps[chosen.row] && limits.fidelity === null,
    };
  };

  const nothing = (data, group, members, limits) => {
    const miss = nearestMiss(members, limits);
    return {
      group, members, chosen: null, ties: [], ranking: null, gain: null,
      relaxations: relaxationsOf(members, limits, null, data.objective),
      miss: miss?.m ?? null, excess: miss?.exceeded ?? [],
    };
  };

  const choose = (data, group, limits) => {
    const rows = rowsOf(data);
    const members = group.rows.map((row) => rows[row]);
    const ranked = members
      .filter((m) => obstacle(data, m, limits) === null)
      .map((m) => ({ estimate: METRICS[data.objective](m), m }))
      .filter(({ estimate }) => estimate !== null);
    if (!ranked.length) return nothing(data, group, members, limits);
    const able = contenders(ranked, data.objective);
    const fastest = able.reduce((a, b) => (b.estimate.point < a.estimate.point ? b : a));
    const first = fastest.estimate;
    const isOfMemory = data.objective === "memory";
    const isSettled = isOfMemory || !fastest.m.isDerived;
    const tied = able.filter(({ estimate }) => overlap(estimate, first));
    const asFast = ranked.filter(({ estimate }) => overlap(estimate, first) || estimate.point < first.point);
    const near = tied.filter(
      ({ estimate, m }) =>
        m === fastest.m || (isSettled && estimate.point <= first.high && (isOfMemory || !m.isDerived)),
    );
    const thrifty = leastMemory(near);
    const faithful = mostFaithful(thrifty);
    const best = faithful.reduce((a, b) => {
      const difference = b.estimate.point - a.estimate.point || b.m.perImage.point - a.m.perImage.point;
      return difference < 0 ? b : a;
    });
    return {
      group, members, chosen: best.m, ties: tied.map(({ m }) => m).filter((m) => m !== best.m),
      ranking: {
        chosen: best.estimate, tied: tied.map(({ estimate }) => estimate),
        thrifty: thrifty.length, faithful: faithful.length, ranked: ranked.length,
        setAside: asFast.length - tied.length, isSettled,
        hasTold: !isOfMemory && tied.some(({ m }) => m.isDerived),
      },
      gain: gainOf(data, best.m, limits),
      relaxations: relaxationsOf(members, limits, best.m, data.objective),
      miss: null, excess: [],
    };
  };

  /* A ratio of latencies that is worth a sentence; null where speed is not the objective */
  const timesAsFast = (one, other, objective) => {
    if (other === null || objective === "memory") return null;
    const [ours, theirs] = likeForLike(one, other, objective) ?? [null, null];
    if (ours === null || overlap(ours, theirs)) return null;
    const ratio = theirs.point / ours.point;
    return ratio >= SMALLEST_GAIN ? ratio : null;
  };

  const withoutFidelityLimit = (data, limits, groups, best) => {
    if (limits.fidelity === null) return null;
    const unlimited = { ...limits, fidelity: null };
    for (const group of groups) {
      if (best.chosen !== null && group !== best.group) continue;
      const free = choose(data, group, unlimited);
      if (free.chosen !== null) return { ...free, ratio: timesAsFast(free.chosen, best.chosen, data.objective) };
    }
    return null;
  };

  /* The choice for the most work that has one, that for each work, and what fidelity costs.
     Choices hold rows of rowsOf(data); `group` is null where nothing qualifies at all. */
  return (data, limits) => {
    const groups = data.groups[limits.fidelity === null ? "by_steps" : "across_steps"];
    const choices = groups.map((group) => choose(data, group, limits));
    const best = choices.find(({ chosen }) => chosen !== null)
      ?? nothing(data, null, rowsOf(data), limits);
    return {
      limits, best, choices,
      chosen: best.chosen?.row ?? null,
      ties: best.ties.map(({ row }) => row),
      free: withoutFidelityLimit(data, limits, groups, best),
    };
  };
})();
