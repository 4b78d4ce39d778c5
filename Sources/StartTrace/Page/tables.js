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
