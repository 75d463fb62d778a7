
/* The table of all configurations: rows are made for what is in sight, and what is sorted and searched are numbers */
(() => {
  const data = JSON.parse(byId("table-data").textContent);
  const grid = byId("configurations");
  const scroller = byId("rows");
  const body = byId("window");
  const [above, below] = [...grid.querySelectorAll(".gap td")];
  const total = page.rows.key.length;
  const LONGEST_TEXT = 160; /* characters of a cell; the details tell all */
  const MORE_ROWS = 8; /* rows made beyond what is in sight, on either side */

  /* An entry is [text, sort, detail, number of its origin, number of its remark]; each column has its distinct ones once */
  const statusEntries = page.statuses.map((word) => [word, word]);
  const columns = [
    { label: "#", isNumber: true, kind: "position", entries: page.rows.key.map((_, row) => [String(row + 1), row]), cells: null },
    ...data.columns.filter(({ label }) => page.names.includes(label)).map((column) => ({ ...column, isNumber: column.is_number, kind: "setting" })),
    { label: "status", isNumber: false, kind: "status", entries: statusEntries, cells: page.rows.status, hint: "how it ended, and which of the present limits it breaks" },
    ...data.columns.filter(({ label }) => !page.names.includes(label)).map((column) => ({ ...column, isNumber: column.is_number, kind: "figure" })),
    { label: "key", isNumber: false, kind: "key", entries: page.rows.key.map((key) => [key, key]), cells: null },
  ];
  columns.forEach((column) => { column.remarks = new Set(column.entries.map(([, , , , remark]) => remark ?? null)).size; });
  const entryOf = (column, row) => column.entries[column.cells ? column.cells[row] : row];
  const originOf = (entry) => data.origins[entry[3]] ?? null;
  const unusual = (entry) => (originOf(entry) === "measured" ? null : originOf(entry));

  const hidden = new Set();
  const PAPER_FIGURES = 7; /* columns of figures that a page is wide enough for */
  const figures = columns.filter(({ kind }) => kind === "figure");
  const isWide = (column) => column.kind === "key" || figures.indexOf(column) >= PAPER_FIGURES;
  const visible = () => columns.filter((column) => !hidden.has(column) && !(isOnPaper && isWide(column)));
  const sorting = { column: columns[0], isRising: true };
  let wanted = () => true;
  let sorted = page.rows.key.map((_, row) => row);
  let shown = sorted;
  let active = null;
  let made = "";
  let isOnPaper = false; /* paper has no details: reasons stand in the rows */

  /* Sorting: entries are ranked once a column, then rows are compared by rank */
  const collator = new Intl.Collator("en", { numeric: true });
  const ranks = (column) => {
    if (column.ranks) return column.ranks;
    const known = column.entries.map((_, index) => index).filter((index) => (column.entries[index][1] ?? null) !== null);
    const compare = (a, b) => {
      const [x, y] = [column.entries[a][1], column.entries[b][1]];
      if (typeof x === "number" && typeof y === "number") return x - y;
      if (typeof x !== typeof y) return typeof x === "number" ? -1 : 1;
      return collator.compare(x, y);
    };
    known.sort(compare);
    column.ranks = new Int32Array(column.entries.length).fill(-1);
    known.forEach((entry, place) => {
      const isSame = place > 0 && compare(known[place - 1], entry) === 0;
      column.ranks[entry] = isSame ? column.ranks[known[place - 1]] : place;
    });
    return column.ranks;
  };
  const sort = () => {
    const { column, isRising } = sorting;
    const byEntry = ranks(column);
    const rankOf = (row) => byEntry[column.cells ? column.cells[row] : row];
    const known = [];
    const unknown = [];
    for (let row = 0; row < total; row += 1) (rankOf(row) < 0 ? unknown : known).push(row);
    known.sort((a, b) => (isRising ? rankOf(a) - rankOf(b) : rankOf(b) - rankOf(a)) || a - b);
    sorted = [...known, ...unknown];
  };

  /* Filtering: each word says which entries it wants, so that rows are looked up by number */
  const UNITS = { us: 1e-6, ms: 1e-3, s: 1, min: 60, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, kb: 1e3, mb: 1e6, gb: 1e9, j: 1, db: 1, "": 1 };
  const COMPARE = { "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b, "=": (a, b) => a === b };
  const plain = (text) => text.toLowerCase().replace(/[^a-z0-9#]+/g, "");
  const columnNamed = (name) => {
    const start = plain(name);
    if (!start) return undefined;
    return columns.find(({ label }) => plain(label) === start) ?? columns.find(({ label }) => plain(label).startsWith(start));
  };
  const inColumn = (column, wants) => {
    const entries = Uint8Array.from(column.entries, (entry) => (wants(entry) ? 1 : 0));
    return (row) => entries[column.cells ? column.cells[row] : row] === 1;
  };
  const wordsOf = (entry) => `${entry[0]} ${entry[2] ?? ""} ${unusual(entry) ?? ""}`.toLowerCase();
  const anywhere = (word) => {
    const columnsWith = columns.filter(({ kind }) => kind !== "position").map((column) => inColumn(column, (entry) => wordsOf(entry).includes(word)));
    const texts = Uint8Array.from(data.texts, (text) => (text.toLowerCase().includes(word) ? 1 : 0));
    return (row) => texts[data.reason[row]] === 1 || columnsWith.some((has) => has(row));
  };
  const condition = (word) => {
    const parts = /^([^<>=:]+)(<=|>=|<|>|=|:)(.+)$/.exec(word);
    const column = parts && columnNamed(parts[1]);
    if (!column) return anywhere(word);
    const [, , sign, value] = parts;
    if (sign === ":") {
      const isNumber = /^[\d.]+$/.test(value);
      return inColumn(column, ([text]) => (isNumber ? text.toLowerCase() === value : text.toLowerCase().startsWith(value)));
    }
    const quantity = /^(\d*\.?\d+)([a-z]*)$/.exec(value);
    if (!quantity || !(quantity[2] in UNITS)) return () => false;
    const limit = Number(quantity[1]) * UNITS[quantity[2]];
    return inColumn(column, ([, key]) => typeof key === "number" && COMPARE[sign](column.kind === "position" ? key + 1 : key, limit));
  };
  const filter = () => {
    const words = byId("filter").value.toLowerCase().match(/(?:[^\s"]+|"[^"]*"?)+/g) ?? [];
    const conditions = words.map((word) => condition(word.replaceAll('"', "")));
    if (byId("within").checked) conditions.push((row) => !obstacleOf(row, state.limits));
    wanted = (row) => conditions.every((holds) => holds(row));
  };
  const arrange = () => {
    shown = sorted.filter(wanted);
    active = null;
    grid.removeAttribute("aria-activedescendant");
    grid.setAttribute("aria-rowcount", shown.length + 1);
    byId("shown").textContent = `${shown.length} of ${total} shown`;
    const left = shown.length - data.printed;
    byId("not-printed").textContent = left > 0 ? `And ${left} more rows; sdbench export writes all of them.` : "";
    scroller.scrollTop = 0;
    draw(true);
  };

  /* Rows in sight */
  const clipped = (text) => (text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text);
  const rowPx = () => 2 * parseFloat(getComputedStyle(document.documentElement).fontSize);
  const statusCell = (row, obstacle) => {
    const word = page.statuses[page.rows.status[row]];
    const told = word === "ok" || word === "derived" ? obstacle : null;
    const notes = [];
    if (state.answer?.chosen === row) notes.push(make("small", { className: "badge" }, "recommended"));
    else if (state.answer?.ties?.includes(row)) notes.push(make("small", { className: "badge" }, "tie"));
    if (told) notes.push(make("small", {}, told));
    if (isOnPaper && data.reason[row] >= 0) notes.push(make("small", {}, clipped(data.texts[data.reason[row]])));
    return make("td", { title: told ?? "" }, make("span", { className: `chip status-${word}` }, word), ...notes);
  };
  const cell = (column, row, obstacle) => {
    if (column.kind === "position") {
      const isChosen = state.answer?.chosen === row;
      return make("td", { className: "number" }, isChosen ? make("span", { className: "badge", title: "recommended" }, "★ ") : "", String(row + 1));
    }
    if (column.kind === "status") return statusCell(row, obstacle);
    const entry = entryOf(column, row);
    const [text, , detail, , remark] = entry;
    const told = remark === undefined || remark === null ? "" : data.texts[remark];
    const small = [detail, unusual(entry)].filter(Boolean).map((word) => make("small", {}, word));
    return make(
      "td",
      { className: column.isNumber ? "number" : "", title: clipped([text.length > 20 || detail ? `${text} ${detail ?? ""}` : "", told].filter(Boolean).join(": ")) },
      make("span", { className: told && column.remarks > 1 ? "has-remark" : "" }, clipped(text)), ...small,
    );
  };
  const tableRow = (row, place) => {
    const obstacle = obstacleOf(row, state.limits);
    const classes = [
      state.answer?.chosen === row ? "recommended" : "", state.selected === row ? "selected" : "",
      obstacle ? "beyond" : "", active === place ? "active" : "",
    ].filter(Boolean).join(" ");
    const made = make("tr", { id: `row-${row}`, className: classes }, ...visible().map((column) => cell(column, row, obstacle)));
    made.dataset.row = row;
    made.setAttribute("aria-rowindex", place + 2);
    made.setAttribute("aria-selected", state.selected === row);
    return made;
  };
  const fill = (first, last) => {
    body.replaceChildren(...shown.slice(first, last).map((row, index) => tableRow(row, first + index)));
    if (!shown.length) body.append(make("tr", {}, make("td", { colSpan: visible().length, className: "none-found muted" }, "No configuration is like that.")));
    above.style.height = `${first * rowPx()}px`;
    below.style.height = `${(shown.length - last) * rowPx()}px`;
  };
  const draw = (isForced = false) => {
    const first = Math.max(0, Math.floor(scroller.scrollTop / rowPx()) - MORE_ROWS);
    const last = Math.min(shown.length, Math.ceil((scroller.scrollTop + scroller.clientHeight) / rowPx()) + MORE_ROWS);
    if (!isForced && made === `${first} ${last}`) return;
    made = `${first} ${last}`;
    fill(first, last);
  };
  const print = () => {
    isOnPaper = true;
    headings();
    fill(0, Math.min(shown.length, data.printed));
    below.style.height = 0;
  };

  /* Headings */
  const LETTER_CH = 0.9; /* of a digit's width: a letter's, mostly */
  const SMALL = 0.85; /* of a letter's width: small print */
  const lengthOf = (entry) => clipped(entry[0]).length + SMALL * [entry[2], unusual(entry)].reduce((sum, text) => sum + (text ? text.length + 1 : 0), 0);
  const widthOf = (column) => {
    const LEAST_CH = 5;
    const MOST_CH = { setting: 22, status: 30, key: 14 }[column.kind] ?? 27;
    const longest = Math.ceil(column.entries.reduce((most, entry) => Math.max(most, lengthOf(entry)), 0));
    const heading = Math.max(...column.label.split(/[ _]/).map((word) => word.length), Math.ceil(column.label.length / 2.4)) + 3;
    const marks = column.kind === "position" ? 3 : 1;
    return Math.max(LEAST_CH, Math.min(MOST_CH, longest + marks), Math.min(MOST_CH, heading), column.kind === "status" ? 24 : 0);
  };
  const headings = () => {
    const row = make("tr", {}, ...visible().map((column) => {
      const button = make("button", { type: "button" }, ...column.label.split("_").flatMap((word, index) => (index ? ["_", make("wbr", {}), word] : [word])));
      const heading = make("th", { scope: "col", className: column.isNumber ? "number" : "" }, button);
      if (sorting.column === column) heading.setAttribute("aria-sort", sorting.isRising ? "ascending" : "descending");
      explain(button, column.hint);
      button.addEventListener("click", () => {
        sorting.isRising = sorting.column === column ? !sorting.isRising : true;
        sorting.column = column;
        [...row.cells].forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", sorting.isRising ? "ascending" : "descending");
        sort();
        arrange();
      });
      return heading;
    }));
    row.setAttribute("aria-rowindex", 1);
    grid.tHead.replaceChildren(row);
    const widths = visible().map(widthOf);
    grid.querySelector("colgroup").replaceChildren(...widths.map((width) => {
      const column = make("col", {});
      column.style.width = `calc(${LETTER_CH * width}ch + 1rem)`;
      return column;
    }));
    grid.style.width = `calc(${LETTER_CH * widths.reduce((sum, width) => sum + width, 0)}ch + ${widths.length}rem)`;
  };
  byId("columns").append(...columns.filter(({ kind }) => kind !== "position").map((column) => {
    const box = make("input", { type: "checkbox", checked: true });
    box.addEventListener("change", () => {
      if (box.checked) hidden.delete(column); else hidden.add(column);
      headings();
      draw(true);
    });
    return make("label", {}, box, column.label);
  }));

  const choice = byId("columns").closest("details");
  choice.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !choice.open) return;
    event.stopPropagation();
    choice.open = false;
    choice.querySelector("summary").focus();
  });
  document.addEventListener("click", ({ target }) => { if (!choice.contains(target)) choice.open = false; });

  /* All about the selected one */
  const lines = (positions) => positions.map((position) => page.documents.lines[position]).join("\n");
  const source = (title, positions) => (positions
    ? [make("details", {}, make("summary", {}, title), make("pre", { tabIndex: 0 }, make("code", {}, lines(positions))))]
    : []);
  const fact = (label, ...told) => make("div", {}, make("dt", {}, label), make("dd", {}, ...told));
  const details = () => {
    const row = state.selected;
    const panel = byId("details");
    if (row === null) return panel.replaceChildren();
    const obstacle = obstacleOf(row, state.limits);
    const close = make("button", { type: "button" }, "Clear the selection");
    close.addEventListener("click", () => select(null));
    const told = columns.filter(({ kind }) => kind !== "position" && kind !== "status").map((column) => {
      const entry = entryOf(column, row);
      const [text, , detail, , remark] = entry;
      const small = [detail, originOf(entry)].filter(Boolean).join("; ");
      const why = remark === undefined || remark === null ? "" : data.texts[remark];
      return fact(column.label, text, small ? make("span", { className: "origin" }, ` ${small}`) : "", why ? make("span", { className: "origin" }, `: ${why}`) : "");
    });
    const word = page.statuses[page.rows.status[row]];
    return panel.replaceChildren(
      make("div", { className: "head" }, make("h3", {}, `${row + 1}: ${settingsText(page, rowsOf(page)[row])}`), make("span", { className: `chip status-${word}` }, word), close),
      ...(data.reason[row] < 0 ? [] : [make("p", { className: "why" }, data.texts[data.reason[row]])]),
      ...(obstacle && (word === "ok" || word === "derived") ? [make("p", { className: "why" }, `Not within the present limits: ${obstacle}.`)] : []),
      make("dl", { className: "facts all-facts" }, ...told),
      ...source("The Python that runs it", page.documents.code[row]),
      ...source("The suite that measures it", page.documents.suite[row]),
    );
  };

  /* Pointer and keyboard */
  const reveal = (place) => {
    const [top, height] = [place * rowPx(), scroller.clientHeight - grid.tHead.offsetHeight];
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + rowPx() > scroller.scrollTop + height) scroller.scrollTop = top + rowPx() - height;
  };
  const move = (place) => {
    active = Math.max(0, Math.min(shown.length - 1, place));
    reveal(active);
    draw(true);
    grid.setAttribute("aria-activedescendant", `row-${shown[active]}`);
  };
  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr")?.dataset.row;
    if (row === undefined) return;
    active = shown.indexOf(Number(row));
    select(state.selected === Number(row) ? null : Number(row));
  });
  grid.addEventListener("keydown", (event) => {
    if (event.target !== grid || !shown.length) return;
    const page = Math.max(1, Math.floor(scroller.clientHeight / rowPx()) - 2);
    const from = active ?? -1;
    const to = { ArrowDown: from + 1, ArrowUp: from - 1, PageDown: from + page, PageUp: from - page, Home: 0, End: shown.length - 1 }[event.key];
    if (to !== undefined) move(to);
    else if ((event.key === "Enter" || event.key === " ") && active !== null) select(shown[active]);
    else return;
    event.preventDefault();
  });
  byId("filter").addEventListener("input", () => { filter(); arrange(); });
  byId("within").addEventListener("change", () => { filter(); arrange(); });
  document.querySelectorAll("[data-filter]").forEach((button) => {
    button.addEventListener("click", () => {
      byId("filter").value = button.dataset.filter;
      byId("within").checked = false;
      filter();
      arrange();
      byId("all").scrollIntoView();
      byId("filter").focus({ preventScroll: true });
    });
  });
  let isAwaited = false;
  scroller.addEventListener("scroll", () => {
    if (isAwaited) return;
    isAwaited = true;
    requestAnimationFrame(() => { isAwaited = false; draw(); });
  }, { passive: true });
  new ResizeObserver(() => draw()).observe(scroller);
  window.addEventListener("beforeprint", print);
  window.addEventListener("afterprint", () => { isOnPaper = false; headings(); draw(true); });

  headings();
  arrange();
  listen("answer", () => {
    if (byId("within").checked) arrange();
    else draw(true);
    details();
  });
  listen("selected", () => {
    const place = shown.indexOf(state.selected);
    if (place >= 0) reveal(place);
    draw(true);
    details();
  });
})();
