/* What the page shows at the moment: the limits, the answer within them, the selected row.
   Rows are positions in the columns of `page.rows`. */
const page = JSON.parse(document.getElementById("page-data").textContent);
const state = { limits: { ...page.limits }, answer: null, selected: null };

const { listen, setLimits, select, start } = (() => {
  const listeners = { answer: [], selected: [] };
  const tell = (event) => listeners[event].forEach((listener) => listener(state));
  const answer = () => {
    state.answer = adviceFor(page, state.limits);
    tell("answer");
  };
  return {
    /* event: "answer" or "selected"; listeners are called with the state, and once by start() */
    listen: (event, listener) => listeners[event].push(listener),
    setLimits: (limits) => {
      state.limits = { ...state.limits, ...limits };
      answer();
    },
    select: (row) => {
      state.selected = row;
      tell("selected");
    },
    start: () => {
      answer();
      tell("selected");
      document.addEventListener("keydown", ({ key }) => {
        if (key === "Escape" && state.selected !== null) select(null);
      });
    },
  };
})();
