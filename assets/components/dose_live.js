// The card, the dose control and the chart of the Dose page. Everything shown comes ready from the server, one entry per amount; dragging only chooses the entry,
// so it redraws within a frame. The server is told on release.

const memory = new WeakMap(); // what the reader chose on this mount (curves shown, log scale, pointer), kept across data updates

function el(tag, cls, words) {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  if (words !== undefined) node.textContent = words;
  return node;
}

function strong(words) {
  // "first dose *today 18:00*": the starred part in bold, everything as text.
  return words.split("*").map((part, i) => (i % 2 ? el("b", "", part) : document.createTextNode(part)));
}

export default function ({ data, parentElement, setTriggerValue }) {
  const $ = (id) => parentElement.querySelector(`#${id}`);
  const state = memory.get(parentElement) ?? { flipped: new Set(), isLog: false, isDragging: false };
  memory.set(parentElement, state);
  state.stop?.abort();
  state.stop = new AbortController();
  const listen = (node, event, answer) => node.addEventListener(event, answer, { signal: state.stop.signal });
  const { scene, words, options, target } = data;
  if (!(state.isDragging && state.amounts === data.amounts_key)) Object.assign(state, { index: data.index, isBlank: data.is_blank });
  state.amounts = data.amounts_key;
  const slider = $("amount");
  const isShown = (o) => o.is_on !== state.flipped.has(o.name);
  const flip = (name) => (state.flipped.has(name) ? state.flipped.delete(name) : state.flipped.add(name));
  const chosen = () => (state.isBlank ? [] : [options[state.index].amount_mg, data.interval_h, data.infusion_h]);

  function card(option) {
    const isTrying = !state.isBlank && state.index !== data.recommended_index;
    $("answer").classList.toggle("blank", state.isBlank);
    $("badge").hidden = isTrying || !words.badge;
    $("badge").textContent = words.badge;
    $("back").hidden = !isTrying;
    $("back").textContent = words.back;
    $("headline").textContent = state.isBlank ? words.heading : option.headline;
    $("heading").textContent = state.isBlank ? words.asked : isTrying ? words.trying : words.heading;
    $("detail").replaceChildren(...strong(option.detail));
    $("replaces").textContent = words.replaces;
    $("metrics").replaceChildren(...option.metrics.map((m) => {
      const box = el("div");
      box.append(el("dt", "", m.label), el("dd", "value", m.value), el("dd", "interval", m.interval));
      return box;
    }));
    $("chips").replaceChildren(...option.chips.map((c) => el("span", `chip ${c.role}`, c.words)));
    const notice = state.isBlank ? { role: "watch", title: words.why, words: words.reason } : option.notice;
    $("notice").className = `notice ${notice.role}`;
    $("notice").replaceChildren(el("b", "", notice.title), el("span", "", notice.words));
    $("if-left").replaceChildren(...strong(words.if_left));
    const width = state.size.dots;
    $("dots").setAttribute("viewBox", `0 0 ${width} 172`);
    $("dots").innerHTML = dotsSvg(target, option.dots, width, 172);
    $("dots").setAttribute("aria-label", `${target.axis_label}: ${option.notice.title}. ${option.notice.words}`);
    $("readout").replaceChildren(...(state.isBlank ? [] : strong(option.readout)));
    $("accept").textContent = state.isBlank ? words.report : words.accept;
  }

  function chart(option) {
    const svg = $("chart"), { width, height } = state.size;
    state.view = { width, height, shown: new Set(scene.overlays.filter(isShown).map((o) => o.name)), isLog: state.isLog, isBlank: state.isBlank };
    const { f, markup } = chartSvg(scene, option, state.view);
    state.frame = f;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("aria-label", option.alt);
    svg.innerHTML = markup;
    $("reading").hidden = true;
  }

  function measure() { // sizes are read when they change, not at every redraw: reading one makes the browser lay the page out
    state.size = { dots: $("dots").clientWidth || 320, width: $("chart").clientWidth || 800, height: $("chart").clientHeight || 430 };
  }

  function draw() {
    const option = options[state.index];
    slider.value = state.index;
    slider.setAttribute("aria-valuetext", option.spoken);
    const share = options.length > 1 ? state.index / (options.length - 1) : 0;
    slider.style.setProperty("--share", share);
    $("bubble").textContent = option.label;
    $("bubble").style.setProperty("--share", share);
    card(option);
    chart(option);
  }

  function choices(id, list, chosen, choose) {
    const box = $(id).querySelector("div");
    box.replaceChildren(...list.map((choice) => {
      const label = el("label", choice.value === chosen ? "on" : ""), input = el("input");
      Object.assign(input, { type: "radio", name: id, checked: choice.value === chosen });
      listen(input, "change", () => { box.querySelectorAll("label").forEach((l) => l.classList.toggle("on", l === label)); choose(choice.value); });
      label.append(input, el("span", "", choice.words));
      return label;
    }));
    $(id).hidden = list.length < 1;
  }

  function toggles() {
    const switchOf = (words, cls, isOn, flip) => {
      const button = el("button", `toggle ${cls}`, words);
      button.type = "button";
      button.setAttribute("aria-pressed", isOn);
      listen(button, "click", () => { flip(); button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true"); chart(options[state.index]); });
      return button;
    };
    $("toggles").replaceChildren(
      ...scene.overlays.map((o) => switchOf(o.label, o.name, isShown(o), () => flip(o.name))),
      switchOf(words.log, "log", state.isLog, () => { state.isLog = !state.isLog; }),
    );
  }

  function point(time_h) {
    const f = state.frame, said = readingAt(scene, options[state.index], state.view, clamp(time_h, scene.from_h, scene.to_h)), x = f.x(said.time_h), box = $("reading");
    state.cursor_h = said.time_h;
    $("chart").querySelector("#cursor").innerHTML = `<path class="cursor" d="M${x} ${f.top}V${f.bottom}"/><circle class="cursordot" cx="${x}" cy="${f.y(said.value)}" r="4"/>`;
    box.replaceChildren(el("b", "", said.clock), ...said.rows.map(([name, value]) => { const row = el("span"); row.append(el("i", "", name), el("em", "", value)); return row; }));
    box.hidden = false;
    box.style.left = `${x > state.view.width * 0.6 ? x - box.offsetWidth - 12 : x + 12}px`;
    return said;
  }

  $("amount-label").textContent = words.amount;
  slider.max = options.length - 1;
  slider.disabled = options.length < 2;
  $("least").textContent = options[0].label;
  $("most").textContent = options[options.length - 1].label;
  $("compare").textContent = words.compare;
  $("key").textContent = words.key;
  choices("intervals", data.intervals, data.interval_h, (interval_h) => setTriggerValue("trial", [options[state.index].amount_mg, interval_h, data.infusion_h]));
  choices("infusions", data.infusions, data.infusion_h, (infusion_h) => setTriggerValue("trial", [options[state.index].amount_mg, data.interval_h, infusion_h]));
  toggles();
  measure();
  draw();

  listen(slider, "input", (event) => {
    Object.assign(state, { isDragging: true, isBlank: false, index: +slider.value });
    draw();
    requestAnimationFrame(() => setTimeout(() => performance.measure("pkvae:redraw", { start: event.timeStamp, end: performance.now() })));
  });
  listen(slider, "change", () => { // arrow keys change at every press: wait for the last one
    clearTimeout(state.telling);
    state.telling = setTimeout(() => { state.isDragging = false; $("spoken").textContent = options[state.index].spoken; setTriggerValue("trial", chosen()); }, 250);
  });
  listen($("back"), "click", () => setTriggerValue("trial", []));
  listen($("accept"), "click", () => setTriggerValue("accept", chosen()));
  listen($("compare"), "click", () => setTriggerValue("compare", chosen()));
  const svg = $("chart"), timeOf = (event) => { const f = state.frame, px = event.clientX - svg.getBoundingClientRect().left; return scene.from_h + ((px - f.left) / f.pixels) * (scene.to_h - scene.from_h); };
  const leave = () => { $("reading").hidden = true; const cursor = svg.querySelector("#cursor"); if (cursor) cursor.innerHTML = ""; };
  listen(svg, "pointermove", (event) => point(timeOf(event)));
  listen(svg, "pointerleave", leave);
  listen(svg, "blur", leave);
  listen(svg, "keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const said = point((state.cursor_h ?? scene.now_h) + step);
    $("spoken").textContent = `${said.clock}: ${said.rows.map((r) => r.join(" ")).join(", ")}`;
  });

  let size = "";
  const resized = new ResizeObserver(() => { const now = `${svg.clientWidth} ${svg.clientHeight}`; if (svg.clientWidth && now !== size) { size = now; measure(); draw(); } });
  resized.observe(svg);
  state.stop.signal.addEventListener("abort", () => resized.disconnect());
  return () => { state.stop.abort(); clearTimeout(state.telling); };
}
