"use strict";
// The page is whole without this script, but for the list of packages and the switch of colours.
// Text of the archive only ever becomes text of a node, never markup.

/** Rows shown at once; a search goes on looking while they are there to read. */
const PAGE_ROWS = 100;
/** More rows than this are not printed: only the page that is shown. */
const PRINTED_ROWS = 2000;
/** How long a search may keep the page from answering, in milliseconds. */
const SLICE = 8;
/** Rows between two looks at the clock. */
const STEP = 500;

function byId(id) {
  return document.getElementById(id);
}

function startTheme() {
  const button = byId("theme");
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const label = () => {
    button.textContent = isDark() ? "Light colours" : "Dark colours";
  };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    label();
  });
  system.addEventListener("change", label);
  label();
  button.hidden = false;
}

/** Closed parts are opened for the printer, and closed again. */
function startPrinting() {
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const one of opened) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of opened) one.open = false;
  });
}

/** A column of the table is a list of texts, or numbers into a list of words. */
function readTable() {
  const { names, versions, ...columns } = JSON.parse(byId("package-data").textContent);
  const word = (name, row) => columns[name].words[columns[name].rows[row]];
  return {
    size: names.length,
    word,
    component: columns.component.rows,
    type: columns.type.rows,
    number: (name, text) => columns[name].words.indexOf(text),
    cells: (row) => [
      names[row],
      versions[row],
      word("type", row),
      word("component", row),
      word("license", row),
      word("source", row),
      word("path", row),
    ],
    text: (row) =>
      `${names[row]}\n${versions[row]}\n${word("license", row)}\n${word("source", row)}\n${word("path", row)}`.toLowerCase(),
  };
}

function startPackages() {
  const table = readTable();
  const texts = new Array(table.size);
  const query = byId("package-query");
  const component = byId("package-component");
  const type = byId("package-type");
  const body = byId("package-rows");
  const status = byId("package-status");
  let found = [];
  let complete = false;
  let page = 0;
  let search = 0;

  const count = (number) => number.toLocaleString("en-US");
  const chosen = (name, { value }) => (value === "" ? undefined : table.number(name, value));

  function show(from, to) {
    const rows = document.createDocumentFragment();
    for (let at = from; at < Math.min(to, found.length); at += 1) {
      const line = document.createElement("tr");
      line.setAttribute("aria-rowindex", String(at + 2));
      table.cells(found[at]).forEach((text, column) => {
        const cell = document.createElement(column === 0 ? "th" : "td");
        if (column === 0) cell.scope = "row";
        cell.textContent = text;
        line.append(cell);
      });
      rows.append(line);
    }
    body.replaceChildren(rows);
  }

  function showPage() {
    const pages = Math.max(1, Math.ceil(found.length / PAGE_ROWS));
    page = Math.min(page, pages - 1);
    show(page * PAGE_ROWS, (page + 1) * PAGE_ROWS);
    byId("package-table").setAttribute("aria-rowcount", String(complete ? found.length + 1 : -1));
    byId("package-page").textContent = `Page ${count(page + 1)} of ${count(pages)}`;
    for (const [id, off] of [
      ["first", page === 0],
      ["back", page === 0],
      ["on", page >= pages - 1],
      ["last", page >= pages - 1],
    ]) {
      byId(`package-${id}`).disabled = off;
    }
  }

  /** Only said when a search is over, so that a screen reader is not interrupted on the way. */
  function showStatus() {
    const all = found.length === table.size;
    status.textContent = all
      ? `All ${count(table.size)} packages.`
      : `${count(found.length)} of ${count(table.size)} packages found.`;
  }

  function startSearch() {
    search += 1;
    const mine = search;
    const terms = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const ofComponent = chosen("component", component);
    const ofType = chosen("type", type);
    const matches = (row) => {
      if (ofComponent !== undefined && table.component[row] !== ofComponent) return false;
      if (ofType !== undefined && table.type[row] !== ofType) return false;
      if (terms.length === 0) return true;
      texts[row] ??= table.text(row);
      return terms.every((term) => texts[row].includes(term));
    };
    found = [];
    complete = false;
    page = 0;
    let row = 0;
    let shown = false;
    const go = () => {
      // Another search has begun.
      if (mine !== search) return;
      const until = performance.now() + SLICE;
      while (row < table.size && performance.now() < until) {
        for (const end = Math.min(row + STEP, table.size); row < end; row += 1) {
          if (matches(row)) found.push(row);
        }
      }
      complete = row >= table.size;
      if (complete || (!shown && found.length >= PAGE_ROWS)) {
        shown = true;
        showPage();
      }
      if (complete) showStatus();
      else setTimeout(go, 0);
    };
    go();
  }

  function turnTo(to) {
    page = to;
    showPage();
    status.textContent = `${byId("package-page").textContent}.`;
    byId("package-table").scrollIntoView({ block: "nearest" });
  }

  byId("package-first").addEventListener("click", () => turnTo(0));
  byId("package-back").addEventListener("click", () => turnTo(page - 1));
  byId("package-on").addEventListener("click", () => turnTo(page + 1));
  byId("package-last").addEventListener("click", () => turnTo(Number.MAX_SAFE_INTEGER));
  query.addEventListener("input", startSearch);
  component.addEventListener("change", startSearch);
  type.addEventListener("change", startSearch);
  query.form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("beforeprint", () => {
    if (found.length > PRINTED_ROWS) {
      const last = Math.min((page + 1) * PAGE_ROWS, found.length);
      status.textContent = `Packages ${count(page * PAGE_ROWS + 1)} to ${count(last)} of ${count(found.length)}; the page on a screen has all.`;
    } else show(0, found.length);
  });
  addEventListener("afterprint", () => {
    showPage();
    showStatus();
  });

  byId("package-list").hidden = false;
  startSearch();
}

startTheme();
startPrinting();
// What there is to read is painted first.
if (byId("package-list") !== null) requestAnimationFrame(() => setTimeout(startPackages, 0));
