/* The limits, editable: a field with a slider each, kept in the address so that a link keeps them */
(() => {
  const STEPS = 200;
  const form = byId("limits");
  const measured = rowsOf(page).filter((m) => m.status === "ok" && m.perImage !== null);

  const LIMITS = [
    { name: "memory", field: "memory_bytes", option: "--memory", legal: "a size such as 12 (GiB), 8GiB, 500MiB or 16GB", needed: (m) => neededBytes(m, page.limits) },
    { name: "latency", field: "latency_s", option: "--latency", legal: "a time such as 2 (seconds), 250ms, 60s or 1min", needed: (m) => m.p95 },
    { name: "fidelity", field: "fidelity", option: "--min-fidelity", legal: "a share above 0 and up to 1, such as 0.9 or 90%", needed: (m) => m.pessimistic, isLeast: true },
    { name: "batch", field: "batch_size", option: "--max-batch", legal: "a whole number from 1 upwards", needed: (m) => m.batch },
  ];

  /* What a slider stands for at each of its steps; null at the end that is no limit */
  const scaleOf = ({ name, needed, isLeast }) => {
    const values = [...new Set(measured.map(needed).filter((value) => value !== null))].sort((a, b) => a - b);
    if (!values.length) return [];
    if (name === "batch") return [...values, null];
    const [low, high] = [values[0], values.at(-1)];
    if (isLeast) {
      const [first, last] = [Math.floor(low * 100), Math.floor(high * 100)];
      const steps = Array.from({ length: last - first + 1 }, (_, step) => (first + step) / 100);
      return [null, ...steps.filter((value) => value > 0)];
    }
    const isLogarithmic = high > 10 * low;
    const at = (share) => (isLogarithmic ? low * (high / low) ** share : low + (high - low) * share);
    const rounded = Array.from({ length: STEPS + 1 }, (_, step) => raisedQuantity(name, step === STEPS ? high : at(step / STEPS)));
    return [...new Set(rounded), null];
  };
  /* Rounded up, so that what the slider stands at is let in */
  const raisedQuantity = (name, value) => {
    const unit = name === "memory" ? [GIB, MIB, KIB].find((one) => value >= one) ?? 1 : value >= 1 ? 1 : 1e-3;
    const digit = 10 ** Math.max(0, DIGITS - 1 - exponentOf(value / unit));
    let count = Math.ceil((value / unit) * digit);
    const read = () => readQuantity[name](`${count / digit}${name === "memory" ? ({ [GIB]: "GiB", [MIB]: "MiB", [KIB]: "KiB" })[unit] ?? "B" : unit === 1 ? "s" : "ms"}`);
    if (read() < value) count += 1;
    return read();
  };

  const fields = LIMITS.map((limit) => {
    const box = form.querySelector(`[data-limit=${limit.name}]`);
    const [text, slider] = box.querySelectorAll("input");
    const scale = scaleOf(limit);
    slider.hidden = scale.length < 2;
    slider.max = String(Math.max(1, scale.length - 1));
    return { ...limit, text, slider, scale, unit: box.querySelector(".unit"), problem: box.querySelector(".problem") };
  });

  const written = (field, value) => (value === null ? "" : writtenQuantity[field.name](value));
  const shownText = (field, value) => {
    const unit = { memory: " GiB", latency: " s" }[field.name];
    const text = written(field, value);
    return unit && text.endsWith(unit) ? text.slice(0, -unit.length) : text;
  };

  /* The step whose value is nearest on the side that lets in no more than the limit */
  const stepOf = ({ scale, isLeast }, value) => {
    if (value === null) return isLeast ? 0 : scale.length - 1;
    const beyond = scale.findIndex((one) => one !== null && one >= value);
    const last = isLeast ? scale.length - 1 : scale.length - 2;
    return beyond < 0 ? last : beyond;
  };
  /* A text that names its unit needs no other beside it */
  const showUnit = ({ text, unit }) => { unit.style.visibility = /[a-z%]/i.test(text.value) ? "hidden" : ""; };
  const showSlider = (field, value) => {
    field.slider.value = String(stepOf(field, value));
    field.slider.setAttribute("aria-valuetext", written(field, value) || "no limit");
    showUnit(field);
  };
  const showField = (field) => {
    const value = state.limits[field.field];
    field.text.value = shownText(field, value);
    showSlider(field, value);
    markProblem(field, false);
  };
  const markProblem = (field, isWrong) => {
    field.text.setAttribute("aria-invalid", String(isWrong));
    field.problem.hidden = !isWrong;
    const kept = written(field, state.limits[field.field]) || "no limit";
    field.problem.textContent = isWrong ? `Not ${field.legal}, or empty for no limit. Still in force: ${kept}` : "";
    showReset();
  };

  /* Of the field's text its value, null for no limit, undefined where it is not legal */
  const valueOf = (field, text) => (text.trim() === "" ? null : readQuantity[field.name](text) ?? undefined);
  const showReset = () => {
    byId("reset-limits").disabled = fields.every((field) => isSuites(field) && field.problem.hidden);
  };
  const isSuites = (field) => state.limits[field.field] === page.limits[field.field];

  const keepInAddress = () => {
    const changed = fields.filter((field) => !isSuites(field));
    const told = changed.map((field) => `${field.name}=${encodeURIComponent(written(field, state.limits[field.field]).replace(" ", ""))}`);
    const hash = told.length ? `#${told.join("&")}` : "";
    if (hash !== window.location.hash && (hash || hasLimits(window.location.hash))) {
      window.history.replaceState(null, "", hash || window.location.href.split("#")[0]);
    }
  };
  const hasLimits = (hash) => fields.some(({ name }) => new URLSearchParams(hash.slice(1)).has(name));
  const limitsOf = (hash) => {
    const told = new URLSearchParams(hash.slice(1));
    const values = fields.map((field) => {
      const value = told.has(field.name) ? valueOf(field, told.get(field.name)) : undefined;
      return [field.field, value === undefined ? page.limits[field.field] : value];
    });
    return Object.fromEntries(values);
  };

  const showCommand = () => {
    const options = fields
      .filter((field) => state.limits[field.field] !== null || !isSuites(field))
      .map((field) => `${field.option} ${written(field, state.limits[field.field]).replace(" ", "") || "none"}`);
    byId("command").textContent = ["sdbench recommend", page.run, ...options].join(" ");
  };

  /* A slider tells more often than the screen shows */
  let pending = null;
  const apply = (field, value) => {
    const isDue = pending !== null;
    pending = { ...pending, [field.field]: value };
    if (!isDue) requestAnimationFrame(applyPending);
  };
  const applyPending = () => {
    if (pending === null) return;
    const limits = pending;
    pending = null;
    setLimits(limits);
  };

  fields.forEach((field) => {
    field.text.addEventListener("input", () => {
      const value = valueOf(field, field.text.value);
      showUnit(field);
      markProblem(field, value === undefined);
      if (value === undefined) return;
      showSlider(field, value);
      apply(field, value);
    });
    field.slider.addEventListener("input", () => {
      const value = field.scale[Number(field.slider.value)];
      field.text.value = shownText(field, value);
      field.slider.setAttribute("aria-valuetext", written(field, value) || "no limit");
      showUnit(field);
      markProblem(field, false);
      apply(field, value);
    });
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    pending = null;
    setLimits(Object.fromEntries(fields.map(({ field }) => [field, page.limits[field]])));
    fields.forEach(showField);
  });
  window.addEventListener("hashchange", () => {
    if (!hasLimits(window.location.hash)) return keepInAddress(); /* a link to a section: a reload keeps the limits */
    setLimits(limitsOf(window.location.hash));
    fields.forEach(showField);
    return undefined;
  });
  listen("answer", () => {
    showReset();
    keepInAddress();
    showCommand();
  });

  if (hasLimits(window.location.hash)) Object.assign(state.limits, limitsOf(window.location.hash));
  fields.forEach(showField);
})();
