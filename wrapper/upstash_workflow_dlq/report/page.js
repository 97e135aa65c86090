// The table of runs: search, sort, details. Whatever runs contain becomes a text node: this script makes no HTML.
"use strict";
(() => {
  const data = document.getElementById("rows");
  const runs = JSON.parse(data.textContent);
  const part = Number(data.dataset.part);
  const now = Number(data.dataset.now);
  const AT_ONCE = 100;

  const body = document.querySelector(".runs tbody");
  const search = document.getElementById("search");
  const chip = document.getElementById("chip");
  const found = document.getElementById("found");
  const next = document.getElementById("next");

  // What a group has in common, by the name that its button has.
  const belongs = {
    failure: (run, key) => run.group === key,
    workflow: (run, key) => run.workflow === key,
    label: (run, key) => (key ? run.labels.includes(key) : !run.labels.length),
  };
  let group = null;
  let sorting = { by: "at", descending: true };
  let matching = [];
  let shown = 0;

  function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function moment(milliseconds, length) {
    return milliseconds === null ? "" : new Date(milliseconds).toISOString().replace("T", " ").slice(0, length);
  }

  // Made once for each run, when somebody searches.
  const haystacks = new Array(runs.length);
  function haystack(place) {
    const run = runs[place];
    haystacks[place] ??= [
      moment(run.at, 19), run.workflow, run.failure, run.status ?? "", ...run.labels, run.id, run.run, run.group,
    ].join("\n").toLowerCase();
    return haystacks[place];
  }

  function compare(one, other) {
    const by = sorting.by;
    let a = runs[one][by], b = runs[other][by];
    if (by === "labels") { a = a.join("\n") || null; b = b.join("\n") || null; }
    if (a === b) return one - other; // the newest first
    // Unknown ones come last, whatever the direction.
    if (a === null || a === "") return 1;
    if (b === null || b === "") return -1;
    return (a < b ? -1 : 1) * (sorting.descending ? -1 : 1);
  }

  function update() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    matching = [];
    for (let place = 0; place < runs.length; place++) {
      if (group && !belongs[group.by](runs[place], group.key)) continue;
      if (words.length && !words.every((word) => haystack(place).includes(word))) continue;
      matching.push(place);
    }
    matching.sort(compare);
    shown = 0;
    body.replaceChildren();
    showMore();
  }

  function showMore() {
    const until = Math.min(matching.length, shown + AT_ONCE);
    const rows = document.createDocumentFragment();
    for (; shown < until; shown++) rows.append(row(matching[shown]));
    body.append(rows);
    const left = matching.length - shown;
    next.hidden = !left;
    next.textContent = `${Math.min(left, AT_ONCE)} more of ${left.toLocaleString("en")}`;
    const all = `${runs.length.toLocaleString("en")} ${runs.length === 1 ? "run" : "runs"}`;
    const count = matching.length.toLocaleString("en");
    found.textContent = matching.length === runs.length ? all : `${count} of ${all}`;
  }

  function row(place) {
    const run = runs[place];
    const made = element("tr");
    const at = element("td", "at");
    const open = element("button", "open", moment(run.at, 19) || "unknown");
    open.type = "button";
    open.setAttribute("aria-expanded", "false");
    open.addEventListener("click", () => toggle(place, made, open));
    at.append(open);
    const workflow = element("td", "workflow");
    workflow.append(element("span", "", run.workflow));
    const failure = element("td", "failure");
    failure.append(element("span", "", run.failure));
    const labels = element("td", "labels");
    for (const label of run.labels) labels.append(element("bdi", "tag", label), " ");
    const ends = run.ends === null ? "" : run.ends <= now ? "any moment" : moment(run.ends, 16);
    made.append(
      at, workflow, failure, element("td", "status", run.status ?? ""), labels,
      element("td", "ends-at", ends),
    );
    return made;
  }

  const parts = new Map();
  function details(place) {
    const number = Math.floor(place / part);
    if (!parts.has(number)) parts.set(number, JSON.parse(document.getElementById(`part-${number}`).textContent));
    return parts.get(number)[place % part];
  }

  function toggle(place, after, open) {
    if (document.readyState === "loading") { // the details come last
      addEventListener("DOMContentLoaded", () => toggle(place, after, open), { once: true });
      return;
    }
    const isOpen = open.getAttribute("aria-expanded") === "true";
    open.setAttribute("aria-expanded", String(!isOpen));
    if (isOpen) { after.nextSibling.remove(); return; }
    const made = element("tr", "more");
    const cell = element("td");
    cell.colSpan = 6;
    const { facts, texts } = details(place);
    for (const [heading, text, note] of texts) {
      const title = element("h3", "", heading);
      if (note) title.append(" ", element("small", "", `(${note})`));
      cell.append(title);
      if (text) cell.append(element("pre", "", text));
    }
    const list = element("dl", "facts");
    for (const [name, value] of facts) list.append(element("dt", "", name), element("dd", "", value));
    list.append(element("dt", "", "fingerprint"), element("dd", "", runs[place].group));
    cell.append(list);
    made.append(cell);
    after.after(made);
  }

  const sorts = document.querySelectorAll(".sort");
  function mark() {
    for (const button of sorts) {
      const heading = button.parentElement;
      const isMarked = button.dataset.by === sorting.by;
      heading.setAttribute("aria-sort", !isMarked ? "none" : sorting.descending ? "descending" : "ascending");
      button.textContent = button.textContent.replace(/ [▴▾]$/, "") + (!isMarked ? "" : sorting.descending ? " ▾" : " ▴");
    }
  }
  for (const button of sorts) {
    button.addEventListener("click", () => {
      const by = button.dataset.by;
      sorting = { by, descending: by === sorting.by ? !sorting.descending : by === "at" };
      mark();
      update();
    });
  }

  for (const button of document.querySelectorAll(".group button")) {
    button.addEventListener("click", () => {
      group = { by: button.dataset.by, key: button.dataset.key };
      chip.textContent = `${button.textContent} ✕`;
      chip.hidden = false;
      search.value = "";
      update();
      document.getElementById("runs").scrollIntoView();
    });
  }
  chip.addEventListener("click", () => { group = null; chip.hidden = true; update(); search.focus(); });

  search.addEventListener("input", update);
  next.addEventListener("click", showMore);
  document.querySelector(".tools").hidden = false;
  document.querySelector(".runs").hidden = false;
  mark();
  update();
})();
