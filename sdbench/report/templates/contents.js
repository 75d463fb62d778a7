
/* A line of links to the sections in sight, made of their headings */
(() => {
  const headings = [...document.querySelectorAll("main > section h2[id]")];
  if (headings.length < 2) return;
  const links = headings.map((heading) => ({
    section: heading.closest("section"),
    item: make("li", {}, make("a", { href: `#${heading.id}` }, heading.textContent.trim())),
  }));
  byId("contents").append(make("ul", {}, ...links.map(({ item }) => item)));
  listen("answer", () => links.forEach(({ section, item }) => { item.hidden = section.hidden; }));
})();
