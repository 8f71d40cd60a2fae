// Arrays and superblocks, drawn.
"use strict";

/** An array: its slots with who is in them, and beside them spares and a journal. */
function drawArray(array) {
  const attributes = Object.fromEntries(array.attributes);
  const slots = Math.max(Number.parseInt(attributes.raid_disks ?? "0", 10) || 0, 0);
  const inSlot = (slot) => array.members.filter((member) => member.slot === String(slot));
  const boxes = [];
  for (let slot = 0; slot < slots; slot += 1) {
    const there = inSlot(slot);
    if (!there.length) boxes.push({ title: "missing", note: `slot ${slot}`, look: "missing" });
    for (const member of there) boxes.push({ title: member.name, note: `slot ${slot}, ${member.state}`, look: lookOf(member) });
  }
  for (const member of array.members) {
    const slot = Number(member.slot);
    if (Number.isInteger(slot) && slot < slots && member.slot !== "") continue;
    boxes.push({ title: member.name, note: member.state, look: lookOf(member) });
  }
  if (!boxes.length) boxes.push({ title: "empty", note: "no slots", look: "empty" });
  const perRow = 4;
  const [wide, high] = [124, 58];
  const rows = Math.ceil(boxes.length / perRow);
  const [width, height] = [Math.min(boxes.length, perRow) * wide, rows * high];
  const svg = el("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${array.name}: ${boxes.map((box) => `${box.title} ${box.note}`).join("; ")}` });
  boxes.forEach((box, number) => {
    const [x, y] = [(number % perRow) * wide + 2, Math.floor(number / perRow) * high + 2];
    svg.append(el(`rect.slot.${box.look}`, { x, y, width: wide - 10, height: high - 10, rx: 6 }),
      el("text", { x: x + 8, y: y + 19 }, box.title),
      el("text.small", { x: x + 8, y: y + 36 }, box.note.length > 19 ? `${box.note.slice(0, 18)}\u2026` : box.note, el("title", {}, box.note)));
  });
  const said = ["level", "array_state", "sync_action", "degraded", "metadata_version"].filter((name) => attributes[name]);
  return el("figure.array", {}, el("figcaption", {}, el("b", {}, array.name), ` ${said.map((name) => `${name} ${attributes[name]}`).join(", ")}`), svg);
}

/** By the words of its state; an error in its place leaves it without one. */
function lookOf(member) {
  return ["faulty", "journal", "spare", "in_sync"].find((word) => member.state.includes(word)) ?? "unknown";
}

/** A superblock: each byte a square, coloured by its field; what changed is framed. */
function drawBlock(block) {
  const fields = block.fields.filter((field) => field.name !== "trailing" || field.before !== undefined || field.offset < block.bytes.length / 2);
  const end = fields.reduce((last, field) => Math.max(last, field.offset + field.width), 0);
  // What is zero now may have been something else.
  const used = Math.max(block.bytes.length / 2, Math.min(end, 320), (block.changed.at(-1) ?? -1) + 1);
  const owner = new Array(used).fill(null);
  fields.forEach((field, number) => {
    for (let byte = field.offset; byte < Math.min(field.offset + field.width, used); byte += 1) owner[byte] = number;
  });
  const altered = new Set(block.changed);
  const grid = el("div.bytes", { role: "img", "aria-label": `Bytes of the superblock of ${block.device}` });
  const said = el("p.field", {}, "Point at a byte to learn what it is.");
  for (let byte = 0; byte < used; byte += 1) {
    if (byte % 32 === 0) grid.append(el("i", {}, `+${byte}`));
    const text = block.bytes.slice(byte * 2, byte * 2 + 2) || "00";
    const number = owner[byte];
    const changed = altered.has(byte);
    const colour = number === null ? "background:var(--raised)" : `--hue:${(number * 47) % 360}`;
    grid.append(el(`b${text === "00" ? ".zero" : ""}${changed ? ".changed" : ""}`, { style: colour, "data-field": number }, text));
  }
  grid.addEventListener("pointerover", (event) => {
    const number = event.target.dataset?.field;
    for (const lit of grid.querySelectorAll(".lit")) lit.classList.remove("lit");
    if (number === undefined) return;
    for (const byte of grid.querySelectorAll(`[data-field="${number}"]`)) byte.classList.add("lit");
    said.replaceChildren(...describe(fields[number]));
  });
  const table = el("details", {}, el("summary", {}, "All fields"), el("table.fields", {}, fields.map((field) =>
    el(field.before === undefined ? "tr" : "tr.changed", {}, el("td.mono", {}, `+${field.offset}`), el("td.mono", {}, field.name),
      el("td.mono", {}, field.before === undefined ? field.value : `${field.before} \u2192 ${field.value}`), el("td", {}, field.meaning)))));
  const sum = block.valid ? "checksum right" : "checksum WRONG";
  const caption = el("figcaption", {}, el("b", {}, block.device), ` format ${block.format} at byte ${block.offset}, ${sum}`);
  return el("figure.block", {}, caption, grid, said, table);
}

function describe(field) {
  const change = field.before === undefined ? field.value : `${field.before} \u2192 ${field.value}`;
  const last = field.offset + field.width - 1;
  const place = last > field.offset ? `bytes ${field.offset} to ${last}` : `byte ${field.offset}`;
  return [el("b", {}, field.name), ` ${place}: `, el("code", {}, change), el("br"), field.meaning];
}
