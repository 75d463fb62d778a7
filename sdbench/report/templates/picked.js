
/* The selected configuration in a line below the chart, which leads to all about it */
(() => {
  listen("selected", ({ selected }) => {
    const link = () => make("a", { href: "#details" }, `${selected + 1}: ${settingsText(page, rowsOf(page)[selected])}`);
    byId("picked").replaceChildren(...(selected === null ? [] : ["Selected ", link()]));
  });
})();
