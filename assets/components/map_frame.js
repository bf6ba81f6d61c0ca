// What stands around and above the dots: axes, the colour bar, the open patient's outlines and the path that the levels took.

function frameOf(data, view, width, height) {
  const left = 56, right = width - (data.bar ? 74 : 10), top = 8, bottom = height - 46, [[x0, x1], [y0, y1]] = view;
  return {
    left, right, top, bottom, width, height,
    x: (v) => left + ((v - x0) / (x1 - x0)) * (right - left),
    y: (v) => bottom - ((v - y0) / (y1 - y0)) * (bottom - top),
    atX: (p) => x0 + ((p - left) / (right - left)) * (x1 - x0),
    atY: (p) => y0 + ((bottom - p) / (bottom - top)) * (y1 - y0),
  };
}

function ticksSvg(data, view, f) {
  const parts = [], [[x0, x1], [y0, y1]] = view, say = (v) => String(+v.toPrecision(6)).replace("-", "−");
  for (let step = niceStep(x1 - x0, (f.right - f.left) / 90), v = Math.ceil(x0 / step) * step; v <= x1; v += step)
    parts.push(`<path class="grid" d="M${f.x(v).toFixed(1)} ${f.top}V${f.bottom}"/>` + text(f.x(v), f.bottom + 17, say(v), "tick"));
  for (let step = niceStep(y1 - y0, 7), v = Math.ceil(y0 / step) * step; v <= y1; v += step)
    parts.push(`<path class="grid" d="M${f.left} ${f.y(v).toFixed(1)}H${f.right}"/>` + text(f.left - 7, f.y(v) + 4, say(v), "tick", "end"));
  parts.push(text((f.left + f.right) / 2, f.height - 6, data.titles[0], "tick"));
  parts.push(`<text class="tick" text-anchor="middle" transform="translate(13 ${((f.top + f.bottom) / 2).toFixed(0)}) rotate(-90)">${escapeText(data.titles[1])}</text>`);
  return parts.join("");
}

function barSvg(data, f) {
  if (!data.bar) return "";
  const x = f.right + 16, top = f.top + 40, span = f.bottom - top - 20, share = 1 / data.colours.length;
  const cells = data.colours.map((colour, i) => `<rect x="${x}" y="${(top + span * (1 - (i + 1) * share)).toFixed(2)}" width="10" height="${(span * share + 0.6).toFixed(2)}" fill="${colour}"/>`);
  const ticks = data.bar.ticks.map((t) => text(x + 14, top + span * (1 - t.at) + 4, t.words, "tick", "start"));
  return cells.join("") + ticks.join("") + data.bar.title.map((words, i) => text(f.width - 2, f.top + 10 + 15 * i, words, "tick", "end")).join("");
}

function patientSvg(data, f) {
  const through = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${f.x(x).toFixed(1)} ${f.y(y).toFixed(1)}`).join("");
  const outlines = data.outlines.map((o) => ({ ...o, d: o.lines.map(through).join("") })), path = through(data.path);
  const steps = data.path.map(([x, y], k) => {
    const last = k === data.path.length - 1 ? " last" : "";
    return `<circle class="step${last}" cx="${f.x(x).toFixed(1)}" cy="${f.y(y).toFixed(1)}" r="8"/>` + text(f.x(x), f.y(y) + 4, k, `number${last}`);
  });
  return [
    ...outlines.map((o) => `<path class="halo" d="${o.d}"/><path class="outline ${o.cls}" d="${o.d}"/>`),
    `<path class="halo" d="${path}"/><path class="path" d="${path}"/>`,
    ...steps,
    ...data.labels.map((l) => text(f.x(l.x), f.y(l.y) + l.shift, l.words, `label ${l.cls}`)),
  ].join("");
}

function frameSvg(data, f, chosen, spotlight, drawn) {
  const circle = (i, r) => `<circle class="spotlight" cx="${f.x(data.x[i]).toFixed(1)}" cy="${f.y(data.y[i]).toFixed(1)}" r="${r}"/>`;
  const rings = (chosen.length === 1 ? circle(chosen[0], 6) : "") + (spotlight >= 0 ? circle(spotlight, 5) : "");
  const lasso = drawn.length ? `<path class="drawn" d="${drawn.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("")}Z"/>` : "";
  const clip = `<clipPath id="inside"><rect x="${f.left}" y="${f.top}" width="${Math.max(0, f.right - f.left)}" height="${f.bottom - f.top}"/></clipPath>`;
  return `${clip}${barSvg(data, f)}<g clip-path="url(#inside)">${patientSvg(data, f)}${rings}${lasso}</g>`;
}
