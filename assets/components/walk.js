// Sliders through the latent space with the curve following. Every step comes decoded from the server, so that a drag only chooses one and redraws within a
// frame; the server is told on release and answers with the steps around the new point. It scales and draws; it computes no pharmacokinetics.

const memory = new WeakMap(); // what the reader holds or has moved on this mount, kept across data updates

function el(tag, cls, words) {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  if (words !== undefined) node.textContent = words;
  return node;
}

const nearest = (values, value) => values.reduce((best, v, i) => (Math.abs(v - value) < Math.abs(values[best] - value) ? i : best), 0);

function walkSvg(data, curve, width, height) {
  const narrow = width < 480, left = 46, right = narrow ? 8 : 112, top = 10, bottom = 44, pixels = width - left - right, times = data.time_h, end = times[times.length - 1];
  const highest = Math.max(data.ceiling, ...curve) * 1.02, step = niceStep(highest, 5), peak = Math.ceil(highest / step) * step;
  const f = { x: (t) => left + (t / end) * pixels, y: (v) => height - bottom - (v / peak) * (height - top - bottom) };
  const hours = data.ticks_h.find((h) => (end / h) * 40 <= pixels) ?? data.ticks_h[data.ticks_h.length - 1], parts = [];
  for (let v = 0; v <= peak * 1.0001; v += step) parts.push(`<path class="grid" d="M${left} ${f.y(v).toFixed(1)}H${left + pixels}"/>` + text(left - 8, f.y(v) + 4, +v.toPrecision(6), "tick", "end"));
  for (let t = 0; t <= end + 1e-9; t += hours) parts.push(`<path class="grid" d="M${f.x(t).toFixed(1)} ${top}V${height - bottom}"/>` + text(f.x(t), height - bottom + 18, Math.round(t / data.unit_h), "tick"));
  parts.push(`<path class="axis" d="M${left} ${height - bottom}H${left + pixels}"/>` + text(left + pixels / 2, height - 6, data.words.hours, "tick"));
  parts.push(`<text class="tick" text-anchor="middle" transform="translate(12 ${((height - bottom + top) / 2).toFixed(0)}) rotate(-90)">${escapeText(data.words.concentration)}</text>`);
  parts.push(`<path class="population" d="${area(times, data.population[0], data.population[1], f)}"/>`);
  const lines = [...data.between.map((values) => ({ values, cls: "between" })), ...data.fixed, { values: curve, cls: "now", name: data.words.now }];
  parts.push(...lines.map((l) => `<path class="curve ${l.cls}" d="${line(times, l.values, f)}"/>`));
  if (!narrow) parts.push(names(lines.filter((l) => l.name), f, left + pixels + 6, height - bottom));
  return parts.join("");
}

function names(lines, f, x, floor) {
  // Direct labels instead of a legend, pushed apart where the curves end close together.
  const labels = lines.map((l) => ({ ...l, y: f.y(l.values[l.values.length - 1]) })).sort((a, b) => a.y - b.y);
  for (let i = 1; i < labels.length; i++) labels[i].y = Math.max(labels[i].y, labels[i - 1].y + 16);
  const excess = Math.max(0, labels[labels.length - 1].y - floor);
  return labels.map((l) => text(x, l.y - excess + 4, l.name, `name ${l.cls}`, "start")).join("");
}

function sliderRow(i, s) {
  const row = el("div", "slider"), label = el("label"), name = el("span"), value = el("output"), input = el("input"), ends = el("span", "ends"), id = `slide-${i}`;
  name.append(el("b", "", s.name), el("i", "", s.meaning ? ` ${s.meaning}` : ""));
  label.append(name, value);
  label.htmlFor = id;
  value.setAttribute("for", id);
  Object.assign(input, { type: "range", id, min: 0, step: 1 });
  row.append(label, input, ends);
  return { row, value, input, ends };
}

export default function ({ data, parentElement, setTriggerValue }) {
  const $ = (id) => parentElement.querySelector(`#${id}`), svg = $("chart");
  const state = memory.get(parentElement) ?? { held: null, rows: [], named: "" };
  memory.set(parentElement, state);
  state.stop?.abort();
  state.stop = new AbortController();
  const listen = (node, event, answer) => node.addEventListener(event, answer, { signal: state.stop.signal });
  const isKept = data.is_local && state.token === data.token; // a path between two patients is walked here alone
  const index = data.sliders.map((s, i) => (isKept ? state.index[i] : state.held?.slider === i ? nearest(s.shift, state.held.shift) : s.now));
  Object.assign(state, { token: data.token, index, active: isKept ? state.active : state.held?.slider ?? 0 });
  if (state.told) performance.measure("pkvae:walk-told", { start: state.told.at, end: performance.now() });
  state.told = null;

  const named = data.sliders.map((s) => `${s.name}${s.meaning}`).join();
  if (state.named !== named) { // the same sliders stay in place, whoever holds one keeps it
    state.rows = data.sliders.map((s, i) => sliderRow(i, s));
    state.named = named;
    $("sliders").replaceChildren(...state.rows.map((r) => r.row));
  }
  data.sliders.forEach((s, i) => {
    const { input, ends } = state.rows[i];
    input.max = s.shift.length - 1;
    input.value = state.index[i];
    ends.replaceChildren(el("span", "", s.least), el("span", "", s.most));
    listen(input, "input", (event) => drag(i, +input.value, event));
    listen(input, "change", () => release(i));
  });
  $("reset").hidden = data.is_local;
  $("reset").textContent = data.words.reset;
  $("key").textContent = data.words.key;
  svg.setAttribute("aria-label", data.words.alt);

  function draw() {
    state.rows.forEach((r, i) => { r.value.textContent = data.sliders[i].words[state.index[i]]; r.input.setAttribute("aria-valuetext", r.value.textContent); });
    $("reset").disabled = data.sliders.every((s, i) => Math.abs(s.shift[state.index[i]]) < 1e-9);
    if (state.told && state.told.slider !== state.active) return; // the steps around the new point are on their way
    const s = data.sliders[state.active], at = state.index[state.active], width = svg.clientWidth || 600;
    svg.setAttribute("viewBox", `0 0 ${width} 300`);
    svg.innerHTML = walkSvg(data, s.curves[at], width, 300);
    $("facts").replaceChildren(...data.facts.map((fact, k) => { const box = el("div"); box.append(el("dt", "", fact.label), el("dd", "value", s.facts[at][k]), el("dd", "from", fact.from)); return box; }));
    $("where").textContent = s.where[at];
  }

  function drag(i, at, event) {
    if (state.untold !== undefined && state.untold !== i) tell(state.untold);
    Object.assign(state, { active: i, held: { slider: i, shift: data.sliders[i].shift[at] } });
    state.index[i] = at;
    draw();
    requestAnimationFrame(() => setTimeout(() => performance.measure("pkvae:walk", { start: event.timeStamp, end: performance.now() })));
  }

  function release(i) { // arrow keys change at every press: wait for the last one
    clearTimeout(state.telling);
    state.untold = i;
    state.telling = setTimeout(() => tell(i), 120);
  }

  function tell(i) {
    clearTimeout(state.telling);
    const s = data.sliders[i], at = state.index[i];
    Object.assign(state, { held: null, untold: undefined });
    $("spoken").textContent = `${s.name} ${s.words[at]}. ${data.facts.map((fact, k) => `${fact.label} ${s.facts[at][k]}`).join(", ")}.`;
    if (data.is_local) return;
    state.told = { slider: i, at: performance.now() };
    setTriggerValue("moved", data.sliders.map((each, k) => [each.name, each.shift[state.index[k]]]));
  }

  listen($("reset"), "click", () => { clearTimeout(state.telling); Object.assign(state, { held: null, untold: undefined }); setTriggerValue("moved", []); });
  draw();
  let size = svg.clientWidth;
  const resized = new ResizeObserver(() => { if (svg.clientWidth && svg.clientWidth !== size) { size = svg.clientWidth; draw(); } });
  resized.observe(svg);
  state.stop.signal.addEventListener("abort", () => resized.disconnect());
  return () => { state.stop.abort(); clearTimeout(state.telling); };
}
