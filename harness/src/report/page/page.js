// The page: reads what the report holds, shows the overview or a story, and heeds the keyboard.
"use strict";

const report = JSON.parse(document.getElementById("index").textContent);
const main = document.getElementById("main");

/** An element with attributes and children; text is never read as HTML. */
function el(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const svg = ["svg", "g", "rect", "line", "text", "path", "title"].includes(tag);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  if (classes.length) node.setAttribute("class", classes.join(" "));
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) node.setAttribute(key, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

const kind = (verdict) => (verdict === "pass" || verdict === "skip" ? verdict : "bad");
const plural = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;
const seconds = (value) => (value >= 90 ? `${(value / 60).toFixed(1)} min` : `${value.toFixed(1)} s`);

/** The runs of a scenario, from the oldest machine to the newest. */
const runsOf = report.scenarios.map(() => []);
report.runs.forEach((run, number) => runsOf[run.scenario].push({ ...run, number }));

/** What stands for a scenario: its worst run. */
function worst(runs) {
  const order = ["bad", "pass", "skip"];
  return order.find((wanted) => runs.some((run) => kind(run.verdict) === wanted)) ?? "skip";
}

/** The run that has the most to tell, of the class that is asked for. */
function telling(runs) {
  const asked = runs.filter((run) => run.verdict === wanted.verdict);
  const among = asked.length ? asked : runs;
  return among.find((run) => kind(run.verdict) === "bad") ?? among.findLast((run) => run.tale !== null) ?? among.at(-1);
}

const address = (run) => `#run=${run.number}`;

// The list of scenarios.

const wanted = { text: "", verdict: null };

function matches(number) {
  const runs = runsOf[number];
  const name = report.scenarios[number].toLowerCase();
  const words = wanted.text.toLowerCase().split(/\s+/).filter(Boolean);
  const has = wanted.verdict === null || runs.some((run) => run.verdict === wanted.verdict);
  return has && words.every((word) => name.includes(word));
}

function showList() {
  const list = document.getElementById("list");
  let group = null;
  const rows = [];
  report.scenarios.forEach((name, number) => {
    if (!matches(number)) return;
    const cut = name.indexOf("::");
    const file = cut < 0 ? "" : name.slice(0, cut);
    if (file !== group) {
      group = file;
      rows.push(el("li", {}, el("h3", {}, file || "scenarios")));
    }
    const run = telling(runsOf[number]);
    const label = cut < 0 ? name : name.slice(cut + 2);
    const link = el("a", { href: address(run), "data-scenario": number, title: name },
      el(`i.dot.${worst(runsOf[number])}`, { role: "img", "aria-label": `${worst(runsOf[number])}: ` }), el("span", {}, label));
    rows.push(el("li", {}, link));
  });
  if (!rows.length) rows.push(el("li.none", { style: "padding:.6rem .8rem" }, "No scenario has this in its name."));
  list.replaceChildren(...rows);
  const left = list.querySelectorAll("a").length;
  document.getElementById("count").textContent = `${left} of ${plural(report.scenarios.length, "scenario")}`;
  markCurrent();
}

function markCurrent() {
  for (const link of document.querySelectorAll("#list a[data-scenario]")) {
    const current = shown !== null && Number(link.dataset.scenario) === shown.scenario;
    if (current) {
      link.setAttribute("aria-current", "page");
      link.scrollIntoView({ block: "nearest" });
    } else link.removeAttribute("aria-current");
  }
}

function showVerdicts() {
  const counts = new Map();
  for (const run of report.runs) counts.set(run.verdict, (counts.get(run.verdict) ?? 0) + 1);
  const buttons = report.order.filter((verdict) => counts.has(verdict)).map((verdict) => el("button", {
    type: "button", "data-verdict": verdict, "aria-pressed": "false",
    onclick: () => {
      wanted.verdict = wanted.verdict === verdict ? null : verdict;
      // They stay the same nodes: the keyboard is at one of them.
      for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.verdict === wanted.verdict));
      showList();
      if (shown === null) showOverview();
    },
  }, `${verdict} ${counts.get(verdict)}`));
  document.getElementById("verdicts").replaceChildren(...buttons);
}

// The overview.

function showOverview() {
  const count = (test) => report.runs.filter((run) => test(kind(run.verdict))).length;
  const tile = (name, number, what) => el(`div.tile.${name}`, {}, el("b", {}, String(number)), what);
  const [bad, passed] = ["bad", "pass"].map((wanted) => count((verdict) => verdict === wanted));
  const visible = report.scenarios.map((_, number) => number).filter(matches);
  main.replaceChildren(
    el("h1", {}, bad ? `${bad} of ${report.runs.length} runs failed` : passed ? "Everything is as the snapshots say" : "Nothing was run"),
    el("p.lead", {}, `${plural(report.scenarios.length, "scenario")} on ${plural(report.machines.length, "machine")}, ${seconds(report.seconds)}, ${new Date(report.began * 1000).toLocaleString()}`),
    el("div.tiles", {}, tile("pass", passed, "pass"),
      tile("bad", bad, "failed"), tile("skip", count((verdict) => verdict === "skip"), "skipped")),
    failures(), grid(), el("h2", {}, "Scenarios, each on every machine"),
    el("p.lead", {}, "A square is a run, the oldest kernel first; at the end what never had a machine. Hatched: skipped."),
    el("div.strips", {}, visible.map(strip)));
  shown = null;
  document.title = "mdlab report";
  markCurrent();
}

/** What failed, the worst first; what failed in the same way on several machines is told once. */
function failures() {
  const groups = new Map();
  report.runs.forEach((run, number) => {
    if (kind(run.verdict) !== "bad") return;
    const key = `${run.verdict} ${run.scenario} ${shortened(run.message ?? "")}`;
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push({ ...run, number });
  });
  if (!groups.size) return null;
  const place = ([run]) => report.order.indexOf(run.verdict);
  const sorted = [...groups.values()].sort((one, other) => place(one) - place(other));
  const items = sorted.slice(0, 10).map((runs) => el("li", {},
    el("p", {}, el("span.badge.bad", {}, runs[0].verdict), " ", el("a", { href: address(runs[0]) }, report.scenarios[runs[0].scenario]),
      " on ", runs.flatMap((run, number) => [number ? "; " : "", el("a", { href: address(run) }, machineName(run))])),
    el("pre.message", {}, shortened(runs[0].message ?? ""))));
  const more = sorted.length > 10 ? el("p.lead", {}, `and ${sorted.length - 10} more: choose a class at the left.`) : null;
  return el("div", {}, el("h2", {}, "What failed"), el("ol.failures.mono", {}, items), more);
}

/** What a message says before it comes to its evidence. */
const shortened = (message) => message.split(/\n(?=  \w+: )/)[0].split("\n").slice(0, 4).join("\n");

const machineName = (run) => (run.machine === null ? run.options || "no machine" : report.machines[run.machine].name);

/** Kernels by tools: how many passed. */
function grid() {
  const linux = [...new Set(report.machines.map((machine) => machine.linux))];
  const tools = [...new Set(report.machines.map((machine) => machine.mdadm))];
  const cell = (tool, kernel) => {
    const runs = report.runs.filter((run) => run.machine !== null
      && report.machines[run.machine].linux === kernel && report.machines[run.machine].mdadm === tool);
    if (!runs.length) return el("td", {}, "");
    const counts = new Map();
    for (const run of runs) counts.set(run.verdict, (counts.get(run.verdict) ?? 0) + 1);
    const bad = runs.some((run) => kind(run.verdict) === "bad");
    return el(bad ? "td.some" : "td.all", {}, report.order.filter((verdict) => counts.has(verdict)).map((verdict) => `${counts.get(verdict)} ${verdict}`).join(", "));
  };
  // What never became a machine has no cell.
  const never = report.runs.filter((run) => run.machine === null && run.options);
  const others = never.map((run) => el("li", {}, `${run.options}: ${run.verdict}`));
  return el("div", {}, el("h2", {}, "Machines"), others.length ? el("ul.never.mono", {}, others) : null, el("div.scroll", {}, el("table.grid", {},
    el("thead", {}, el("tr", {}, el("th", {}), linux.map((kernel) => el("th", { scope: "col" }, `Linux ${kernel}`)))),
    el("tbody", {}, tools.map((tool) => el("tr", {}, el("th", { scope: "row" }, `mdadm ${tool}`), linux.map((kernel) => cell(tool, kernel))))))));
}

/** A run, for a place that has no more room: how it ended is not told by a colour alone. */
function squareOf(run) {
  const said = `${machineName(run)}: ${run.verdict}`;
  return el(`a.cell.${kind(run.verdict)}`, { href: address(run), title: said, "aria-label": said }, kind(run.verdict) === "bad" ? "\u00d7" : "");
}

function strip(number) {
  const runs = runsOf[number];
  const places = [...report.machines.keys(), null];
  const cells = places.map((place) => {
    const run = telling(runs.filter((other) => other.machine === place));
    if (!run) return el("span.cell.none");
    return squareOf(run);
  });
  return el("div.strip", {}, el("a.mono", { href: address(telling(runs)) }, report.scenarios[number]), el("div", {}, cells));
}

// Where we are.

let shown = null;

async function route() {
  await go();
  // What had the keyboard is gone.
  if (document.activeElement === document.body) main.focus({ preventScroll: true });
}

async function go() {
  const run = /^#run=(\d+)(?:&at=([\w.]+))?/.exec(location.hash);
  if (!run || !report.runs[run[1]]) return showOverview();
  if (shown?.number !== Number(run[1])) {
    shown = { ...report.runs[run[1]], number: Number(run[1]) };
    markCurrent();
    await showStory(shown);
  }
  if (run[2]) reveal(run[2]);
  else window.scrollTo(0, 0);
}

function beside(way) {
  const visible = report.scenarios.map((_, number) => number).filter(matches);
  if (!visible.length) return;
  const at = shown === null ? -1 : visible.indexOf(shown.scenario);
  const next = visible[Math.min(Math.max(at + way, 0), visible.length - 1)];
  location.hash = address(telling(runsOf[next]));
}

function stepBeside(way) {
  const steps = [...document.querySelectorAll("section.step")];
  if (!steps.length) return;
  // Where a step comes to stand that is scrolled to.
  const edge = Number.parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop);
  const at = steps.findLastIndex((step) => step.getBoundingClientRect().top < edge + 2);
  const step = steps[Math.min(Math.max(at + way, 0), steps.length - 1)];
  step.scrollIntoView();
  takeKeyboard(step);
}

/** Has the keyboard go on from here. */
function takeKeyboard(node) {
  if (!node.hasAttribute("tabindex")) node.tabIndex = -1;
  node.focus({ preventScroll: true });
}

/** Goes where a link leads, also where it has led before: of that the browser says nothing. */
function lead(hash) {
  if (location.hash === hash) route();
  else location.hash = hash;
}

function setTheme(dark) {
  document.documentElement.classList.toggle("dark", dark);
}

const keys = {
  "/": () => document.getElementById("search").focus(),
  j: () => beside(1),
  k: () => beside(-1),
  n: () => stepBeside(1),
  p: () => stepBeside(-1),
  f: () => document.getElementById("find")?.focus(),
  o: () => { location.hash = ""; },
  t: () => setTheme(!document.documentElement.classList.contains("dark")),
  "?": () => document.getElementById("help").showModal(),
  q: () => toggleQuiet(),
  "+": () => zoomBy(0.5),
  "-": () => zoomBy(2),
  0: () => zoomBy(Infinity),
  ArrowLeft: () => moveBy(-0.25),
  ArrowRight: () => moveBy(0.25),
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.matches("input")) return event.target.blur();
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea")) return;
  // These scroll elsewhere.
  if (event.key.startsWith("Arrow") && (shown === null || event.target.closest("pre, .scroll"))) return;
  const act = keys[event.key];
  if (!act || document.getElementById("help").open || !document.getElementById("heeded").checked) return;
  event.preventDefault();
  act();
});

document.getElementById("search").addEventListener("input", (event) => {
  wanted.text = event.target.value;
  showList();
  if (shown === null) showOverview();
});
document.getElementById("theme").addEventListener("click", keys.t);
document.getElementById("keys").addEventListener("click", keys["?"]);
document.getElementById("summary").textContent = `${plural(report.runs.length, "run")}, mdlab ${report.mdlab}`;
setTheme(matchMedia("(prefers-color-scheme: dark)").matches);
window.addEventListener("hashchange", route);
document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#run="]');
  if (link?.hash === location.hash) lead(link.hash);
});
// Paper cannot be unfolded.
window.addEventListener("beforeprint", () => {
  // One that is drawn may have others in it.
  for (let details; (details = main.querySelector("details:not([open])"));) {
    details.draw?.();
    details.open = true;
    details.dataset.folded = "";
  }
});
window.addEventListener("afterprint", () => {
  for (const details of main.querySelectorAll("details[data-folded]")) {
    details.open = false;
    delete details.dataset.folded;
  }
});
document.getElementById("skip").addEventListener("click", () => main.focus());
showVerdicts();
showList();
route();
