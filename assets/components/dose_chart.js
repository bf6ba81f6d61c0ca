// The concentration chart as one SVG string: a pure function of the scene, the chosen amount and the size. It scales and draws; it computes no pharmacokinetics.

const HOUR = 3600e3;

function clockText(scene, time_h, parts) {
  // A clock is written as if it were UTC, so that the browser's own time zone cannot move it.
  return new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...parts }).format(new Date(scene.origin_ms + time_h * HOUR)).replace(",", "");
}
const hourText = (scene, t) => (scene.origin_ms === null ? `${Math.round(t)} h` : clockText(scene, t, { hour: "2-digit", minute: "2-digit" }));
const dayText = (scene, t) => clockText(scene, t, { weekday: "short", day: "numeric", month: "short" });

function timeTicks(scene, from, to, pixels) {
  const narrow = pixels < 420, least = narrow ? 24 : 6;
  const step = [6, 12, 24, 48, 72, 168, 336, 672].find((h) => h >= least && ((to - from) / h) * (h >= 24 ? 74 : 52) <= pixels) ?? 1344;
  const shift = scene.origin_ms === null ? 0 : (scene.origin_ms / HOUR) % 24;
  const first = Math.ceil((from + shift) / step - 1e-9) * step - shift, ticks = [];
  for (let t = first; t <= to + 1e-9; t += step) ticks.push({ t, top: step < 24 || scene.origin_ms === null ? hourText(scene, t) : "", isDay: scene.origin_ms !== null && Math.abs((t + shift) % 24) < 1e-6 });
  return ticks;
}

function levelTicks(top, isLog, floor) {
  if (!isLog) { const step = niceStep(top, 5), ticks = []; for (let v = 0; v <= top * 1.0001; v += step) ticks.push(+v.toPrecision(6)); return ticks; }
  const ticks = [];
  for (let p = Math.floor(Math.log10(floor)); p <= Math.log10(top); p++) for (const m of [1, 2, 5]) { const v = m * 10 ** p; if (v >= floor && v <= top) ticks.push(+v.toPrecision(3)); }
  return ticks;
}

function frame(scene, option, view) {
  // The plotting area and its two scales. The top covers what is always on the chart, where the target begins and the chosen amount's 90 % band, in whole grid steps.
  const left = 50, right = view.width < 420 ? 14 : 118, top = 26, bottom = 46, pixels = view.width - left - right;
  const shown = scene.overlays.filter((o) => view.shown.has(o.name));
  const highest = Math.max(scene.ceiling, scene.target?.low ?? scene.target?.high ?? 0, ...option.band[4], ...shown.flatMap((o) => o.is_fixed ? o.future : option.overlays[o.name] ?? []));
  const step = niceStep(highest * 1.02, 5), peak = Math.ceil((highest * 1.02) / step) * step;
  const positive = [...scene.past.band[0], ...option.band[0]].filter((v) => v > 0), floor = Math.max(Math.min(...positive, scene.lowest ?? Infinity, peak / 10) / 1.5, peak / 1000);
  const x = (t) => left + ((t - scene.from_h) / (scene.to_h - scene.from_h)) * pixels;
  const share = (v) => (view.isLog ? Math.log(clamp(v, floor, peak) / floor) / Math.log(peak / floor) : v / peak);
  const y = (v) => view.height - bottom - share(v) * (view.height - top - bottom);
  return { left, right: left + pixels, top, bottom: view.height - bottom, x, y, peak, floor, pixels, shown };
}

function axes(scene, f, view) {
  const parts = levelTicks(f.peak, view.isLog, f.floor).map((v) => `<path class="grid" d="M${f.left} ${f.y(v).toFixed(1)}H${f.right}"/>` + text(f.left - 8, f.y(v) + 4, v, "tick", "end"));
  let labelled = -Infinity;
  timeTicks(scene, scene.from_h, scene.to_h, f.pixels).forEach(({ t, top, isDay }) => {
    parts.push(`<path class="grid${isDay ? " day" : ""}" d="M${f.x(t).toFixed(1)} ${f.top}V${f.bottom}"/>`);
    if (top) parts.push(text(f.x(t), f.bottom + 18, top, "tick"));
    if (isDay && f.x(t) - labelled >= 62) { parts.push(text(f.x(t), f.bottom + (top ? 34 : 18), dayText(scene, t), "tick day")); labelled = f.x(t); }
  });
  parts.push(`<path class="axis" d="M${f.left} ${f.bottom}H${f.right}"/>`);
  parts.push(`<text class="tick" text-anchor="middle" transform="translate(13 ${((f.top + f.bottom) / 2).toFixed(0)}) rotate(-90)">${escapeText(scene.axis)}</text>`);
  return parts.join("");
}

function marks(scene, f, view) {
  const triangle = (t, cls) => `<path class="dosemark ${cls}" d="M${f.x(t).toFixed(1)} ${f.bottom - 8}l4.5 8h-9z"/>`;
  const inside = (t) => t >= scene.from_h - 1e-6 && t <= scene.to_h + 1e-6;
  const given = scene.given.filter(inside).map((t) => triangle(t, "given")), planned = view.isBlank ? [] : scene.planned.filter(inside).map((t) => triangle(t, "planned"));
  const levels = scene.levels.filter((l) => inside(l.time_h)).map((l) => l.is_below
    ? `<path class="blq${l.is_left_out ? " out" : ""}" d="M${f.x(l.time_h).toFixed(1)} ${(f.y(l.value) + 6).toFixed(1)}l6 -10h-12z"/>` + text(f.x(l.time_h) + 9, f.y(l.value) - 2, l.label, "levelname", "start")
    : `<circle class="level${l.is_left_out ? " out" : ""}" cx="${f.x(l.time_h).toFixed(1)}" cy="${f.y(l.value).toFixed(1)}" r="5.5"/>`);
  return given.join("") + planned.join("") + levels.join("");
}

function changeMarks(scene, f) {
  // Where creatinine clearance (or another covariate) takes a new value: a tick that stands on the time axis, with its words; words that would touch stand higher.
  let end = -Infinity, row = 0;
  return scene.changes.filter((c) => c.time_h <= scene.to_h).map((c) => {
    const x = f.x(c.time_h), width = c.label.length * 6.4, isLeft = x + width + 8 > f.right, left = isLeft ? x - 5 - width : x + 5;
    row = left < end ? row + 1 : 0;
    end = Math.max(end, left + width + 6);
    const y = f.bottom - 13 - 15 * row;
    return `<path class="change" d="M${x.toFixed(1)} ${(y - 9).toFixed(1)}V${f.bottom + 5}"/>` + text(isLeft ? x - 5 : x + 5, y, c.label, "changename", isLeft ? "end" : "start");
  }).join("");
}

function targetBand(scene, f) {
  // As much of the target as the chart holds, for its upper end may lie far above what is expected; and its name, which stands on the curves.
  const within = (v) => Math.min(v, f.peak), top = f.y(within(scene.target.high ?? f.peak)), bottom = f.y(within(scene.target.low ?? 0)), x = f.x(scene.start_h);
  return [`<rect class="target" x="${x.toFixed(1)}" width="${Math.max(0, f.right - x).toFixed(1)}" y="${top.toFixed(1)}" height="${Math.max(0, bottom - top).toFixed(1)}"/>`,
    text(f.right - 4, top + 14, scene.target.label, "targetname", "end")];
}

function mealMarks(scene, f) {
  // Where the prediction assumes meals: short ticks on the time axis, the word at the first one that has room.
  const inside = scene.meals.filter((t) => t >= scene.from_h && t <= scene.to_h), ticks = inside.map((t) => `<path class="meal" d="M${f.x(t).toFixed(1)} ${f.bottom}v-10"/>`);
  return ticks.join("") + (inside.length ? text(f.x(inside[0]), f.bottom - 14, "meal", "mealname") : "");
}

function nowLine(scene, f) {
  const x = f.x(scene.now_h), near = f.right - x < 96;
  const words = `<text x="${(x + (near ? -8 : 8)).toFixed(1)}" y="${f.top - 8}" class="now" text-anchor="${near ? "end" : "start"}"><tspan class="strong">Now</tspan> ${escapeText(scene.now)}</text>`;
  return `<path class="nowline" d="M${x.toFixed(1)} ${f.top - 20}V${f.bottom}"/>${words}` + (x - f.left > 70 && !near && scene.levels.length ? text(x - 8, f.top - 8, "measured", "tick", "end") : "");
}

function endLabels(scene, option, f, view) {
  // Direct labels instead of a legend, pushed apart where the curves end close together.
  if (view.width < 420) return "";
  const last = (values) => values[values.length - 1];
  const labels = view.isBlank ? [] : [{ y: f.y(last(option.band[2])), words: scene.names.regimen, cls: "regimen strong" }];
  for (const o of f.shown) labels.push({ y: f.y(last(o.is_fixed ? o.future : option.overlays[o.name])), words: o.label, cls: o.name });
  labels.sort((a, b) => a.y - b.y);
  for (let i = 1; i < labels.length; i++) labels[i].y = Math.max(labels[i].y, labels[i - 1].y + 17);
  const excess = labels.length ? Math.max(0, last(labels).y - f.bottom) : 0;
  return labels.map((l) => text(f.right + 8, l.y - excess + 4, l.words, `name ${l.cls}`, "start")).join("");
}

function chartSvg(scene, option, view) {
  const f = frame(scene, option, view), past = scene.past, times = scene.future_h;
  const [target, targetName] = scene.target ? targetBand(scene, f) : ["", ""];
  const drawn = [[past.time_h, past.band], ...(view.isBlank ? [] : [[times, option.band]])].filter(([t]) => t.length);
  const fans = drawn.map(([t, b]) => `<path class="outer" d="${area(t, b[0], b[4], f)}"/><path class="inner" d="${area(t, b[1], b[3], f)}"/>`);
  const medians = drawn.map(([t, b]) => `<path class="median" d="${line(t, b[2], f)}"/>`);
  const extra = f.shown.map((o) => `<path class="curve ${o.name}" d="${o.past ? line(past.time_h, o.past, f) : ""}${line(times, o.is_fixed ? o.future : option.overlays[o.name], f)}"/>`);
  return { f, markup: axes(scene, f, view) + target + fans.join("") + extra.join("") + medians.join("") + nowLine(scene, f) + mealMarks(scene, f) + changeMarks(scene, f) + marks(scene, f, view) + targetName + endLabels(scene, option, f, view) + '<g id="cursor"></g>' };
}

function readingAt(scene, option, view, time_h) {
  // What the chart says at the nearest drawn time: [clock, rows of (name, words)].
  const isPast = scene.past.time_h.length && time_h < scene.start_h, times = isPast ? scene.past.time_h : scene.future_h, band = isPast ? scene.past.band : option.band;
  const i = times.reduce((best, t, k) => (Math.abs(t - time_h) < Math.abs(times[best] - time_h) ? k : best), 0), say = (v) => (+v.toPrecision(3)).toString();
  const rows = [[isPast ? "Median" : scene.names.regimen, `${say(band[2][i])} ${scene.unit}`], ["Middle 50 %", `${say(band[1][i])}–${say(band[3][i])}`], ["90 % band", `${say(band[0][i])}–${say(band[4][i])}`]];
  for (const o of scene.overlays) if (view.shown.has(o.name)) { const values = isPast ? o.past : o.is_fixed ? o.future : option.overlays[o.name]; if (values) rows.push([o.label, `${say(values[i])} ${scene.unit}`]); }
  const clock = scene.origin_ms === null ? `${+times[i].toFixed(1)} h` : `${dayText(scene, times[i])} ${hourText(scene, times[i])}`;
  return { time_h: times[i], value: band[2][i], clock, rows };
}
