// Uses a report's page as a reader does, and writes into the page what was found. `ci/page` puts it there.
(async () => {
  const failed = [];
  let checks = 0;
  const check = (holds, what) => {
    checks += 1;
    if (!holds) failed.push(what);
  };
  window.addEventListener("error", (event) => failed.push(`error: ${event.message}`));
  window.addEventListener("unhandledrejection", (event) => failed.push(`rejected: ${event.reason}`));
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const visible = (node) => !node.hidden;
  const rest = () => new Promise((done) => setTimeout(done, 50));
  const press = (key) => document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  const type = (selector, text) => {
    const input = document.querySelector(selector);
    input.value = text;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const open = async (number) => {
    location.hash = `#run=${number}`;
    await rest();
    await rest();
  };

  // The overview: every scenario is in it, and no more than that.
  const count = report.scenarios.length;
  check(all("#list a[data-scenario]").length === count, "the list has every scenario");
  check(all(".strip").length === count, "the overview has every scenario");
  const tiles = all(".tile b").map((tile) => Number(tile.textContent));
  check(tiles.reduce((sum, tile) => sum + tile, 0) === report.runs.length, "the tiles count every run");
  check(all("table.grid tbody td").some((cell) => cell.textContent !== ""), "the grid has a machine");
  const bound = 300 + count * (report.machines.length + 8);
  const drawn = all("*:not(script)").length;
  check(drawn < bound, `the overview is made of less than ${bound} elements, got ${drawn}`);

  // Filters.
  const name = report.scenarios.at(-1);
  type("#search", name);
  check((count === 1 || all("#list a[data-scenario]").length < count) && all("#list a[data-scenario]").some((link) => link.title === name), "a filter leaves what has the text");
  check(all(".strip").length === all("#list a[data-scenario]").length, "the overview is filtered as the list is");
  type("#search", "nothing is called so");
  check(all("#list .none").length === 1, "an empty list says so");
  type("#search", "");
  const verdict = report.runs[0].verdict;
  const button = () => all("#verdicts button").find((one) => one.textContent.startsWith(verdict));
  button().focus();
  button().click();
  check(document.activeElement === button(), "the keyboard stays where it was");
  check(all("#list a[data-scenario]").every((link) => report.runs[/\d+/.exec(link.hash)[0]].verdict === verdict), "a link leads to a run of the class");
  const having = new Set(report.runs.filter((run) => run.verdict === verdict).map((run) => run.scenario));
  check(all("#list a[data-scenario]").length === having.size, "a class filters");
  check(button().getAttribute("aria-pressed") === "true", "a pressed button is pressed");
  button().click();
  check(all("#list a[data-scenario]").length === count, "and does so no more");

  check(document.getElementById("count").textContent.startsWith(`${count} of ${count} `), "the list says how many it has");

  // The keyboard goes on where its link is gone, and its keys can be left to others.
  const onward = document.querySelector("main a");
  onward.focus();
  onward.click();
  await rest();
  await rest();
  check(document.activeElement === main, "the content has the keyboard");
  location.hash = "";
  await rest();
  document.getElementById("heeded").checked = false;
  press("j");
  await rest();
  check(location.hash === "", "keys that are not heeded do nothing");
  document.getElementById("heeded").checked = true;

  const never = report.runs.filter((run) => run.machine === null && run.options);
  check(all("ul.never li").length === never.length, "what never became a machine is named");

  // By the keyboard, from scenario to scenario, and back.
  press("j");
  await rest();
  await rest();
  check(location.hash.startsWith("#run=") && all("#list a[aria-current]").length === 1, "j shows the first scenario");
  const first = location.hash;
  press("j");
  await rest();
  check(count === 1 || location.hash !== first, "j goes on");
  press("k");
  await rest();
  check(location.hash === first, "k goes back");
  press("o");
  await rest();
  check(all(".strip").length === count, "o shows the overview");

  // The keys, and light and dark.
  press("?");
  check(document.getElementById("help").open, "? opens the list of keys");
  document.getElementById("help").close();
  const paper = () => getComputedStyle(document.body).backgroundColor;
  const before = paper();
  press("t");
  check(paper() !== before, "t changes the paper");
  press("t");
  check(paper() === before, "and back");
  const rules = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules]);
  check(rules.every((rule) => !rule.selectorText?.includes(".dark")), "only what is for screens is dark");

  // Every run can be shown; the first twenty are.
  for (const [number, run] of [...report.runs.entries()].slice(0, 20)) {
    await open(number);
    const what = `${report.scenarios[run.scenario]} (${run.verdict})`;
    check(document.querySelector("h1").textContent === report.scenarios[run.scenario], `${what} is shown`);
    check(document.title.startsWith(report.scenarios[run.scenario]), `${what} is the title`);
    const squares = all(".others .cell");
    const alike = report.runs.filter((other) => other.scenario === run.scenario);
    check(alike.length === 1 || squares.length === alike.length, `${what}: a square for each machine`);
    check(squares.every((square) => square.matches(".bad") === (square.textContent !== "")), `${what}: that one failed is not told by its colour alone`);
    if (run.message) check(document.querySelector("pre.message").textContent === run.message, `${what}: its message`);
    const differing = run.differences.flatMap((difference) => difference.steps);
    check(all(".diff").length === differing.length, `${what}: ${differing.length} differences, got ${all(".diff").length}`);
    check(all(".diff .plus, .diff .minus").length >= differing.length, `${what}: lines that differ`);
    const links = all(".places a");
    check(run.tale === null || !differing.length || links.length + all("main > .diff").length > 0, `${what}: it says where it differs`);
    for (const link of links) {
      location.hash = link.hash;
      await rest();
      const section = document.getElementById(`at-${link.hash.split("&at=")[1]}`);
      check(section.querySelector("h2").textContent.startsWith(link.textContent) && all(".diff", section).length > 0, `${what}: a link leads to the step that differs`);
    }
    if (run.tale !== null) await story(what, await unpack(run.tale));
  }

  async function story(what, guests) {
    const steps = guests.flatMap((guest) => guest.steps);
    const events = steps.flatMap((step) => step.events);
    check(all("section.step").length === steps.length, `${what}: a section for each step`);
    check(all("table.lanes p").length === events.length, `${what}: a line for each of ${events.length} records, got ${all("table.lanes p").length}`);
    const text = all("section.step .command .line").map((line) => line.textContent);
    check(steps.flatMap((step) => step.commands).every((command) => text.includes(command.line)), `${what}: command lines`);

    // Zoom, back to all, and moving.
    const rows = () => all("table.lanes tbody tr");
    press("+");
    press("+");
    press("+");
    check(events.length < 20 || rows().some((row) => row.hidden), `${what}: + leaves a part of the rows`);
    const { from, to, last } = maps[0];
    press("ArrowRight");
    check(maps[0].from > from || to === last, `${what}: an arrow moves what is shown`);
    check(Math.abs(maps[0].to - maps[0].from - (to - from)) < 1, `${what}: and shows as much`);
    // A drag that begins left of the time line.
    const svg = document.querySelector(".map svg");
    const at = (part) => svg.getBoundingClientRect().left + part;
    svg.setPointerCapture = () => {};
    const whole = maps[0].to - maps[0].from;
    for (const [type, button] of [["pointerup", 0], ["pointerdown", 2], ["pointerup", 2]]) {
      svg.dispatchEvent(new PointerEvent(type, { clientX: at(200), button }));
    }
    check(maps[0].to - maps[0].from === whole, `${what}: what was pressed elsewhere, or by another button, zooms nothing`);
    for (const [type, part] of [["pointerdown", 2], ["pointerup", 40]]) svg.dispatchEvent(new PointerEvent(type, { clientX: at(part) }));
    check(maps[0].from < maps[0].to && maps[0].from >= maps[0].first, `${what}: a drag beside the time line shows time that there is`);
    press("0");
    press("+");
    const wheel = (turn) => document.querySelector(".map svg").dispatchEvent(new WheelEvent("wheel", { ...turn, cancelable: true }));
    const span = () => maps[0].to - maps[0].from;
    const narrow = span();
    wheel({ deltaX: 30 });
    check(Math.abs(span() - narrow) < 1, `${what}: a wheel that turns sideways moves`);
    wheel({ deltaY: -30 });
    check(span() < narrow || narrow <= 2000, `${what}: and one that turns zooms`);
    press("-");
    press("0");
    check(rows().every(visible), `${what}: 0 shows all rows`);

    // Lanes and search.
    const lane = all(".bar button").find((one) => one.textContent === "kernel");
    const lines = (name) => maps[0].tables.flatMap((table) => table.rows).flatMap((row) => all(`p.${name}`, row));
    lane.click();
    check(lines("kernel").every((line) => line.hidden) && lines("call").every(visible), `${what}: a lane goes`);
    lane.click();
    check(lines("kernel").every(visible), `${what}: a lane comes back`);
    const word = events.find((event) => event.lane === "call")?.text.slice(0, 6);
    if (word) {
      type("#find", word);
      check(all("tr.here").length > 0, `${what}: a search for ${word} finds something`);
      press("+");
      press("+");
      press("+");
      type("#find", "");
      type("#find", word);
      check(all("tr.here").every((row) => visible(row) && row.closest("details")?.open !== false), `${what}: what is found is shown`);
      type("#find", "");
      press("0");
      check(all("tr.here").length === 0, `${what}: no search, no marks`);
    }

    // What is not shown is not found; what is shown of a record when asked for is.
    const hits = (text) => {
      type("#find", text);
      return all("tr.here").length;
    };
    const detail = events.find((event) => event.lane === "call" && /^process \d+$/.test(event.more))?.more;
    if (detail) {
      const calls = all(".bar button").find((one) => one.textContent === "system calls");
      check(hits(detail) > 0, `${what}: a search finds what a record says when asked for more`);
      calls.click();
      check(hits(detail) === 0, `${what}: and nothing of a lane that is off`);
      type("#find", "");
      location.hash = `#run=${shown.number}`;
      maps[0].nearest(maps[0].events.find((event) => event.lane === "call").at);
      await rest();
      const reached = document.querySelector("tr.here p:not([hidden])");
      check(reached !== null || !/&at=/.test(location.hash), `${what}: nor is a click led there`);
      calls.click();
      for (const row of all("tr.here")) row.classList.remove("here");
    }

    // What md has nothing to do with is folded.
    const drawn = () => rows().filter((row) => getComputedStyle(row).display !== "none").length;
    const folded = rows().filter((row) => row.classList.contains("quiet")).length;
    check(drawn() === rows().length - folded, `${what}: ${folded} rows are folded`);
    press("q");
    check(drawn() === rows().length, `${what}: q shows every call`);
    press("q");

    // A record's link leads to it, and it shows more of itself.
    const link = all("table.lanes td:first-child a").at(-1);
    if (link) {
      link.click();
      await rest();
      const row = link.closest("tr");
      const isThere = () => all("tr.here").length === 1 && row.classList.contains("here") && row.contains(document.activeElement);
      check(isThere(), `${what}: a link leads to its record, and so goes the keyboard`);
      row.classList.remove("here");
      document.activeElement.blur();
      link.click();
      await rest();
      check(isThere(), `${what}: and does so again`);
      const map = maps.at(-1);
      const whole = map.to - map.from;
      map.zoom(0.5, Number(row.dataset.at));
      const span = map.to - map.from;
      link.click();
      await rest();
      check(span >= whole || map.to - map.from === span, `${what}: and leaves the time that is shown`);
      map.show(map.first, map.first);
      const away = row.hidden;
      link.click();
      await rest();
      check(!row.hidden && (!away || map.to - map.from === whole), `${what}: unless it lies elsewhere`);
      map.zoom(Infinity);
    }

    // The keyboard goes from step to step, each below the time line that stays in view.
    window.scrollTo(0, 0);
    press("n");
    await rest();
    const step = document.activeElement;
    check(step.matches("section.step"), `${what}: n gives the keyboard to a step`);
    const under = () => step.querySelector("h2").getBoundingClientRect().top - maps[0].node.getBoundingClientRect().bottom;
    check(under() > -1, `${what}: its heading is in view, got ${under()}`);
    const more = document.querySelector("p.open");
    if (more) {
      more.click();
      check(more.nextSibling?.tagName === "PRE" && more.nextSibling.textContent.length > 0, `${what}: more is shown of a record`);
      check(more.getAttribute("aria-expanded") === "true", `${what}: and said to be`);
      more.dispatchEvent(new KeyboardEvent("keydown", { key: " ", bubbles: true }));
      check(more.nextSibling?.tagName !== "PRE" && more.getAttribute("aria-expanded") === "false", `${what}: the space bar closes it`);
    }

    // Arrays and superblocks.
    // Paper cannot be unfolded: what is in what is drawn for it neither.
    const unfolded = all("main details[open]").length;
    window.dispatchEvent(new Event("beforeprint"));
    check(all("main details").every((details) => details.open), `${what}: all is unfolded to be printed`);
    window.dispatchEvent(new Event("afterprint"));
    check(all("main details[open]").length === unfolded && all("[data-folded]").length === 0, `${what}: and folded again`);
    const after = steps.map((step) => step.after).filter(Boolean);
    check(steps.every((step) => !step.given || !step.after?.arrays.length || step.after.state !== ""), `${what}: what is given has a state`);
    const arrays = after.flatMap((standing) => standing.arrays);
    check(all("figure.array").length === arrays.length, `${what}: a drawing for each array`);
    check(all("figure.array").every((figure) => all("rect.slot", figure).length > 0), `${what}: with its slots`);
    const blocksFolded = all("details").filter((details) => details.textContent.startsWith("Superblocks"));
    blocksFolded.forEach((details) => { details.open = true; });
    await rest();
    const said = after.filter((standing) => standing.said);
    check(all("pre.said").length === said.length, `${what}: what became of superblocks is said, also of those that are gone`);
    const blocks = after.flatMap((standing) => standing.superblocks);
    check(all("figure.block").length === blocks.length, `${what}: ${blocks.length} superblocks, got ${all("figure.block").length}`);
    check(all("b.changed").length === blocks.reduce((sum, block) => sum + block.changed.length, 0), `${what}: what changed is marked`);
    const byte = document.querySelector("figure.block b[data-field]");
    if (byte) {
      byte.dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
      const said = byte.closest("figure").querySelector(".field").textContent;
      check(/^(md_)?magic bytes 0 to 3: /.test(said) && said.length > 30, `${what}: a byte says what it is, got ${said}`);
      check(all("b.lit").length === 4, `${what}: its field is lit`);
    }
    check(blocks.every((block) => block.fields.every((field) => field.meaning !== "")), `${what}: every field has a meaning`);
    check(all("svg title").length > 0 && all("svg title").every((title) => title.namespaceURI.endsWith("/svg")), `${what}: drawings say more of what is pointed at`);
    // What is not in view is not measured.
    all("section.step").forEach((section) => { section.style.contentVisibility = "visible"; });
    const wide = all("section.step").filter((section) => section.scrollWidth > section.clientWidth);
    check(!wide.length, `${what}: no step is wider than it is shown, but ${wide.map((section) => section.querySelector("h2").textContent)}`);
  }

  drawings();

  /** What scenarios have seldom. */
  function drawings() {
    const member = (state, number) => ({ name: `dev-loop${number}`, slot: String(number), state });
    const states = ["in_sync", "in_sync,write_mostly", "faulty", "spare", "journal", "EIO", ""];
    const members = [...states, ...states].map(member);
    const array = drawArray({ name: "md0", attributes: [["raid_disks", "24"]], members });
    main.append(el("section.step", {}, el("div", {}, el("div.pictures", {}, array))));
    const section = main.lastChild;
    section.style.contentVisibility = "visible";
    check(all("rect.slot", section).length === 24 && section.scrollWidth <= section.clientWidth, "an array of 24 slots is shown whole");
    const looks = all("rect.slot", section).slice(0, 7).map((slot) => slot.classList[1]);
    check(String(looks) === "in_sync,in_sync,faulty,spare,journal,unknown,unknown", `a member looks as its state says, got ${looks}`);
    const field = (name, offset, width) => ({ name, offset, width, value: "1", meaning: "" });
    const fields = [field("magic", 0, 4), field("events", 8, 4), field("trailing", 12, 1012)];
    const drawn = (bytes, changed) => {
      const figure = drawBlock({ device: "/dev/loop0", format: "1.2", offset: 4096, bytes, changed, fields, valid: true });
      main.append(figure);
      return figure;
    };
    const of = (figure, byte) => all(".bytes b", figure)[byte];
    const paper = (byte) => getComputedStyle(byte).backgroundColor;
    const some = drawn("fc4e2ba9", []);
    check(paper(of(some, 5)) !== paper(of(some, 0)) && of(some, 5).dataset.field === undefined, "bytes of no field have no field's colour");
    check(!some.textContent.includes("trailing"), "what has no bytes is no field");
    const more = drawn(`${"00".repeat(400)}01`, [1000]);
    check(of(more, 400).dataset.field === "2" && more.textContent.includes("trailing"), "bytes behind the superblock are a field");
    check(of(more, 1000).classList.contains("changed"), "what changed into zeros is drawn");
  }

  await rest();
  const said = failed.length ? `${failed.length} of ${checks} checks failed:\n${failed.slice(0, 20).join("\n")}` : `all of ${checks} checks hold`;
  document.body.append(el("pre", { id: "checked" }, said));
})();
