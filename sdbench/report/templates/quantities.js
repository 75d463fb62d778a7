/* Sizes, times and shares as people write them, read to the same numbers as units.py reads */
const { readQuantity, writtenQuantity } = (() => {
  const SIZES = { B: 1n, KB: 10n ** 3n, MB: 10n ** 6n, GB: 10n ** 9n, TB: 10n ** 12n, KiB: 2n ** 10n, MiB: 2n ** 20n, GiB: 2n ** 30n, TiB: 2n ** 40n };
  const TIMES = { us: [1n, 6], ms: [1n, 3], s: [1n, 0], min: [60n, 0], h: [3600n, 0] };
  const NUMBER = /^\s*([0-9]{0,15}\.?[0-9]{1,19})\s*([A-Za-z%]*)\s*$/;

  /* The number without its point, and how many of its digits are decimals */
  const exact = (text) => {
    const [whole, decimals = ""] = text.split(".");
    return [BigInt(whole + decimals), decimals.length];
  };
  const split = (text, unitless) => {
    const match = NUMBER.exec(text);
    return match && [match[1], match[2] || unitless];
  };

  const sizeOf = (text) => {
    const [number, unit] = split(text, "GiB") ?? [];
    if (number === undefined || !(unit in SIZES)) return null;
    const [digits, decimals] = exact(number);
    const bytes = Number((digits * SIZES[unit]) / 10n ** BigInt(decimals));
    return bytes >= 1 && bytes <= Number.MAX_SAFE_INTEGER ? bytes : null;
  };
  const timeOf = (text) => {
    const [number, unit] = split(text, "s") ?? [];
    if (number === undefined || !(unit in TIMES)) return null;
    const [digits, decimals] = exact(number);
    const [factor, smaller] = TIMES[unit];
    const seconds = Number(`${digits * factor}e-${decimals + smaller}`);
    return seconds > 0 && seconds < 2 ** 63 ? seconds : null;
  };
  const shareOf = (text) => {
    const [number, unit] = split(text, "") ?? [];
    if (number === undefined || (unit !== "" && unit !== "%")) return null;
    const [digits, decimals] = exact(number);
    const share = Number(`${digits}e-${decimals + (unit ? 2 : 0)}`);
    return share > 0 && share <= 1 ? share : null;
  };
  const countOf = (text) => {
    const count = /^\s*[0-9]{1,9}\s*$/.test(text) ? Number(text) : 0;
    return count >= 1 ? count : null;
  };

  /* The shortest text that is read to exactly this size */
  const sizeText = (bytes) => {
    for (const unit of ["GiB", "MiB", "KiB"]) {
      for (let decimals = 0; decimals < 4; decimals += 1) {
        const text = `${(bytes / Number(SIZES[unit])).toFixed(decimals)} ${unit}`;
        if (sizeOf(text) === bytes) return text;
      }
    }
    return `${bytes} B`;
  };
  const plainText = (value) => (String(value).includes("e") ? value.toFixed(19).replace(/0+$/, "") : String(value));

  return {
    /* null where a text is not legal for the limit */
    readQuantity: { memory: sizeOf, latency: timeOf, fidelity: shareOf, batch: countOf },
    writtenQuantity: { memory: sizeText, latency: (s) => `${plainText(s)} s`, fidelity: plainText, batch: String },
  };
})();
