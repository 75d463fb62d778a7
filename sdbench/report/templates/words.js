/* Figures as text, digit for digit as units.py and analysis/wording.py write them */

/* Python rounds ties to even, toFixed and toExponential round them up */
const fixed = (value, decimals) => {
  if (value < 0) return `-${fixed(-value, decimals)}`;
  const doubled = value * 2 * Number(`1e${decimals}`);
  if (decimals >= 0 && !(Number.isInteger(doubled) && doubled % 2 === 1)) return value.toFixed(decimals);
  const MOST = 100; /* decimals that toFixed gives */
  const unit = 10n ** BigInt(MOST - decimals);
  const exact = BigInt(value.toFixed(MOST).replace(".", ""));
  const [count, rest] = [exact / unit, exact % unit];
  const rounded = count + (rest * 2n > unit || (rest * 2n === unit && count % 2n === 1n) ? 1n : 0n);
  if (decimals <= 0) return String(rounded * 10n ** BigInt(-decimals));
  const digits = String(rounded).padStart(decimals + 1, "0");
  return `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
};
const toDigits = (value, digits) => {
  const rounded = value.toExponential(digits - 1);
  if (!/^[\d.]+?50{5}/.test(value.toExponential(digits + 5))) return rounded;
  const [mantissa, exponent] = value.toExponential(100).split("e");
  const [kept, rest] = [mantissa.slice(0, digits + 1), mantissa.slice(digits + 1)];
  return /^50*$/.test(rest) && "02468".includes(kept.at(-1)) ? `${kept}e${exponent}` : rounded;
};
const general = (value, digits = 6) => { /* Python's {:g} */
  if (value === 0) return "0";
  const [mantissa, exponent] = toDigits(Math.abs(value), digits).split("e");
  const power = Number(exponent);
  const trimmed = (text) => (text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text);
  const sign = value < 0 ? "-" : "";
  if (power >= -4 && power < digits) return sign + trimmed(fixed(Math.abs(value), digits - 1 - power));
  return `${sign}${trimmed(mantissa)}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
};
const roundedToEven = (value) => Number(fixed(value, 0));

const DIGITS = 3; /* significant ones, where no interval says how many are justified */
const KIB = 2 ** 10;
const MIB = 2 ** 20;
const GIB = 2 ** 30;
const roundedDigits = (value) => Number(toDigits(value, DIGITS));
const exponentOf = (value) => Number(toDigits(value, DIGITS).split("e")[1]);

const formatBytes = (bytes) => {
  if (bytes === null) return "–";
  if (bytes < 0) return `-${formatBytes(-bytes)}`;
  for (const [unit, name] of [[GIB, "GiB"], [MIB, "MiB"], [KIB, "KiB"]]) {
    const value = bytes / unit;
    if (roundedDigits(value) >= 1) return `${fixed(value, Math.max(0, DIGITS - 1 - exponentOf(value)))} ${name}`;
  }
  return `${bytes} B`;
};
const significant = (value, halfWidth) => {
  if (value === 0) return "0";
  let decimals = DIGITS - 1 - exponentOf(value);
  if (halfWidth) decimals = Math.min(decimals, Math.max(-exponentOf(halfWidth), -exponentOf(value)));
  return fixed(value, decimals);
};
const formatSeconds = (seconds, halfWidth = null) => {
  if (seconds === null) return "–";
  if (seconds < 0) return `-${formatSeconds(-seconds, halfWidth)}`;
  const [scale, name] = roundedDigits(seconds) >= 1 ? [1, "s"] : [1e3, "ms"];
  return `${significant(seconds * scale, halfWidth === null ? null : halfWidth * scale)} ${name}`;
};
const withoutIdleZeros = (quantity) => {
  const [number, unit] = quantity.split(" ");
  return `${number.includes(".") ? number.replace(/0+$/, "").replace(/\.$/, "") : number} ${unit}`;
};

/* Estimates are {point, low, high, confidence, count} */
const CONFIDENCE = 0.95;
const halfWidthOf = (estimate) => (estimate.high - estimate.low) / 2;
const counted = (number, noun) => (number === 1 ? `${number} ${noun}` : `${number} ${noun}s`);
const joined = (words, last = "and") => (
  words.length > 1 ? `${words.slice(0, -1).join(", ")} ${last} ${words.at(-1)}` : words.join("")
);
const estimateText = (estimate) => (
  estimate === null ? "–" : formatSeconds(estimate.point, halfWidthOf(estimate) || null)
);
const confidenceText = (confidence) => `${Math.floor(100 * confidence)} %`;
const intervalText = (estimate) => {
  if (estimate.count === 1) return "one sample, no interval";
  const finest = halfWidthOf(estimate) || null;
  const text = `${formatSeconds(estimate.low, finest)} to ${formatSeconds(estimate.high, finest)}`;
  if (estimate.confidence >= CONFIDENCE) return text;
  if (!estimate.count) return `${text}, ${confidenceText(estimate.confidence)} interval`;
  return `${text}, ${confidenceText(estimate.confidence)} interval, ${counted(estimate.count, "sample")}`;
};
const scoreText = (score) => (
  score === null ? "–" : fixed(Math.floor(Number(fixed(100 * score, 6))) / 100, 2)
);
const timesText = (ratio) => (ratio < 1.995 ? fixed(ratio, 2) : fixed(ratio, 1));
