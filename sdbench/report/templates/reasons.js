/* Why a configuration was chosen, or none: sentences, word for word as analysis/reasons.py */
const { confirmationText, reasonOf, freeText } = (() => {
  const MOST_REASONS_TOLD = 3;
  const BEST_WORDS = {
    latency_per_image: "fastest per image", latency: "fastest per call", memory: "smallest in memory",
  };
  const reasonText = (m) => m.fidelityReason.replace(/\.+$/, "");

  const qualification = (data, group, limits) => {
    const kept = group.filter((m) => obstacle(data, m, limits) === null).length;
    const others = obstacleCounts(data, group, limits);
    const verb = kept === 1 ? "qualifies" : "qualify";
    return `${kept} of ${counted(group.length, "configuration")} ${verb}${others ? ` (${others})` : ""}.`;
  };

  const leftOut = (data, group, limits) => {
    const unknown = unknownFidelities(data, group, limits);
    if (!unknown.length) return "";
    const told = unknown.slice(0, MOST_REASONS_TOLD)
      .map(([reason, number]) => `${number} (${reason.replace(/\.+$/, "")})`);
    const others = unknown.slice(MOST_REASONS_TOLD);
    if (others.length) told.push(`${others.reduce((sum, [, number]) => sum + number, 0)} for other reasons`);
    return `Left out for want of a known fidelity: ${told.join(", ")}.`;
  };

  const rankingSentences = (ranking, objective) => {
    const { chosen, tied, thrifty, faithful, ranked, setAside, isSettled, hasTold } = ranking;
    const sentences = [];
    const isMemory = objective === "memory";
    const words = BEST_WORDS[objective];
    const others = tied.length - 1;
    if (others) {
      const why = isMemory ? "are equal" : "have overlapping intervals";
      const asFast = hasTold ? "measured as fast" : "as fast";
      let choice = `Of those ${asFast} as the fastest this one allocates the least memory`;
      if (!isSettled) {
        choice = "This one has the lowest latency; only measured ones win ties by memory or fidelity";
      } else if (tied.every(({ point }) => chosen.point <= point)) {
        choice = `This one has the lowest median, and none ${asFast} allocates less memory`;
      } else if (thrifty > 1) {
        let decisive = `${faithful} have an equally high fidelity, this one among them with the lowest median`;
        if (faithful === thrifty) decisive = "this one has the lowest median";
        else if (faithful === 1) decisive = "this one has the highest fidelity";
        choice = `Of those ${asFast} as the fastest ${thrifty} allocate equally little memory, and of these ${decisive}`;
      }
      sentences.push(`The ${words} and ${counted(others, "other")} ${why}: ties. ${choice}.`);
    } else if (ranked > 1) {
      const apart = isMemory ? "" : "; its interval overlaps no other's";
      const among = setAside ? "of those that were measured again" : `of them${apart}`;
      sentences.push(`It is the ${words} ${among}.`);
    }
    if (isMemory) return sentences;
    if (tied.some(({ count }) => count === 1)) {
      sentences.push("A single timed call has no interval, so ties may be overlooked.");
    } else if (tied.some(({ confidence }) => confidence < CONFIDENCE)) {
      const least = tied.reduce((a, b) => (b.confidence < a.confidence ? b : a)).confidence;
      const whose = chosen.confidence < CONFIDENCE ? "its intervals" : "intervals of its ties";
      sentences.push(`With so few samples ${whose} hold with ${fixed(100 * least, 0)}% only, not ${fixed(100 * CONFIDENCE, 0)}%.`);
    }
    return sentences;
  };

  const derivation = (m) => (
    `It was not measured: its latency is derived from ${counted(m.sources, "measured configuration")}, and a measurement of it should lie within ${intervalText(m.perImage)} an image. To confirm it, measure the suite that --format suite prints, or all with --plan exhaustive.`
  );

  const confirmation = (data, m) => {
    if (m.isDerived) return "Its latency is derived, not measured.";
    if (m.confirmedRounds) {
      return `Its latency is that of ${counted(m.confirmedRounds, "fresh round")}, and not of the sweep.`;
    }
    const number = rowsOf(data).filter(({ confirmedRounds }) => confirmedRounds).length;
    if (!number) return "";
    const others = `${counted(number, "other")} ${number === 1 ? "was" : "were"}`;
    return `It was not measured again on fresh rounds, as ${others}: some of it may be luck.`;
  };

  const sweptAlone = (number) => (number
    ? `By the sweep's figures alone ${counted(number, "other")} ${number === 1 ? "looks" : "look"} as good or better; in the sweep itself, what was measured again was better.`
    : "");

  const nothingQualifies = (data, choice, limits) => {
    const group = choice.members;
    if (!group.length) return "The run has no configuration.";
    const counts = obstacleCounts(data, group, limits);
    const sentence = `None of ${counted(group.length, "configuration")} qualifies: ${counts}. ${leftOut(data, group, limits)}`.trimEnd();
    if (choice.miss === null) return sentence;
    const exceeded = joined(choice.excess.map(excessText));
    return `${sentence} The nearest miss is ${settingsText(data, choice.miss)}: ${exceeded}.`;
  };

  const mostWork = (data, { best, choices }) => {
    if (choices.length < 2) return "";
    const skipped = choices.slice(0, choices.findIndex(({ group }) => group === best.group));
    const opening = skipped.length
      ? `Nothing qualifies with ${skipped.map(({ group }) => group.work_text).join("; ")}. ` : "";
    const why = [];
    let amounts = data.amounts.filter((name) => best.group.work.includes(name));
    if (amounts.includes("steps")) {
      amounts = amounts.filter((name) => name !== "steps");
      why.push("fewer steps are always faster, and no fidelity limit was given, so no steps are given up for speed");
    }
    if (amounts.length) {
      why.push(`less ${amounts.join(" or ")} is always faster, and draws another image, so none is given up for speed`);
    }
    if (data.contents.length) {
      const words = data.contents.map((name) => name.replaceAll("_", " ")).join(" and ");
      why.push(`what differs in ${words} draws another image and does not compete`);
    }
    return `${opening}This is the choice for ${best.group.work_text}: ${why.join("; ")}.`;
  };

  const offerOfALimit = (data, chosen) => {
    if (rowsOf(data).every(({ pessimistic }) => pessimistic === null)) return "";
    const own = chosen.pessimistic === null
      ? `Its fidelity is not known (${reasonText(chosen)})`
      : `The fidelity of its worst picture is ${scoreText(chosen.pessimistic)}`;
    const then = data.names.includes("steps")
      ? "other numbers of steps compete too, as far as they keep to it"
      : "only what keeps to it is recommended";
    return `${own}; with a fidelity limit (--min-fidelity 0.9) ${then}.`;
  };

  /* Why this choice; that of the headline says too why it is for this amount of work */
  const reasonOf = (data, choice, advice, isHeadline = false) => {
    const { limits } = advice;
    if (choice.chosen === null) return nothingQualifies(data, choice, limits);
    const sentences = [
      qualification(data, choice.members, limits),
      leftOut(data, choice.members, limits),
      ...rankingSentences(choice.ranking, data.objective),
      confirmation(data, choice.chosen),
      sweptAlone(choice.ranking.setAside),
      choice.gain ? gainSentence(data, choice.gain) : "",
    ];
    if (isHeadline) {
      sentences.push(mostWork(data, advice));
      if (limits.fidelity === null) sentences.push(offerOfALimit(data, choice.chosen));
    }
    return sentences.filter(Boolean).join(" ");
  };

  /* What the fidelity limit costs */
  const freeText = (data, { best, free }) => {
    if (free.chosen === best.chosen) return "Without the fidelity limit the choice would be the same.";
    const what = settingsText(data, free.chosen);
    const unknown = `without a known fidelity (${reasonText(free.chosen)})`;
    if (free.ratio !== null) {
      const fidelity = fidelityText(free.chosen);
      const tail = fidelity === null ? unknown : `with ${fidelity}`;
      return `Without the fidelity limit ${what} would be ${timesText(free.ratio)} times as fast, ${tail}.`;
    }
    const tail = free.chosen.score === null ? `, ${unknown}` : "";
    return `Without the fidelity limit the choice would be ${what}: ${figuresText(data, free.chosen)}${tail}.`;
  };

  const confirmationText = (data, m) => (m.isDerived ? derivation(m) : confirmation(data, m));

  return { confirmationText, reasonOf, freeText };
})();
