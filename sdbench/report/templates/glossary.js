
/* Definitions on hover, focus and tap: of words (class "term"), and of whatever a script gives one */
const explain = (() => {
  const tip = byId("tip");
  const GAP_PX = 6;
  let owner = null;

  const hide = () => {
    owner?.removeAttribute("aria-describedby");
    owner = null;
    if (tip.matches(":popover-open")) tip.hidePopover();
  };
  const place = () => {
    if (!owner) return;
    const at = owner.getBoundingClientRect();
    const size = tip.getBoundingClientRect();
    const below = at.bottom + GAP_PX;
    const fitsBelow = below + size.height <= window.innerHeight;
    tip.style.top = `${fitsBelow ? below : Math.max(0, at.top - GAP_PX - size.height)}px`;
    tip.style.left = `${Math.max(GAP_PX, Math.min(at.left, window.innerWidth - size.width - GAP_PX))}px`;
  };
  const show = (element, text) => {
    if (!text) return;
    if (owner !== element) hide();
    owner = element;
    tip.textContent = text;
    if (!tip.matches(":popover-open")) tip.showPopover();
    element.setAttribute("aria-describedby", tip.id);
    place();
  };

  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  window.addEventListener("scroll", place, { passive: true, capture: true });

  return (element, text) => {
    const words = typeof text === "function" ? text : () => text;
    element.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") show(element, words()); });
    element.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") hide(); });
    element.addEventListener("focus", () => show(element, words()));
    element.addEventListener("blur", hide);
    if (element.matches(".term")) element.addEventListener("click", () => show(element, words()));
  };
})();
document.querySelectorAll(".term").forEach((word) => explain(word, word.dataset.definition));
