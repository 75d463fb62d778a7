
/* Lists and tables whose rows are configurations: a click marks one everywhere */
(() => {
  const sections = document.querySelectorAll("section.noise, section.waterfall");
  sections.forEach((section) => {
    const rows = [...section.querySelectorAll("tr[data-row], li[data-row]")];
    section.addEventListener("click", ({ target }) => {
      const found = target.closest("[data-row]");
      if (!found) return;
      const row = Number(found.dataset.row);
      select(state.selected === row ? null : row);
    });
    listen("selected", ({ selected }) => rows.forEach((row) => {
      const is = Number(row.dataset.row) === selected;
      row.classList.toggle("selected", is);
      row.querySelector("button[data-row]")?.setAttribute("aria-pressed", String(is));
    }));
  });
})();
