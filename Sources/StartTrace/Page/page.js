"use strict";
(() => {
  const trace = JSON.parse(document.getElementById("trace").textContent);
  const summary = trace.summary;
  const byId = (id) => document.getElementById(id);

  // Words for what the data has names for.
  const PARTS = { preparing: "getting ready", resolving: "resolving the image", opening: "opening the layers", bundle: "preparing the container", runtime: "OCI runtime", waiting: "reads waited", program: "program ran" };
  const PURPOSES = { resolve: "manifest, configuration", token: "token", profile: "looking for a profile", opening: "layer's TOC", prefetch: "prefetch", prediction: "expected", demand: "asked for by a read", background: "background", pull: "whole layer" };
  const CAUSES = { miss: "miss", onItsWay: "on its way already", neighbour: "with another read", queued: "queued", retried: "asked again", failed: "failed" };
  const MARKS = { runtime: "runtime", program: "program", firstOutput: "first output", exit: "exit" };

  // Units.
  const time = (us) => us < 1e4 ? (us / 1e3).toFixed(1) + " ms" : us < 1e6 ? Math.round(us / 1e3) + " ms" : (us / 1e6).toFixed(2) + " s";
  const bytes = (n) => n < 1e3 ? n + " B" : n < 1e6 ? Math.round(n / 1e3) + " KB" : n < 1e9 ? (n / 1e6).toFixed(1) + " MB" : (n / 1e9).toFixed(1) + " GB";
  const percent = (part, whole) => whole ? (part / whole < 0.1 ? (100 * part / whole).toFixed(1) : Math.round(100 * part / whole)) + "\u00a0%" : "0\u00a0%";
  const count = (n) => n.toLocaleString("en").replace(/,/g, "\u202f");
  const short = (digest) => digest.replace(/^sha256:/, "").slice(0, 12);
  const fileName = (path) => path.slice(path.lastIndexOf("/") + 1);

  // Elements: text is always text, whatever a file is called.
  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === "style") Object.assign(element.style, value); else element.setAttribute(name, value);
    }
    for (const child of children) if (child !== null && child !== undefined) element.append(child);
    return element;
  }
  const swatch = (name) => make("i", { style: { background: `var(--${name})` } });
  const colour = (() => {
    let known = {};
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { known = {}; draw(); });
    return (name) => known[name] || (known[name] = getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim());
  })();

  // What was read: a file and which part of it.
  function place(read) {
    const file = read.files[0];
    if (!file) return { path: "content of the layer", range: `${read.place.offset}–${read.place.offset + read.place.size - 1}` };
    const whole = file.size >= file.fileSize;
    const more = read.files.length > 1 ? ` and ${read.files.length - 1} more` : "";
    return { path: file.path, range: (whole ? `whole, ${bytes(file.fileSize)}` : `${bytes(file.offset)} – ${bytes(file.offset + file.size)} of ${bytes(file.fileSize)}`) + more };
  }

  // ---- Top ----------------------------------------------------------------------------------------------------------------------------
  function head() {
    byId("image").textContent = trace.image;
    const began = new Date(trace.beganAt * 1000).toISOString().replace("T", " ").slice(0, 16) + " UTC";
    const exit = trace.exitStatus === undefined ? "" : ` · exit status ${trace.exitStatus}`;
    byId("facts").append(make("code", {}, trace.command.join(" ")), ` · ${began} · ${trace.mode}${exit}`);
    byId("headline-time").textContent = time(first === undefined ? summary.end : first);
    byId("headline-words").textContent = first === undefined ? "until the end (no output was seen)" : `to first output, ${time(summary.end)} to the end`;
    const whole = summary.parts.reduce((sum, part) => sum + part.time, 0);
    for (const part of summary.parts) {
      const share = part.time / whole;
      byId("parts").append(make("div", { title: `${PARTS[part.kind]}: ${time(part.time)}`, style: { width: 100 * share + "%", background: `var(--${part.kind})` } }, share > 0.06 ? time(part.time) : null));
      byId("parts-legend").append(make("li", {}, swatch(part.kind), PARTS[part.kind] + " ", make("b", {}, time(part.time))));
    }
  }

  function meter(...parts) {
    return make("div", { class: "meter" }, ...parts.map(([name, share]) => make("div", { style: { width: 100 * share + "%", background: `var(--${name})` } })));
  }
  function card(name, value, note, bar) {
    byId("cards").append(make("div", { class: "card" }, make("div", { class: "name" }, name), make("div", { class: "value" }, value), bar || null, make("div", { class: "note" }, note)));
  }
  function cards() {
    const came = summary.hitBytes + summary.wasteBytes;
    card("fetched", bytes(summary.fetchedBytes), `of the ${bytes(summary.imageBytes)} that the layers have: ${percent(summary.fetchedBytes, summary.imageBytes)}`,
      meter(["opening", Math.min(1, summary.fetchedBytes / Math.max(1, summary.imageBytes))]));
    const busy = trace.requests.filter((r) => r.request.end > r.request.start).length;
    card("requests", count(summary.requests), busy ? `${bytes(Math.round(summary.fetchedBytes / Math.max(1, summary.requests)))} each on average` : "everything was here");
    const until = first === undefined || summary.waits === summary.waitsBefore ? "" : `, ${count(summary.waitsBefore)} of them before the first output`;
    card("reads that waited", count(summary.waits), `of ${count(summary.reads)} that reached starling${until}; ${time(summary.waitUnion)} of waiting`,
      meter(["miss", summary.waits / Math.max(1, summary.reads)], ["hit", 1 - summary.waits / Math.max(1, summary.reads)]));
    card("came before it was read", bytes(came), came ? `${percent(summary.hitBytes, came)} of it was read, ${bytes(summary.wasteBytes)} was not` : "nothing",
      meter(["hit", summary.hitBytes / Math.max(1, came)], ["waste", summary.wasteBytes / Math.max(1, came)]));
    for (const advice of trace.advice) {
      byId("advice").append(make("p", {}, advice.text));
      if (advice.command) byId("advice").append(make("code", {}, advice.command));
    }
  }

  // ---- Waterfall: bars in rows, laid out once, drawn for the part of the time that is shown -------------------------------------------
  const end = Math.max(summary.end, 1);
  const first = summary.firstOutput;
  // Of what runs on for long the start is shown first.
  const shown = { from: 0, to: first !== undefined && first < 0.5 * end ? first * 1.15 : end * 1.02 };
  const ROW = 18, SMALL = 7, GUTTER = 92, AXIS = 46, GRAPH = 46, GAP = 16, MOST_ROWS = 60;
  let bars = [], groups = [], rates = null, height = 0, hovered = null, drag = null;

  // What does not overlap shares a row.
  function pack(items, room) {
    const ends = [];
    for (const item of items) {
      let row = ends.findIndex((last) => last <= item.start);
      if (row < 0) row = ends.length;
      ends[row] = Math.max(item.end, item.start + room);
      item.row = row;
    }
    return ends.length;
  }

  // A row each, as long as there are few.
  function rows(items, few, room) {
    for (const item of items) item.isAlone = items.length <= few;
    if (items.length > few) return pack(items, room);
    items.forEach((item, row) => { item.row = row; });
    return items.length;
  }

  const steps = trace.spans.filter((span) => span.lane !== "prediction").map((span) => ({ kind: "step", data: span, start: span.start, end: span.end, name: span.name, colour: { resolve: "resolving", layers: "opening", container: "bundle" }[span.lane] }));
  const { runtime, program, exit = end } = trace.marks;
  if (runtime !== undefined) steps.push({ kind: "process", start: runtime, end: program === undefined ? exit : program, name: "OCI runtime starts the container", colour: "runtime" });
  if (program !== undefined) steps.push({ kind: "process", start: program, end: exit, name: trace.command.join(" ") || "program", colour: "program" });
  steps.sort((a, b) => a.start - b.start || b.end - a.end);
  const ahead = trace.spans.filter((span) => span.lane === "prediction").map((span) => ({ kind: "step", data: span, start: span.start, end: span.end, name: span.name, colour: "prediction" }));
  const requests = trace.requests.map((r) => ({ kind: "request", data: r, start: r.request.start, end: Math.max(r.request.end, r.request.start), first: r.request.firstByte, name: requestName(r), colour: r.purpose }));
  const reads = trace.reads.map((r) => ({ kind: "read", data: r, start: r.read.start, end: r.read.end, name: r.read.files[0] ? fileName(r.read.files[0].path) : "read", colour: r.read.cause }));

  // Rows for what is to be seen now.
  function layOut() {
    const size = shown.to - shown.from;
    let top = AXIS;
    (groups = []), (bars = []);
    const add = (name, all, few, room, isLine) => {
      const items = all.filter((item) => item.end >= shown.from && item.start <= shown.to);
      if (!all.length) return;
      const count = isLine ? (items.forEach((item) => { item.row = 0; }), 1) : Math.max(1, rows(items, few, room));
      const rowHeight = isLine ? 12 : count > MOST_ROWS ? SMALL : ROW;
      groups.push({ name, top, rows: count, rowHeight });
      for (const item of items) bars.push(Object.assign(item, { top: top + item.row * rowHeight, height: rowHeight - 3 }));
      top += count * rowHeight + GAP;
    };
    add("steps", steps, 48, size / 12);
    add("prediction", ahead, 0, 0, true);
    groups.push({ name: "throughput", top, rows: 1, rowHeight: GRAPH, isGraph: true });
    top += GRAPH + GAP;
    add("requests", requests, 40, size / 60);
    add("reads", reads, 36, size / 200);
    rates = measure();
    height = top;
  }

  function requestName(r) {
    const layer = r.layer === undefined ? r.request.subject.replace(/^sha256:(.{12}).*/, "$1") : trace.layers.length > 1 ? `layer ${r.layer + 1}` : "";
    return [PURPOSES[r.purpose], layer, r.request.failure && !r.request.bytes ? "failed" : bytes(r.request.bytes)].filter(Boolean).join(" · ");
  }

  // Bytes per second over the time that is shown, each answer's evenly between its first and last byte.
  function measure() {
    const slots = 400, width = (shown.to - shown.from) / slots, sums = new Float64Array(slots);
    for (const { request } of trace.requests) {
      if (!request.bytes || request.firstByte === undefined) continue;
      const from = request.firstByte - shown.from, to = Math.max(request.end, request.firstByte + 1) - shown.from;
      for (let slot = Math.max(0, Math.floor(from / width)); slot <= Math.min(slots - 1, Math.floor(to / width)); slot++) {
        const part = Math.min(to, (slot + 1) * width) - Math.max(from, slot * width);
        if (part > 0) sums[slot] += request.bytes * part / (to - from);
      }
    }
    return { width, mbits: Array.from(sums, (sum) => sum * 8 / width) };
  }

  const canvas = byId("canvas"), chart = byId("chart"), tip = byId("tip");
  const x = (t) => GUTTER + (t - shown.from) / (shown.to - shown.from) * (chart.clientWidth - GUTTER);
  const at = (px) => shown.from + (px - GUTTER) / (chart.clientWidth - GUTTER) * (shown.to - shown.from);

  function draw() {
    const scale = devicePixelRatio || 1, width = chart.clientWidth;
    canvas.width = width * scale;
    canvas.height = height * scale;
    canvas.style.height = height + "px";
    const c = canvas.getContext("2d");
    c.scale(scale, scale);
    c.font = "11.5px system-ui, 'DejaVu Sans', sans-serif";
    c.textBaseline = "middle";
    axis(c, width);
    c.save();
    c.beginPath();
    c.rect(GUTTER, 0, width - GUTTER, height);
    c.clip();
    graph(c);
    marks(c, width);
    const linked = links(hovered);
    const free = new Map();
    for (let index = bars.length - 1; index >= 0; index--) bar(c, bars[index], linked, free, width);
    if (drag && drag.to !== undefined) {
      c.fillStyle = colour("accent");
      c.globalAlpha = 0.15;
      c.fillRect(Math.min(drag.from, drag.to), 0, Math.abs(drag.to - drag.from), height);
      c.globalAlpha = 1;
    }
    c.restore();
    for (const group of groups) {
      c.fillStyle = colour("soft");
      c.textAlign = "left";
      c.fillText(group.name, 0, group.top + (group.isGraph ? 8 : ROW / 2 - 1));
    }
  }

  function axis(c, width) {
    const wanted = (shown.to - shown.from) / Math.max(4, Math.floor((width - GUTTER) / 110));
    const power = 10 ** Math.floor(Math.log10(wanted));
    const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= wanted);
    c.textAlign = "left";
    for (let t = Math.ceil(shown.from / step) * step; t <= shown.to; t += step) {
      c.strokeStyle = colour("grid");
      c.beginPath();
      c.moveTo(Math.round(x(t)) + 0.5, 4);
      c.lineTo(Math.round(x(t)) + 0.5, height);
      c.stroke();
      c.fillStyle = colour("soft");
      c.fillText(t === 0 ? "0" : step < 1e3 ? (t / 1e3).toFixed(2) + " ms" : shown.to > 1e6 ? +(t / 1e6).toFixed(3) + " s" : Math.round(t / 1e3) + " ms", x(t) + 4, 10);
    }
    for (const group of groups) {
      c.strokeStyle = colour("line");
      c.beginPath();
      c.moveTo(0, group.top - GAP / 2 + 0.5);
      c.lineTo(width, group.top - GAP / 2 + 0.5);
      c.stroke();
    }
  }

  function graph(c) {
    const group = groups.find((g) => g.isGraph), most = Math.max(1, ...rates.mbits), bottom = group.top + GRAPH;
    c.fillStyle = colour("opening");
    c.globalAlpha = 0.25;
    c.beginPath();
    c.moveTo(x(shown.from), bottom);
    rates.mbits.forEach((rate, slot) => {
      const y = bottom - rate / most * (GRAPH - 6);
      c.lineTo(x(shown.from + slot * rates.width), y);
      c.lineTo(x(shown.from + (slot + 1) * rates.width), y);
    });
    c.lineTo(x(shown.to), bottom);
    c.fill();
    c.globalAlpha = 1;
    c.fillStyle = colour("soft");
    c.fillText(`most: ${most < 10 ? most.toFixed(1) : Math.round(most)} Mbit/s`, GUTTER + 4, group.top + 8);
  }

  function bar(c, item, linked, free, width) {
    const left = x(item.start), right = Math.max(x(item.end), left + 2), next = free.get(item.top) || Infinity;
    free.set(item.top, left);
    if (right < GUTTER || left > width) return;
    const isDim = linked && !linked.has(item);
    c.globalAlpha = isDim ? 0.25 : 1;
    c.fillStyle = colour(item.colour);
    if (item.kind === "request") {
      // Light until the first byte.
      const first = item.first === undefined ? right : Math.max(left, x(item.first));
      c.globalAlpha *= 0.38;
      box(c, left, item.top, first - left, item.height);
      c.globalAlpha = isDim ? 0.25 : 1;
      box(c, first, item.top, Math.max(right - first, item.first === undefined ? 0 : 2), item.height);
    } else {
      box(c, left, item.top, right - left, item.height);
    }
    if (item === hovered) {
      c.strokeStyle = colour("ink");
      c.strokeRect(left - 0.5, item.top - 0.5, right - left + 1, item.height + 1);
    }
    if (item.height > 10) label(c, item, Math.max(left, GUTTER), right, Math.min(next, width));
    c.globalAlpha = 1;
  }

  function box(c, left, top, width, height) {
    if (width <= 0) return;
    c.beginPath();
    c.roundRect ? c.roundRect(left, top, width, height, Math.min(3, width / 2)) : c.rect(left, top, width, height);
    c.fill();
  }

  // Beside the bar where there is room, else in front of it, else in it, else nowhere.
  function label(c, item, left, right, next) {
    const text = item.kind === "step" && item.data.layer && trace.layers.length > 1 ? `${item.name} · layer ${trace.layers.findIndex((l) => l.digest === item.data.layer) + 1}` : item.name;
    const long = `${text} · ${time(item.end - item.start)}`, middle = item.top + item.height / 2 + 0.5;
    c.fillStyle = colour("ink");
    for (const words of [long, text]) {
      const size = c.measureText(words).width;
      if (right + 6 + size < next) return c.fillText(words, right + 6, middle);
      if (item.isAlone && left - 6 - size > GUTTER) return c.fillText(words, left - 6 - size, middle);
      if (size + 10 < right - left && item.kind !== "request") {
        c.fillStyle = "#fff";
        return c.fillText(words, left + 6, middle);
      }
      if (size + 10 < right - left) return c.fillText(words, left + 6, middle);
    }
  }

  function marks(c, width) {
    let taken = -Infinity;
    const output = trace.marks.firstOutput === undefined ? Infinity : x(trace.marks.firstOutput);
    for (const [name, t] of Object.entries(trace.marks).sort((a, b) => a[1] - b[1])) {
      const px = Math.round(x(t)) + 0.5, isFirst = name === "firstOutput";
      if (px < GUTTER || px > width) continue;
      c.strokeStyle = colour(isFirst ? "program" : "soft");
      c.lineWidth = isFirst ? 2 : 1;
      c.setLineDash(isFirst ? [] : [3, 3]);
      c.beginPath();
      c.moveTo(px, 20);
      c.lineTo(px, height);
      c.stroke();
      c.setLineDash([]);
      c.lineWidth = 1;
      const words = isFirst ? `first output ${time(t)}` : MARKS[name], size = c.measureText(words).width;
      const from = px + 4 + size > width ? px - 4 - size : px + 4;
      // What is asked most stays readable.
      if (!isFirst && (from < taken || (name !== "exit" && from + size + 4 > output - (output > width - 140 ? 130 : 0)))) continue;
      c.fillStyle = colour(isFirst ? "program" : "soft");
      c.fillText(words, from, 27);
      taken = from + size + 8;
    }
  }

  // A read and the requests that brought its bytes.
  function links(item) {
    if (!item || (item.kind !== "read" && item.kind !== "request")) return null;
    const wanted = new Set(item.kind === "read" ? item.data.read.ranges : item.data.ranges);
    const found = new Set([item]);
    if (!wanted.size) return null;
    for (const other of bars) {
      const ranges = other.kind === "read" ? other.data.read.ranges : other.kind === "request" ? other.data.ranges : [];
      if (other.kind !== item.kind && ranges.some((id) => wanted.has(id))) found.add(other);
    }
    return found;
  }

  // ---- Pointer and keys ---------------------------------------------------------------------------------------------------------------
  function show(from, to) {
    const least = 200, size = Math.min(Math.max(to - from, least), end * 1.02);
    shown.from = Math.max(0, Math.min(from, end * 1.02 - size));
    shown.to = shown.from + size;
    layOut();
    draw();
  }
  function zoom(factor, around) {
    const middle = around === undefined ? (shown.from + shown.to) / 2 : around;
    show(middle - (middle - shown.from) * factor, middle + (shown.to - middle) * factor);
  }
  const find = (px, py) => bars.find((item) => py >= item.top - 1 && py <= item.top + item.height + 1 && px >= x(item.start) - 3 && px <= Math.max(x(item.end), x(item.start) + 2) + 3);

  function lines(item) {
    const took = `${time(item.end - item.start)}, from ${time(item.start)} to ${time(item.end)}`;
    if (item.kind === "read") {
      const { read, why, layer } = item.data, where = place(read);
      return [[where.path, "b"], [where.range, "soft"], [`waited ${took}`], [why], [`layer ${layer + 1}${read.program ? " · read by " + read.program : ""}${read.queued > 1000 ? " · " + time(read.queued) + " in the queue" : ""}`, "soft"],
        ...read.files.slice(1, 6).map((file) => ["also " + file.path, "soft"])];
    }
    if (item.kind === "request") {
      const { request, purpose, layer, queued } = item.data, flowing = request.end - request.firstByte;
      const rate = request.bytes > 20000 && flowing > 500 ? `, then ${bytes(request.bytes)} at ${(request.bytes * 8 / flowing).toFixed(1)} Mbit/s` : `, ${bytes(request.bytes)}`;
      return [[`${PURPOSES[purpose]}${layer === undefined ? "" : `, layer ${layer + 1}`}`, "b"], [took],
        request.firstByte === undefined ? ["no byte came"] : [`first byte after ${time(request.firstByte - request.start)}${rate}`],
        queued > 1000 ? [`waited ${time(queued)} for its turn before`] : null,
        [`${request.kind} ${short(request.subject)}${request.range ? " " + request.range : ""}`, "soft"],
        [`${request.host}${request.status ? " answered " + request.status : ""}${request.failure ? ": " + request.failure : ""}`, "soft"]].filter(Boolean);
    }
    const detail = item.data && item.data.detail;
    return [[item.name, "b"], [took], detail ? [detail, "soft"] : null].filter(Boolean);
  }

  function hover(event) {
    const area = canvas.getBoundingClientRect();
    const item = find(event.clientX - area.left, event.clientY - area.top) || null;
    if (item !== hovered) {
      hovered = item;
      draw();
    }
    tip.hidden = !item;
    if (!item) return;
    tip.replaceChildren(...lines(item).map(([text, style]) => make("div", {}, style === "b" ? make("b", {}, text) : style ? make("span", { class: style }, text) : text)));
    const size = tip.getBoundingClientRect();
    tip.style.left = Math.min(event.clientX + 14, innerWidth - size.width - 8) + "px";
    tip.style.top = (event.clientY + 18 + size.height > innerHeight ? event.clientY - size.height - 12 : event.clientY + 18) + "px";
  }

  function listen() {
    chart.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.pointerType === "touch") return;
      drag = { from: event.clientX - canvas.getBoundingClientRect().left };
      chart.setPointerCapture(event.pointerId);
    });
    chart.addEventListener("pointermove", (event) => {
      if (!drag) return hover(event);
      drag.to = event.clientX - canvas.getBoundingClientRect().left;
      tip.hidden = true;
      draw();
    });
    chart.addEventListener("pointerup", () => {
      const { from, to } = drag || {};
      drag = null;
      if (to !== undefined && Math.abs(to - from) > 5) show(at(Math.max(GUTTER, Math.min(from, to))), at(Math.max(from, to))); else draw();
    });
    chart.addEventListener("pointerleave", () => { hovered = null; tip.hidden = true; draw(); });
    chart.addEventListener("dblclick", () => show(0, end * 1.02));
    chart.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey && !event.shiftKey) return;
      event.preventDefault();
      if (event.shiftKey) return move((event.deltaX + event.deltaY) / 800);
      zoom(Math.exp(event.deltaY / 300), at(event.clientX - canvas.getBoundingClientRect().left));
    }, { passive: false });
    chart.addEventListener("keydown", (event) => {
      const action = { ArrowLeft: () => move(-0.2), ArrowRight: () => move(0.2), "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1.6), "0": () => show(0, end * 1.02), Escape: () => show(0, end * 1.02) }[event.key];
      if (!action) return;
      event.preventDefault();
      action();
    });
    byId("zoom-in").onclick = () => zoom(0.6);
    byId("zoom-out").onclick = () => zoom(1.6);
    byId("zoom-all").onclick = () => show(0, end * 1.02);
    byId("zoom-output").onclick = () => show(0, summary.firstOutput * 1.03);
    byId("zoom-output").hidden = summary.firstOutput === undefined || summary.firstOutput > 0.9 * end;
    new ResizeObserver(draw).observe(chart);
  }
  const move = (part) => { const size = shown.to - shown.from; show(shown.from + part * size, shown.to + part * size); };

  function colours() {
    const used = (names, has) => Object.keys(names).filter(has);
    for (const name of used(PURPOSES, (n) => trace.requests.some((r) => r.purpose === n))) byId("colours").append(make("li", {}, swatch(name), "request: " + PURPOSES[name]));
    for (const name of used(CAUSES, (n) => trace.reads.some((r) => r.read.cause === n))) byId("colours").append(make("li", {}, swatch(name), "read: " + CAUSES[name]));
  }

  // ---- Tables -------------------------------------------------------------------------------------------------------------------------
  const FEW = 15;
  let isAll = false;
  function readsTable() {
    const sorted = [...trace.reads].sort((a, b) => (b.read.end - b.read.start) - (a.read.end - a.read.start));
    const words = byId("filter").value.toLowerCase();
    const matching = sorted.filter(({ read, why }) => !words || [...read.files.map((f) => f.path), read.program || "", why, CAUSES[read.cause]].some((text) => text.toLowerCase().includes(words)));
    const most = sorted.length ? sorted[0].read.end - sorted[0].read.start : 1;
    byId("reads").tBodies[0].replaceChildren(...matching.slice(0, isAll ? undefined : FEW).map((entry) => {
      const { read, layer, why } = entry, where = place(read), wait = read.end - read.start;
      const row = make("tr", { class: "link", title: "show in the waterfall" }, make("td", { class: "number" }, time(wait)),
        make("td", { class: "wait" }, make("div", { style: { width: 100 * wait / most + "%", background: `var(--${read.cause})` } })),
        make("td", {}, make("span", { class: "mono" }, where.path), make("div", { class: "range" }, where.range)),
        make("td", {}, String(layer + 1)), make("td", { class: "number" }, time(read.start)), make("td", {}, read.program || ""), make("td", {}, why));
      row.onclick = () => {
        hovered = reads.find((item) => item.data === entry);
        show(read.start - wait, read.end + wait);
        chart.scrollIntoView({ behavior: "smooth", block: "nearest" });
      };
      return row;
    }));
    byId("more").hidden = isAll || matching.length <= FEW;
    byId("more").textContent = `show all ${count(matching.length)}`;
  }

  function tables() {
    byId("reads-section").hidden = !trace.reads.length;
    byId("reads-hint").textContent = trace.leftOut.reads ? `${count(trace.leftOut.reads)} more reads, which waited less, are left out` : "the longest wait first";
    byId("filter").oninput = readsTable;
    byId("more").onclick = () => { isAll = true; readsTable(); };
    readsTable();
    trace.layers.forEach((layer, index) => {
      const fetched = trace.requests.reduce((sum, r) => sum + (r.layer === index ? r.request.bytes : 0), 0);
      const landmark = layer.landmark ? `, landmark at ${bytes(layer.landmark)}` : "";
      byId("layers").tBodies[0].append(make("tr", {}, make("td", {}, String(index + 1)), make("td", {}, make("span", { class: "mono", title: layer.digest }, short(layer.digest))),
        make("td", {}, (layer.format || "not lazy") + landmark), make("td", { class: "number" }, bytes(layer.size)), make("td", { class: "number" }, bytes(fetched)),
        make("td", { class: "wait" }, meter(["opening", Math.min(1, fetched / Math.max(1, layer.size))])),
        ...[count(layer.reads), count(layer.waits), bytes(layer.hitBytes), bytes(layer.wasteBytes)].map((text) => make("td", { class: "number" }, layer.format ? text : "–"))));
    });
    const wasted = trace.layers.flatMap((layer, index) => layer.wasted.map((file) => ({ index, ...file }))).sort((a, b) => b.bytes - a.bytes).slice(0, 12);
    byId("waste-section").hidden = !wasted.length;
    for (const file of wasted) byId("waste").tBodies[0].append(make("tr", {}, make("td", { class: "number" }, bytes(file.bytes)), make("td", {}, make("span", { class: "mono" }, file.path)), make("td", {}, `layer ${file.index + 1}`)));
    byId("requests").closest("details").addEventListener("toggle", requestsTable, { once: true });
    const left = [["steps", trace.leftOut.spans], ["requests", trace.leftOut.requests], ["reads", trace.leftOut.reads]].filter(([, n]) => n).map(([name, n]) => `${count(n)} ${name}`);
    byId("footer").textContent = `Recorded by starling run --trace. Everything is in this file.${left.length ? " Left out: " + left.join(", ") + "." : ""}`;
  }

  function requestsTable() {
    for (const { request, purpose, layer } of trace.requests) {
      const answer = request.failure || request.status || "";
      byId("requests").tBodies[0].append(make("tr", {}, ...[time(request.start), time(request.end - request.start), request.firstByte === undefined ? "–" : time(request.firstByte - request.start), bytes(request.bytes)].map((text) => make("td", { class: "number" }, text)),
        make("td", {}, swatch(purpose), PURPOSES[purpose]), make("td", {}, layer === undefined ? short(request.subject) : `layer ${layer + 1}`), make("td", { class: "mono" }, (request.range || "").replace("bytes=", "")), make("td", {}, String(answer))));
    }
  }

  head();
  cards();
  layOut();
  colours();
  listen();
  draw();
  tables();
})();
