// The time line above a story: every record at its virtual time, to be zoomed; the tables below show what it shows.
"use strict";

const LANES = ["call", "kernel", "uevent"];
const LEFT = 52;

class TimeLine {
  constructor(tale, guest) {
    this.tale = tale;
    this.guest = guest;
    this.tables = [];
    this.events = tale.steps.flatMap((step, number) => step.events.map((event, record) => ({ ...event, id: `${guest}.${number}.${record}` })));
    const times = this.events.map((event) => event.at);
    this.begin = times.reduce((least, at) => Math.min(least, at), Infinity);
    if (!Number.isFinite(this.begin)) this.begin = 0;
    this.first = this.begin;
    this.last = Math.max(times.reduce((most, at) => Math.max(most, at), 0), this.begin + 1);
    [this.from, this.to] = [this.first, this.last];
    this.width = 1200;
    this.svg = el("svg", { role: "img", "aria-label": "Time line of system calls, kernel messages and uevents" });
    this.note = el("span", { role: "status" });
    this.find = el("input", { id: guest === 0 ? "find" : null, type: "search", placeholder: "Search in the story  ( f )", "aria-label": "Search in the story", oninput: () => this.search() });
    const lanes = LANES.map((lane) => el("button", { type: "button", "aria-pressed": "true", onclick: (event) => this.toggle(event.target, lane) }, { call: "system calls", kernel: "kernel", uevent: "uevents" }[lane]));
    this.off = new Set();
    const quiet = el("button.quiet", { type: "button", "aria-pressed": String(main.classList.contains("every-call")), title: "Calls that md has nothing to do with (q)", onclick: toggleQuiet }, "every call");
    this.node = el("div.map", {}, this.svg, el("div.bar", {}, this.note, el("span.gap"), ...lanes, quiet, this.find,
      el("button", { type: "button", title: "Zoom in (+)", onclick: () => this.zoom(0.5) }, "+"),
      el("button", { type: "button", title: "Zoom out (-)", onclick: () => this.zoom(2) }, "\u2212"),
      el("button", { type: "button", title: "All (0)", onclick: () => this.zoom(Infinity) }, "all")));
    this.heed();
  }

  x(at) {
    return LEFT + ((at - this.from) / (this.to - this.from)) * (this.width - LEFT - 4);
  }

  at(clientX) {
    const box = this.svg.getBoundingClientRect();
    const at = this.from + ((clientX - box.left - LEFT) / (this.width - LEFT - 4)) * (this.to - this.from);
    return Math.min(Math.max(at, this.from), this.to);
  }

  draw() {
    // What cannot be measured is not in view, or on its way to paper.
    this.width = this.svg.clientWidth || this.width;
    this.svg.setAttribute("viewBox", `0 0 ${this.width} 74`);
    const parts = [];
    let odd = false;
    for (const [number, step] of this.tale.steps.entries()) {
      if (!step.events.length) continue;
      const [a, b] = [this.x(step.events[0].at), this.x(step.events.at(-1).at)];
      odd = !odd;
      if (b < LEFT || a > this.width) continue;
      const left = Math.max(a, LEFT);
      parts.push(el(odd ? "rect.step.odd" : "rect.step", { x: left, y: 0, width: Math.max(Math.min(b, this.width) - left, 1), height: 58 }, el("title", {}, step.label)));
      if (Math.min(b, this.width) - left > 6 * step.label.length + 6) parts.push(el("text", { x: left + 3, y: 9, "data-step": number }, step.label));
    }
    LANES.forEach((lane, number) => {
      const y = 14 + number * 15;
      parts.push(el("text", { x: 0, y: y + 10 }, { call: "calls", kernel: "kernel", uevent: "uevents" }[lane]));
      // Records that fall upon each other are one stroke.
      const seen = new Set();
      let path = "";
      for (const event of this.events) {
        if (event.lane !== lane || this.off.has(lane) || event.at < this.from || event.at > this.to) continue;
        const x = Math.round(this.x(event.at) * 2) / 2;
        if (seen.has(x)) continue;
        seen.add(x);
        path += `M${x} ${y}v11`;
      }
      parts.push(el(`path.tick.${lane}`, { d: path, "vector-effect": "non-scaling-stroke" }));
    });
    parts.push(el("line.axis", { x1: LEFT, x2: this.width, y1: 60, y2: 60 }));
    const marks = Math.max(Math.min(Math.floor(this.width / 160), 8), 1);
    for (let part = 0; part <= marks; part += 1) {
      const at = this.from + ((this.to - this.from) * part) / marks;
      const anchor = part === marks ? "end" : "start";
      parts.push(el("text", { x: this.x(at), y: 72, "text-anchor": anchor }, this.label(at)));
    }
    this.svg.replaceChildren(...parts);
    const all = this.from <= this.first && this.to >= this.last;
    this.note.textContent = all ? "Drag, or turn the wheel, to zoom." : `${this.label(this.from)} to ${this.label(this.to)}; 0 shows all.`;
    this.makeRoom();
  }

  label(at) {
    const span = (this.to - this.from) / 1e9;
    const digits = span > 10 ? 1 : span > 0.1 ? 3 : 6;
    return `${((at - this.begin) / 1e9).toFixed(digits)} s`;
  }

  /** What is scrolled to comes to stand below this, which covers what is above. */
  makeRoom() {
    const bottom = Number.parseFloat(getComputedStyle(this.node).top) + this.node.offsetHeight;
    if (this.node.offsetHeight) document.documentElement.style.scrollPaddingTop = `${bottom}px`;
  }

  /** Shows a part of the time, here and in the tables. */
  show(from, to) {
    const least = 2000;
    const middle = (from + to) / 2;
    if (to - from < least) [from, to] = [middle - least / 2, middle + least / 2];
    [this.from, this.to] = [Math.max(from, this.first), Math.min(to, this.last)];
    this.draw();
    for (const { rows, hidden } of this.tables) {
      let away = 0;
      for (const row of rows) {
        const outside = Number(row.dataset.end) < this.from || Number(row.dataset.at) > this.to;
        row.hidden = outside;
        if (outside) away += 1;
      }
      hidden.hidden = away === 0;
      hidden.textContent = `${away} rows lie outside of the time that is shown.`;
    }
  }

  zoom(factor, around = (this.from + this.to) / 2) {
    if (factor === Infinity) return this.show(this.first, this.last);
    this.show(around - (around - this.from) * factor, around + (this.to - around) * factor);
  }

  move(part) {
    const span = this.to - this.from;
    const from = Math.min(Math.max(this.from + span * part, this.first), this.last - span);
    this.show(from, from + span);
  }

  toggle(button, lane) {
    const off = this.off.delete(lane) ? false : Boolean(this.off.add(lane));
    button.setAttribute("aria-pressed", String(!off));
    for (const { rows } of this.tables) {
      for (const row of rows) for (const line of row.querySelectorAll(`p.${lane}`)) line.hidden = off;
    }
    this.draw();
    if (this.find.value) this.search();
  }

  /** What a row says, and says when asked for more, in the lanes that are shown. */
  said(row) {
    const records = row.records.filter((record) => !this.off.has(record.lane));
    return [row.cells[0].textContent, ...records.flatMap((record) => [record.text, record.more ?? ""])];
  }

  search() {
    const text = this.find.value.toLowerCase();
    const found = [];
    for (const { rows } of this.tables) {
      for (const row of rows) {
        const hit = text !== "" && this.said(row).some((part) => part.toLowerCase().includes(text));
        row.classList.toggle("here", hit);
        if (hit) found.push(row);
      }
    }
    // What is found is shown, wherever it lies.
    if (found.some((row) => row.hidden)) this.zoom(Infinity);
    for (const row of found) row.closest("details")?.setAttribute("open", "");
    found[0]?.scrollIntoView({ block: "center" });
    if (text) this.note.textContent = `${found.length} ${found.length === 1 ? "row has" : "rows have"} it.`;
    else this.draw();
  }

  heed() {
    this.svg.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) this.move(Math.sign(event.deltaX) / 20);
      else this.zoom(event.deltaY < 0 ? 0.7 : 1 / 0.7, this.at(event.clientX));
    }, { passive: false });
    let start = null;
    this.svg.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      start = event.clientX;
      this.svg.setPointerCapture(event.pointerId);
    });
    this.svg.addEventListener("pointermove", (event) => {
      if (start === null) return;
      this.svg.querySelector(".drag")?.remove();
      const [a, b] = [this.x(this.at(start)), this.x(this.at(event.clientX))].sort((one, other) => one - other);
      this.svg.append(el("rect.drag", { x: a, y: 0, width: b - a, height: 60 }));
    });
    const ends = () => {
      start = null;
      this.svg.querySelector(".drag")?.remove();
    };
    this.svg.addEventListener("pointercancel", ends);
    this.svg.addEventListener("pointerup", (event) => {
      // What was pressed elsewhere, to mark a text, is none of the time line's.
      if (start === null) return;
      const [a, b] = [this.at(start), this.at(event.clientX)].sort((one, other) => one - other);
      const moved = Math.abs(event.clientX - start) > 4;
      ends();
      if (moved) this.show(a, b);
      else this.nearest(a);
    });
  }

  /** Goes to the record that is nearest to a time, of those that are shown. */
  nearest(at) {
    const gap = (event) => Math.abs(event.at - at);
    const event = this.events.filter((one) => !this.off.has(one.lane)).reduce((best, other) => (best === null || gap(other) < gap(best) ? other : best), null);
    if (event) lead(`#run=${shown.number}&at=${event.id}`);
  }
}

window.addEventListener("resize", () => maps.forEach((map) => map.draw()));
const zoomBy = (factor) => maps.forEach((map) => map.zoom(factor));
const moveBy = (part) => maps.forEach((map) => map.move(part));
