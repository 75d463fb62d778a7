/* What the recommendation gains against the default configuration (analysis/gain.py) */
const { gainWords, gainSentence } = (() => {
  const MORE = {
    latency_per_image: ["It draws an image", "times as fast as"],
    latency: ["Its call is", "times as fast as that of"],
    memory: ["It needs", "times less memory than"],
  };
  const LESS = {
    latency_per_image: ["It takes", "times as long for an image as"],
    latency: ["Its call takes", "times as long as that of"],
    memory: ["It needs", "times as much memory as"],
  };
  const EQUAL = {
    latency_per_image: "It draws an image about as fast as",
    latency: "Its call is about as fast as that of",
    memory: "It needs about as much memory as",
  };

  const gainWords = (data, gain) => {
    if (gain === null) return null;
    if (gain.isChosen) return "the default";
    const what = gain.isOtherWork ? "the default, which takes other steps" : "the default";
    if (gain.ratio === null) return gain.doesNotFit ? "the default does not fit" : null;
    const isMemory = data.objective === "memory";
    let words = `as ${isMemory ? "little memory" : "fast"} as ${what}`;
    if (gain.ratio >= SMALLEST_GAIN) {
      words = `${timesText(gain.ratio)} ${isMemory ? "times less memory than" : "times as fast as"} ${what}`;
    } else if (gain.ratio <= 1 / SMALLEST_GAIN) {
      words = `${timesText(1 / gain.ratio)} ${isMemory ? "times as much memory as" : "times as long as"} ${what}`;
    }
    if (!gain.doesNotFit) return words;
    return `${words}${gain.isOtherWork ? " and" : ", which"} does not fit`;
  };

  const against = (gain, other, objective) => {
    if (gain.ratio === null) return `${EQUAL[objective]} ${other}, as far as this run can tell`;
    const [ratio, [verb, words]] = gain.ratio >= 1 ? [gain.ratio, MORE[objective]] : [1 / gain.ratio, LESS[objective]];
    if (gain.ratio < SMALLEST_GAIN && gain.ratio > 1 / SMALLEST_GAIN) return `${EQUAL[objective]} ${other}`;
    return `${verb} ${timesText(ratio)} ${words} ${other}`;
  };

  const gainSentence = (data, gain) => {
    if (gain.isChosen) {
      return "It is the default configuration: what the suite fixes, and all else as diffusers has it.";
    }
    const other = `the default configuration (${settingsText(data, gain.default)})`;
    const noChoice = gain.doesNotFit ? "does not fit" : "is no choice";
    if (gain.ratio === null && gain.default.status !== "ok") {
      return `T${other.slice(1)} ${noChoice}: ${gain.reason}.`;
    }
    let sentence = against(gain, other, data.objective);
    if (gain.isOtherWork) sentence += ", which takes another number of steps";
    if (gain.reason) sentence += `${gain.isOtherWork ? " and" : ", which"} ${noChoice}: ${gain.reason}`;
    return `${sentence}.`;
  };

  return { gainWords, gainSentence };
})();
