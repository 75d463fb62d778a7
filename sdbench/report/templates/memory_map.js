
/* The map of memory: a click marks a configuration, and another limit than the map's is told */
(() => {
  const section = document.querySelector("section.memory");
  if (!section) return;
  const cells = [...section.querySelectorAll("td[data-rows]")].map((cell) => [
    cell, new Set(cell.dataset.rows.split(" ").filter(Boolean).map(Number)),
  ]);
  section.addEventListener("click", ({ target }) => {
    const button = target.closest("button[data-row]");
    if (button) select(Number(button.dataset.row));
  });
  listen("selected", ({ selected }) => {
    cells.forEach(([cell, rows]) => cell.classList.toggle("selected", rows.has(selected)));
    section.querySelectorAll("button[data-row]").forEach((button) => {
      button.setAttribute("aria-pressed", String(Number(button.dataset.row) === selected));
    });
  });
  listen("answer", ({ limits }) => {
    const own = section.dataset.limitBytes;
    section.querySelector(".memory-other-limit").hidden =
      (limits.memory_bytes ?? null) === (own === undefined ? null : Number(own));
  });
})();
