
/* Pictures: a click selects the fastest configuration that draws it */
(() => {
  const tiles = [...document.querySelectorAll(".tile[data-row]")].map((tile) => ({
    tile, row: Number(tile.dataset.row), rows: new Set(tile.dataset.rows.split(" ").map(Number)),
  }));
  tiles.forEach(({ tile, row, rows }) => {
    tile.addEventListener("click", () => select(rows.has(state.selected) ? null : row));
  });
  listen("answer", () => tiles.forEach(({ tile, rows }) => {
    const isChosen = rows.has(state.answer.chosen);
    tile.classList.toggle("recommended", isChosen);
    tile.querySelector(".badge").hidden = !isChosen;
  }));
  listen("selected", () => tiles.forEach(({ tile, rows }) => {
    tile.classList.toggle("selected", rows.has(state.selected));
    tile.querySelector(".pick").setAttribute("aria-pressed", rows.has(state.selected));
  }));
})();
