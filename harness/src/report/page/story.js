// A story: the time line, and each step with what it did, what md did, and how things stood afterwards.
"use strict";

/** A packed text of the page, unpacked when it is asked for. */
async function unpack(number) {
  const packed = Uint8Array.from(atob(document.getElementById(`tale-${number}`).textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

async function showStory(run) {
  const name = report.scenarios[run.scenario];
  document.title = `${name}: mdlab report`;
  const others = runsOf[run.scenario].map((other) => {
    const square = squareOf(other);
    if (other.number === run.number) square.setAttribute("aria-current", "page");
    return square;
  });
  const head = [
    el("h1", {}, name),
    el("p.lead", {}, el(`span.badge.${kind(run.verdict)}`, {}, run.verdict), ` ${machineName(run)}, ${seconds(run.seconds)}`,
      run.place ? `, ${run.place}` : ""),
    others.length > 1 ? el("div.others", {}, others) : null,
    run.message ? el(`pre.message.${kind(run.verdict)}`, {}, run.message) : null,
  ].filter(Boolean);
  const why = run.untold ? run.untold
    : run.tale !== null || run.verdict === "skip" || run.machine === null ? null
    : kind(run.verdict) === "bad" ? "It left no recording."
    : "The report holds the story of each failure, and of each scenario on the newest machine.";
  if (why) head.push(el("p.none", {}, why));
  const guests = run.tale === null ? [] : await unpack(run.tale);
  if (shown?.number !== run.number) return;
  main.replaceChildren(...head, ...placesOf(run, guests), ...looseDifferences(run, guests));
  guests.forEach((tale, number) => {
    if (guests.length > 1) main.append(el("h2", {}, `Guest ${tale.guest}: ${tale.machine}`));
    showTale(tale, number, run.differences.filter((difference) => difference.guest === tale.guest));
  });
}

/** Whether a part of a difference is of this step: of its label, and of all that have it the same one. */
function isOf(part, tale, number) {
  const { label } = tale.steps[number];
  return part.label === label && part.turn === tale.steps.slice(0, number).filter((step) => !step.given && step.label === label).length;
}

/** Where a run differs: links to the steps. */
function placesOf(run, guests) {
  const places = guests.flatMap((tale, guest) => tale.steps.flatMap((step, number) => {
    const differing = run.differences.filter((one) => one.guest === tale.guest && one.steps.some((part) => isOf(part, tale, number)));
    const link = el("a", { href: `#run=${run.number}&at=${guest}.${number}` }, step.label);
    return differing.length ? [el("li", {}, link, `: ${differing.map((one) => one.channel).join(", ")}`)] : [];
  }));
  return places.length ? [el("div.places", {}, "Differs in", el("ul", {}, places))] : [];
}

/** Differences that belong to no step here: a step is gone, or has another name, or there is no story. */
function looseDifferences(run, guests) {
  const has = (guest, part) => guests.some((tale) => tale.guest === guest && tale.steps.some((_, number) => isOf(part, tale, number)));
  return run.differences.flatMap((difference) =>
    difference.steps.filter((part) => !has(difference.guest, part)).map((part) => differenceOf(difference, part)));
}

function differenceOf(difference, step) {
  const line = (text) => el(`span.${text[0] === "+" ? "plus" : text[0] === "-" ? "minus" : "same"}`, {}, `${text}\n`);
  return el("div.diff", {}, el("h3", {}, `${difference.channel} differs from ${difference.snapshot}, step ${step.label}`),
    el("pre", {}, step.lines.map(line)));
}

// The steps.

let maps = [];

function showTale(tale, guest, differences) {
  if (guest === 0) maps = [];
  const map = new TimeLine(tale, guest);
  maps.push(map);
  main.append(map.node);
  tale.steps.forEach((step, number) => {
    const differing = differences.flatMap((difference) =>
      difference.steps.filter((part) => isOf(part, tale, number)).map((part) => differenceOf(difference, part)));
    main.append(sectionOf(step, `${guest}.${number}`, differing, map));
  });
  map.draw();
}

function sectionOf(step, id, differing, map) {
  const count = (lane) => step.events.filter((event) => event.lane === lane).length;
  const counts = [[count("call"), "system call"], [count("kernel"), "kernel message"], [count("uevent"), "uevent"]].map((one) => plural(...one)).join(", ");
  const body = el("div", {}, step.commands.map(commandOf), differing, lanesOf(step, id, map));
  if (step.after) body.append(...standingOf(step.after));
  else body.append(el("p.none", {}, "It was cut short: nobody could look how things stood."));
  // What is taken for granted is not what one wants to see first.
  const shownBody = step.given ? el("details", {}, el("summary", {}, "What it takes for granted"), body) : body;
  return el(step.given ? "section.step.given" : "section.step", { id: `at-${id}` },
    el("h2", {}, step.label, el("small", {}, counts)), step.given ? el("div", {}, shownBody) : shownBody);
}

function commandOf(command) {
  return el("div.command", {},
    el("pre", {}, el("span.line", {}, command.line), " ", el(command.failed ? "span.badge.bad" : "span.badge", {}, command.ending)),
    command.answer === null ? null : el("pre.out", {}, `answered: ${command.answer}`),
    command.output ? el("pre.out", {}, command.output.trimEnd()) : null);
}

/** How long after a call something may come that stands beside it, in nanoseconds: later, it has a time of its own, unless the
 * process went on just then: it was in that call all the time. */
const BESIDE = 2e6;

/** Rows of a call and what it provoked: kernel messages and uevents stand beside the call that they follow. */
function rowsOf(events) {
  const rows = [];
  const next = new Array(events.length).fill(Infinity);
  for (let at = events.length - 2; at >= 0; at -= 1) next[at] = events[at + 1].lane === "call" ? events[at + 1].at : next[at + 1];
  events.forEach((event, number) => {
    const record = { ...event, number };
    const last = rows.at(-1);
    const near = last && (event.at - last.at < BESIDE || next[number] - event.at < BESIDE);
    const joins = near && last.call.length && event.lane !== "call";
    if (!joins) rows.push({ at: event.at, first: number, call: [], kernel: [], uevent: [] });
    rows.at(-1)[event.lane].push(record);
  });
  return rows;
}

/** A call that names an array or changes something. */
const TELLING = /\/md|mdadm|_ARRAY|_DISK|execve|exits|mknod|unlink|symlink|rename|write\((?![12]<)/;

/** Shows the calls that md has nothing to do with, or hides them. */
function toggleQuiet() {
  const all = main.classList.toggle("every-call");
  for (const button of document.querySelectorAll("button.quiet")) button.setAttribute("aria-pressed", String(all));
}

function lanesOf(step, id, map) {
  if (!step.events.length) return el("p.none", {}, "Nothing was recorded.");
  const begin = map.begin;
  const cell = (records) => el("td", {}, records.map((record) => {
    const line = el(`p.${record.lane}${record.more ? ".open" : ""}`, { id: `at-${id}.${record.number}`, "data-at": record.at }, record.text);
    if (record.more) {
      line.tabIndex = 0;
      line.setAttribute("role", "button");
      const tell = (open) => line.setAttribute("aria-expanded", String(open));
      const toggle = () => {
        const open = line.nextSibling?.tagName === "PRE";
        if (open) line.nextSibling.remove();
        else line.after(el("pre", {}, record.more));
        tell(!open);
      };
      tell(false);
      line.addEventListener("click", toggle);
      line.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        toggle();
      });
    }
    return line;
  }));
  const isQuiet = (row) => !row.kernel.length && !row.uevent.length && !row.call.some((record) => TELLING.test(record.text));
  const rows = rowsOf(step.events).map((row) => {
    const records = [row.call, row.kernel, row.uevent].flat();
    const end = records.reduce((last, record) => Math.max(last, record.at), row.at);
    const link = el("a", { href: `#run=${shown.number}&at=${id}.${row.first}`, title: "Link to this record" }, ((row.at - begin) / 1e9).toFixed(6));
    const node = el(isQuiet(row) ? "tr.quiet" : "tr", { "data-at": row.at, "data-end": end },
      el("td", {}, link), cell(row.call), cell(row.kernel), cell(row.uevent));
    return Object.assign(node, { records });
  });
  const table = el("table.lanes", {},
    el("colgroup", {}, el("col", { style: "width:6.5rem" }), el("col", { style: "width:44%" }), el("col"), el("col")),
    el("thead", {}, el("tr", {}, ["seconds", "system calls", "kernel", "uevents"].map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", {}, rows));
  const quiet = rows.filter((row) => row.classList.contains("quiet")).length;
  const hidden = el("p.none", { hidden: "" });
  map.tables.push({ rows, hidden });
  return el("div", {}, table, quiet ? el("p.none.folded", {}, `${plural(quiet, "system call")} that md has nothing to do with: q shows them.`) : null, hidden);
}

function standingOf(after) {
  const parts = [];
  if (after.arrays.length) parts.push(el("div.pictures", {}, after.arrays.map(drawArray)));
  // Also where none is left that could be drawn.
  if (after.said) parts.push(el("pre.text.said", {}, after.said));
  if (after.superblocks.length) {
    const changed = after.superblocks.some((block) => block.fields.some((field) => field.before !== undefined));
    const details = el("details", {}, el("summary", {}, `Superblocks: ${after.superblocks.map((block) => block.device).join(", ")}${changed ? ", changed" : ""}`));
    // Drawn when they are looked at: a page may have thousands of bytes.
    details.draw = () => {
      if (details.children.length === 1) details.append(el("div.pictures", {}, after.superblocks.map(drawBlock)));
    };
    details.addEventListener("toggle", () => details.open && details.draw());
    parts.push(details);
  }
  parts.push(el("details", {}, el("summary", {}, "State: mdstat, sysfs, nodes"), el("pre.text", {}, after.state || "as before")));
  return parts;
}

/** Shows the record that a link names. */
function reveal(id) {
  const target = document.getElementById(`at-${id}`);
  if (!target) return;
  for (const row of document.querySelectorAll("tr.here")) row.classList.remove("here");
  const row = target.closest("tr");
  // Only what lies outside of the time that is shown is worth the reader's zoom.
  if (row?.hidden) maps[Number.parseInt(id, 10)].zoom(Infinity);
  target.closest("details")?.setAttribute("open", "");
  row?.classList.add("here");
  target.scrollIntoView({ block: target.matches("section") ? "start" : "center" });
  takeKeyboard(target);
}
