// The map of a drug's virtual patients. A click takes the nearest dot, a lasso those inside it; the server is told the patients' numbers and answers with
// their curves. It scales and draws; it computes no pharmacokinetics.

const memory = new WeakMap(); // the reader's tool and view, kept across data updates

export default function ({ data, parentElement, setTriggerValue }) {
  const $ = (id) => parentElement.querySelector(`#${id}`), stage = $("stage"), canvas = $("dots"), svg = $("frame"), grid = $("grid"), tip = $("tip");
  const began = performance.now(), state = memory.get(parentElement) ?? { tool: matchMedia("(pointer: coarse)").matches ? "" : "lasso", drawn: [], spotlight: -1 };
  memory.set(parentElement, state);
  state.stop?.abort();
  state.stop = new AbortController();
  const listen = (node, event, answer, more) => node.addEventListener(event, answer, { signal: state.stop.signal, ...more });
  if (state.token !== data.token) Object.assign(state, { token: data.token, view: data.range.map((range) => [...range]), spotlight: -1 });
  if (state.said !== JSON.stringify(data.chosen)) Object.assign(state, { said: JSON.stringify(data.chosen), chosen: data.chosen });
  let frame;

  function draw() {
    const width = stage.clientWidth || 600, height = stage.clientHeight || 520;
    frame = frameOf(data, state.view, width, height);
    for (const layer of [grid, svg]) layer.setAttribute("viewBox", `0 0 ${width} ${height}`);
    grid.innerHTML = ticksSvg(data, state.view, frame);
    drawDots(canvas, data, frame, state.chosen);
    drawFrame();
  }

  function drawFrame() {
    svg.innerHTML = frameSvg(data, frame, state.chosen, state.spotlight, state.drawn);
    $("clear").disabled = !state.chosen.length;
    for (const tool of ["lasso", "move"]) {
      $(tool).setAttribute("aria-pressed", state.tool === tool);
      stage.classList.toggle(tool, state.tool === tool);
    }
  }

  function legend() {
    $("legend").replaceChildren(...(data.bar ? [] : data.groups).map((name, i) => {
      const item = document.createElement("span");
      item.append(stamp(data.colours[i], data.symbols[i], 4, 2), name);
      return item;
    }));
  }

  function show(i) {
    if (i === state.spotlight) return;
    state.spotlight = i;
    tip.hidden = i < 0;
    if (i >= 0) {
      const x = frame.x(data.x[i]), y = frame.y(data.y[i]), isRight = x > frame.width / 2;
      tip.textContent = data.values ? `${data.words.value} ${data.values[i]} ${data.words.unit}` : data.groups[data.shade[i]];
      Object.assign(tip.style, { left: isRight ? "" : `${x + 10}px`, right: isRight ? `${frame.width - x + 10}px` : "", top: `${Math.max(0, y - 34)}px` });
    }
    drawFrame();
  }

  function choose(numbers) {
    state.chosen = numbers;
    $("spoken").textContent = numbers.length ? `${numbers.length} ${data.words.chosen}` : data.words.none;
    setTriggerValue("chosen", numbers);
    draw();
  }

  function zoom(factor, x = (frame.left + frame.right) / 2, y = (frame.top + frame.bottom) / 2) {
    const at = [frame.atX(x), frame.atY(y)];
    state.view = state.view.map(([low, high], k) => [at[k] + (low - at[k]) * factor, at[k] + (high - at[k]) * factor]);
    draw();
  }

  const at = (event) => { const box = stage.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  let pressed = null;

  listen(stage, "pointerdown", (event) => {
    if (event.button) return;
    pressed = { at: at(event), view: state.view.map((range) => [...range]), moved: false };
    if (state.tool) stage.setPointerCapture(event.pointerId);
  });

  listen(stage, "pointermove", (event) => {
    const [x, y] = at(event);
    if (!pressed) return show(nearestDot(data, frame, x, y, 9));
    if (!state.tool || (!pressed.moved && Math.hypot(x - pressed.at[0], y - pressed.at[1]) < 5)) return;
    pressed.moved = true;
    show(-1);
    if (state.tool === "lasso") {
      if (!state.drawn.length) state.drawn = [pressed.at];
      state.drawn.push([x, y]);
      return drawFrame();
    }
    const shift = [((pressed.at[0] - x) * (pressed.view[0][1] - pressed.view[0][0])) / (frame.right - frame.left), ((y - pressed.at[1]) * (pressed.view[1][1] - pressed.view[1][0])) / (frame.bottom - frame.top)];
    state.view = pressed.view.map(([low, high], k) => [low + shift[k], high + shift[k]]);
    draw();
  });

  listen(stage, "pointerup", (event) => {
    if (!pressed) return;
    const [x, y] = at(event), { moved } = pressed, corners = state.drawn;
    Object.assign(state, { drawn: [] });
    pressed = null;
    if (moved) {
      const inside = state.tool === "lasso" ? dotsInside(data, frame, corners) : [];
      return inside.length ? choose(inside) : drawFrame();
    }
    const hit = nearestDot(data, frame, x, y, event.pointerType === "touch" ? 20 : 9);
    if (hit >= 0) choose([hit]);
  });

  listen(stage, "pointercancel", () => { pressed = null; state.drawn = []; drawFrame(); });
  listen(stage, "pointerleave", () => { if (!pressed) show(-1); });
  listen(stage, "dblclick", () => { if (state.chosen.length) choose([]); });
  listen(stage, "wheel", (event) => { if (event.ctrlKey) { event.preventDefault(); zoom(event.deltaY > 0 ? 1.1 : 1 / 1.1, ...at(event)); } }, { passive: false });
  listen(stage, "keydown", (event) => {
    const along = { ArrowRight: [data.x, 1], ArrowLeft: [data.x, -1], ArrowUp: [data.y, 1], ArrowDown: [data.y, -1] }[event.key];
    if (along) {
      event.preventDefault();
      const [values, sign] = along, from = state.spotlight < 0 ? null : values[state.spotlight] * sign;
      let next = -1;
      values.forEach((v, i) => { if ((from === null || v * sign > from) && (next < 0 || v * sign < values[next] * sign)) next = i; });
      if (next >= 0) { show(next); $("spoken").textContent = tip.textContent; }
    } else if (event.key === "Enter" && state.spotlight >= 0) choose([state.spotlight]);
    else if (event.key === "Escape" && state.chosen.length) choose([]);
  });
  for (const tool of ["lasso", "move"]) listen($(tool), "click", () => { state.tool = state.tool === tool ? "" : tool; drawFrame(); });
  listen($("closer"), "click", () => zoom(1 / 1.5));
  listen($("wider"), "click", () => zoom(1.5));
  listen($("whole"), "click", () => { state.view = data.range.map((range) => [...range]); draw(); });
  listen($("clear"), "click", () => choose([]));

  for (const [id, words] of Object.entries(data.words.tools)) Object.assign($(id), { title: words[1], textContent: words[0] });
  for (const id of ["closer", "wider"]) $(id).setAttribute("aria-label", data.words.tools[id][1]);
  stage.setAttribute("aria-label", data.words.alt);
  legend();
  draw();
  requestAnimationFrame(() => setTimeout(() => performance.measure("pkvae:map", { start: began, end: performance.now(), detail: data.words.alt })));
  let size = stage.clientWidth;
  const resized = new ResizeObserver(() => { if (stage.clientWidth && stage.clientWidth !== size) { size = stage.clientWidth; draw(); } });
  resized.observe(stage);
  state.stop.signal.addEventListener("abort", () => resized.disconnect());
  return () => state.stop.abort();
}
