"use strict";

const byId = (id) => document.getElementById(id);
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const data = JSON.parse(byId("hardware-data").textContent);

/* Bars of images an hour: plotly reads a few HTML tags in texts, so that these are escaped */
(() => {
  if (typeof Plotly === "undefined") return;
  const target = byId("bars");
  const { devices, per_h: perH, unit, families } = data.chart;
  const escaped = (text) => text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);
  const LINE_LENGTH = 16;
  const ROW_PX = 74;
  const PRINT_WIDTH_PX = 900; /* fits a landscape A4 page */
  const TEXT_PX = { wide: 215, narrow: 150 }; /* beside the longest bar */
  const NARROW_PX = 560;
  const AXIS_PX = 130; /* of the devices' names */

  const wrapped = (name) => {
    const lines = [""];
    for (const word of name.split(/\s+/)) {
      const last = lines[lines.length - 1];
      if (last && last.length + word.length >= LINE_LENGTH) lines.push(word);
      else lines[lines.length - 1] = last ? `${last} ${word}` : word;
    }
    return lines.map(escaped).join("<br>");
  };
  const three = (value) => Number(value.toPrecision(3)).toLocaleString("en");

  const shortened = (words) => words.split(target.clientWidth < NARROW_PX ? /[,:]/ : ":")[0];

  const trace = (name, values, words, perUnit, look) => {
    const scaled = values.map((value, index) => {
      if (!value || (perUnit && perH[index] === null)) return null;
      const [point, low, high, text] = value;
      const by = perUnit ? perH[index] : 1;
      return { point: point / by, low: low / by, high: high / by, text: perUnit ? three(point / by) : text };
    });
    return {
      type: "bar", orientation: "h", name, y: devices.map((_, index) => index),
      x: scaled.map((one) => one?.point ?? 0),
      text: scaled.map((one, index) => (one ? `\u00a0\u00a0${one.text} · ${escaped(shortened(words[index]))}` : escaped(values[index] ? "no price was given" : words[index]))),
      textposition: "auto", textangle: 0, insidetextanchor: "start", cliponaxis: true, constraintext: "none",
      hovertext: scaled.map((one, index) => {
        const figures = one ? `<br>${one.text} (${three(one.low)} to ${three(one.high)})` : "";
        return `<b>${escaped(devices[index])}</b><br>${escaped(words[index])}${figures}`;
      }),
      hovertemplate: "%{hovertext}<extra></extra>",
      error_x: {
        type: "data", symmetric: false, color: token("--ink"), thickness: 1.4, width: 4,
        array: scaled.map((one) => (one ? one.high - one.point : 0)),
        arrayminus: scaled.map((one) => (one ? one.point - one.low : 0)),
      },
      ...look,
    };
  };

  const draw = () => {
    const family = families[Number(byId("family").value)];
    const perUnit = byId("measure")?.value === "unit";
    const font = { color: token("--ink"), size: 12, family: getComputedStyle(document.body).fontFamily };
    const grid = { gridcolor: token("--line"), zerolinecolor: token("--line"), linecolor: token("--line"), automargin: true, fixedrange: true };
    const room = target.clientWidth - AXIS_PX;
    const textPx = target.clientWidth < NARROW_PX ? TEXT_PX.narrow : TEXT_PX.wide;
    const widest = Math.max(...[...family.one, ...family.saturating].map((value, index) => {
      const by = perUnit ? perH[index % devices.length] : 1;
      return value && by !== null ? value[2] / by : 0;
    }));
    target.style.height = `${110 + ROW_PX * devices.length}px`;
    Plotly.react(target, [
      trace("batch 1", family.one, family.one_words, perUnit, {
        marker: { color: token("--surface"), line: { color: token("--s1"), width: 1.5 }, pattern: { shape: "/", size: 6, fgcolor: token("--s1"), bgcolor: token("--page") } },
        textfont: { color: token("--ink") }, insidetextfont: { color: token("--ink") }, textposition: "outside",
      }),
      trace("saturating batch", family.saturating, family.saturating_words, perUnit, {
        marker: { color: token("--s0") }, textposition: "outside",
      }),
    ], {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: "closest", dragmode: false, font,
      barmode: "group", bargap: 0.3, bargroupgap: 0.08, margin: { l: 10, r: 12, t: 8, b: 10 },
      legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom", xanchor: "left", traceorder: "normal" },
      hoverlabel: { bgcolor: token("--page"), bordercolor: token("--line"), font, align: "left", namelength: 0 },
      xaxis: { ...grid, title: { text: perUnit ? `images per ${escaped(unit)}` : "images an hour" }, nticks: 5, range: [0, (widest * room) / Math.max(room - textPx, room / 3)] },
      yaxis: { ...grid, autorange: "reversed", tickvals: devices.map((_, index) => index), ticktext: devices.map(wrapped) },
    }, { displaylogo: false, displayModeBar: false });
  };

  draw();
  for (const id of ["family", "measure"]) byId(id)?.addEventListener("change", draw);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(() => Plotly.Plots.resize(target)).observe(target);
  window.addEventListener("beforeprint", () => Plotly.relayout(target, { width: PRINT_WIDTH_PX }));
  window.addEventListener("afterprint", () => Plotly.relayout(target, { width: null, autosize: true }));
})();

/* Long tables: rows are made on demand; a cell is [text, sort, small second line, status, reason] */
document.querySelectorAll(".long-table").forEach((place) => {
  const PAGE_ROWS = 200;
  const { columns, rows } = data[place.dataset.table];
  const make = (name, attributes = {}, ...children) => {
    const element = Object.assign(document.createElement(name), attributes);
    element.append(...children);
    return element;
  };
  const words = rows.map((row) => row.map(([text, , , status]) => `${text} ${status ? `status:${status}` : ""}`).join(" ").toLowerCase());
  let order = rows.map((_, index) => index);
  let shown = PAGE_ROWS;

  const filter = make("input", { type: "search", autocomplete: "off", spellcheck: false, placeholder: "such as: fp16 batch 4, or status:oom" });
  const told = make("span", { className: "muted" });
  told.setAttribute("role", "status");
  const body = make("tbody");
  const more = make("button", { type: "button" });
  const rest = make("span", { className: "muted" });

  const cell = ([text, , detail, status, reason], column) => {
    const element = make(column === 0 ? "th" : "td", { className: column && columns[column].number ? "number" : "" });
    if (column === 0) element.scope = "row";
    if (status) {
      const chip = make("span", { className: `chip status-${status.replaceAll(" ", "-")}`, title: reason ?? "" }, status);
      element.append(chip);
    } else element.append(text);
    if (detail) element.append(make("small", {}, detail));
    return element;
  };
  const matching = () => {
    const wanted = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    return order.filter((index) => wanted.every((word) => words[index].includes(word)));
  };
  const draw = () => {
    const found = matching();
    body.replaceChildren(...found.slice(0, shown).map((index) => make("tr", {}, ...rows[index].map(cell))));
    told.textContent = `${found.length} of ${rows.length}`;
    more.hidden = rest.hidden = found.length <= shown;
    more.textContent = `Show ${Math.min(PAGE_ROWS, found.length - shown)} more`;
    rest.textContent = `${found.length - shown} are not drawn yet`;
  };

  const sortBy = (column, rising) => {
    const value = (index) => rows[index][column][1];
    order = rows.map((_, index) => index).sort((left, right) => {
      const [a, b] = [value(left), value(right)];
      if (a === null || b === null) return (a === null) - (b === null) || left - right;
      const difference = typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
      return (rising ? difference : -difference) || left - right;
    });
  };
  const headings = columns.map(({ label, number }, column) => {
    const button = make("button", { type: "button" }, label);
    const heading = make("th", { scope: "col", className: number ? "number" : "" }, button);
    button.addEventListener("click", () => {
      const rising = heading.getAttribute("aria-sort") !== "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
      sortBy(column, rising);
      draw();
    });
    return heading;
  });

  filter.addEventListener("input", () => { shown = PAGE_ROWS; draw(); });
  more.addEventListener("click", () => { shown += PAGE_ROWS; draw(); });
  const scroll = make("div", { className: "scroll", tabIndex: 0 }, make("table", {}, make("thead", {}, make("tr", {}, ...headings)), body));
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-labelledby", place.dataset.labelled);
  place.append(make("p", { className: "filter" }, make("label", {}, "Filter ", filter), told), scroll, make("p", { className: "more" }, more, rest));
  draw();
});
