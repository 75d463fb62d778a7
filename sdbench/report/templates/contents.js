
/* A line of links to the sections, made of their headings */
(() => {
  const headings = [...document.querySelectorAll("main > section h2[id]")];
  if (headings.length < 2) return;
  const list = make("ul", {}, ...headings.map((heading) => make("li", {}, make("a", { href: `#${heading.id}` }, heading.textContent.trim()))));
  byId("contents").append(list);
})();
