/* The answer in words, kept up with the limits */

/* A document of a row, "code" or "suite"; null where no limits let the row in */
const documentText = (kind, row) => {
  const { lines, [kind]: texts } = page.documents;
  return texts[row]?.map((line) => lines[line]).join("\n") ?? null;
};

const elementOf = (tag, text, classes = "") => {
  const element = document.createElement(tag);
  element.textContent = text;
  if (classes) element.className = classes;
  return element;
};

(() => {
  const MOST_TIES_SHOWN = 50;
  const ANNOUNCED_AFTER_MS = 800; /* of quiet, so that a limit being typed is not read out */

  const suites = adviceFor(page, page.limits);
  const described = (m) => `${settingsText(page, m)}: ${figuresText(page, m)}`;
  const fillList = (list, lines) => list.replaceChildren(...lines.map((line) => elementOf("li", line)));
  const sayOrHide = (element, text) => {
    element.textContent = text;
    element.hidden = !text;
  };

  const showHeadline = (advice) => {
    const { where, what, figures, gain } = headlineParts(page, advice);
    const tail = [figures, gain].filter(Boolean).join(", ");
    const headline = byId("answer");
    headline.classList.toggle("nothing", advice.chosen === null);
    headline.replaceChildren(
      elementOf("span", where, "where"), " ", elementOf("span", what, "what"), tail ? `: ${tail}.` : ".",
    );
  };

  const showTies = ({ best }) => {
    const number = best.ties.length;
    byId("ties").hidden = !number;
    byId("ties").querySelector("summary").textContent = `${counted(number, "tie")} that the intervals cannot tell from the fastest`;
    const lines = best.ties.slice(0, MOST_TIES_SHOWN).map(described);
    if (number > MOST_TIES_SHOWN) lines.push(`and ${number - MOST_TIES_SHOWN} more`);
    fillList(byId("ties").querySelector("ul"), lines);
  };

  const showWhy = (advice) => {
    const why = byId("why");
    why.querySelector("summary").textContent = advice.chosen === null ? "Why none" : "Why this one";
    why.querySelector(".reason").textContent = reasonOf(page, advice.best, advice, true);
    sayOrHide(byId("free"), advice.free ? freeText(page, advice) : "");
  };

  /* The pictures are those of the answer within the suite's own limits */
  const showPictures = ({ best, free }) => {
    const shown = [best.chosen, best.miss, free?.chosen];
    const drawn = [suites.best.chosen, suites.best.miss, suites.free?.chosen];
    byId("answer-pictures").hidden = shown.some((m, index) => m !== drawn[index]);
  };

  const showDocuments = (row) => {
    byId("run").hidden = row === null;
    if (row === null) return;
    for (const kind of ["code", "suite"]) byId(kind).textContent = documentText(kind, row);
    document.querySelectorAll("#run [role=status]").forEach((status) => { status.textContent = ""; });
  };

  let announcement;
  let isFirst = true;
  const announce = (advice) => {
    clearTimeout(announcement);
    if (!isFirst) announcement = setTimeout(() => {
      byId("announced").textContent = headlineText(page, advice);
    }, ANNOUNCED_AFTER_MS);
    isFirst = false;
  };

  listen("answer", ({ answer: advice }) => {
    const { best } = advice;
    showHeadline(advice);
    sayOrHide(byId("confirmed"), best.chosen === null ? "" : confirmationText(page, best.chosen));
    byId("miss").hidden = best.miss === null;
    byId("miss").lastElementChild.textContent = best.miss === null
      ? "" : `${described(best.miss)}; ${joined(best.excess.map(excessText))}.`;
    const lines = relaxationLines(page, best);
    byId("relaxing").hidden = !lines.length;
    fillList(byId("relaxing").querySelector("ul"), lines);
    showTies(advice);
    showWhy(advice);
    showPictures(advice);
    showDocuments(advice.chosen);
    announce(advice);
  });
})();

/* The choice for each amount of work */
(() => {
  const rowOf = (advice, choice) => {
    const m = choice.chosen;
    const isHeadline = m !== null && choice === advice.best;
    const row = document.createElement("tr");
    row.classList.toggle("recommended", isHeadline);
    const work = elementOf("th", choice.group.label);
    work.scope = "row";
    if (isHeadline) work.append(" ", elementOf("span", "headline", "badge"));
    const figures = m === null ? ["–", "–", "–", "–"]
      : [latencyText(m), p95Text(m), memoryText(m), scoreText(m.score)];
    row.append(
      work,
      elementOf("td", m === null ? "none" : choice.group.own_settings ?? settingsText(page, m, choice.group.names), "choice"),
      ...figures.map((text) => elementOf("td", text, "number")),
      elementOf("td", reasonOf(page, choice, advice), "why-text"),
    );
    return row;
  };
  listen("answer", ({ answer: advice }) => {
    const section = byId("by-work");
    section.hidden = advice.choices.length < 2;
    if (section.hidden) return;
    section.querySelector("tbody").replaceChildren(...advice.choices.map((choice) => rowOf(advice, choice)));
  });
})();

/* The tabs of what to run, as the ARIA practices have them: arrows move, Home and End too */
(() => {
  const tabs = [...document.querySelectorAll("#run [role=tab]")];
  const show = (shown) => tabs.forEach((tab) => {
    tab.setAttribute("aria-selected", String(tab === shown));
    tab.tabIndex = tab === shown ? 0 : -1;
    byId(tab.getAttribute("aria-controls")).hidden = tab !== shown;
  });
  const MOVES = {
    ArrowRight: (at) => (at + 1) % tabs.length,
    ArrowLeft: (at) => (at + tabs.length - 1) % tabs.length,
    Home: () => 0,
    End: () => tabs.length - 1,
  };
  tabs.forEach((tab, at) => {
    tab.addEventListener("click", () => show(tab));
    tab.addEventListener("keydown", (event) => {
      const move = MOVES[event.key];
      if (!move) return;
      event.preventDefault();
      const next = tabs[move(at)];
      show(next);
      next.focus();
    });
  });
})();

/* Copying: a button names the element whose text it copies, and a status after it says so */
(() => {
  const selectAndCopy = (element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    return document.execCommand("copy");
  };
  document.querySelectorAll("[data-copies]").forEach((button) => {
    button.addEventListener("click", async () => {
      const source = byId(button.dataset.copies);
      let copied = true;
      try {
        await navigator.clipboard.writeText(source.textContent);
      } catch {
        copied = selectAndCopy(source);
      }
      button.parentElement.querySelector("[role=status]").textContent = (
        copied ? "Copied" : "Selected: copy it with your keyboard");
    });
  });
})();
