
/* The maps of schedulers and steps: cells follow the limits, and a click marks a configuration */
(() => {
  const section = document.querySelector("section.convergence");
  if (!section) return;
  const cells = [...section.querySelectorAll("td[data-rows]")].map((cell) => ({
    cell, button: cell.querySelector("button"), rows: cell.dataset.rows.split(" ").map(Number),
  }));
  const maps = [...section.querySelectorAll(".heat-map")];

  byId("heat-by")?.addEventListener("change", ({ target }) => {
    maps.forEach((map) => { map.dataset.colour = target.value; });
  });
  section.addEventListener("click", ({ target }) => {
    const button = target.closest("button[data-row]");
    if (!button) return;
    const row = Number(button.dataset.row);
    select(state.selected === row ? null : row);
  });
  listen("selected", ({ selected }) => cells.forEach(({ cell, button, rows }) => {
    cell.classList.toggle("selected", rows.includes(selected));
    button.setAttribute("aria-pressed", String(rows.includes(selected)));
  }));
  listen("answer", ({ limits }) => {
    const all = rowsOf(page);
    const isLimited = ["memory_bytes", "latency_s", "fidelity", "batch_size"].some((name) => (limits[name] ?? null) !== null);
    maps.forEach((map) => map.classList.toggle("limited", isLimited));
    cells.forEach(({ cell, button, rows }) => {
      const fitting = rows.find((row) => obstacleOf(row, limits) === null);
      const row = fitting ?? rows[0];
      cell.classList.toggle("fits", fitting !== undefined);
      button.querySelector(".fit-mark").textContent = fitting === undefined ? "" : "✓";
      button.querySelector(".fit-words").textContent = fitting === undefined ? "does not keep to the limits" : "keeps to the limits";
      if (button.dataset.row === String(row)) return;
      button.dataset.row = row;
      button.title = settingsText(page, all[row]);
      button.querySelector(".of-image").textContent = `${all[row].isDerived ? "≈" : ""}${estimateText(all[row].perImage)}`;
    });
  });
})();
