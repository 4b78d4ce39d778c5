// The page: data, units, elements, and the part above the waterfall. Wrapped in a function of its own with the files beside it (TracePage).
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
