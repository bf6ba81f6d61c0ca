// Twenty equally likely outcomes against the target: dots in it, triangles beside it; those beyond the axis stand at its edge and are counted there.

function binsOf(target, x, left, right) {
  // Bins begin at a limit and, between two limits, fill the target exactly, so that no mark crosses a limit.
  const low = target.low ?? target.high, wanted = clamp((right - left) / 22, 10, 17);
  const span = target.low !== null && target.high !== null ? x(target.high) - x(target.low) : wanted, width = span / Math.max(1, Math.round(span / wanted));
  return { width, of: (v) => Math.floor((clamp(x(v), left, right - 1e-6) - x(low)) / width + 1e-9), centre: (k) => x(low) + (k + 0.5) * width };
}

function dotsSvg(target, dots, width, height) {
  const [least, most] = target.axis, left = 14, right = width - 14, floor = height - 38, top = 20;
  const x = (v) => left + ((v - least) / (most - least)) * (right - left), bins = binsOf(target, x, left, right), heights = new Map();
  for (const v of dots) heights.set(bins.of(v), (heights.get(bins.of(v)) ?? 0) + 1);
  const step = Math.min(bins.width, 16, (floor - top - 4) / Math.max(...heights.values())), size = Math.max(3, step / 2 - 1), drawn = new Map();
  const marks = dots.map((v) => {
    const k = bins.of(v), level = drawn.get(k) ?? 0, cx = bins.centre(k).toFixed(1), cy = (floor - size - 2 - level * step).toFixed(1);
    drawn.set(k, level + 1);
    if (target.high !== null && v > target.high) return `<path class="above" d="M${cx} ${cy - size}l${size} ${size * 1.8}h${-2 * size}z"/>`;
    if (target.low !== null && v < target.low) return `<path class="under" d="M${cx} ${+cy + size * 0.8}l${size} ${-size * 1.8}h${-2 * size}z"/>`;
    return `<circle class="within" cx="${cx}" cy="${cy}" r="${size}"/>`;
  });
  const ticks = [];
  for (let gap = niceStep(most - least, 5), v = Math.ceil(least / gap) * gap; v <= most + 1e-9; v += gap) ticks.push(text(x(v), floor + 16, +v.toPrecision(6), "tick"));
  const say = (v) => (+v.toPrecision(3)).toLocaleString("en-GB"), beyond = dots.filter((v) => v > most).length, under = dots.filter((v) => v < least).length;
  const edges = (beyond ? text(right, 11, `${beyond} of ${dots.length} above ${say(most)} →`, "edge above", "end") : "") + (under ? text(left, 11, `← ${under} of ${dots.length} below ${say(least)}`, "edge under", "start") : "");
  const low = target.low === null ? left : x(target.low), high = target.high === null ? right : x(target.high);
  const limits = [target.low, target.high].filter((v) => v !== null).map((v) => `<path class="limit" d="M${x(v)} ${top}V${floor}"/>`).join("");
  return `<rect class="target" x="${low}" width="${Math.max(0, high - low)}" y="${top}" height="${floor - top}"/>${limits}<path class="axis" d="M${left - 8} ${floor}H${right + 8}"/>${ticks.join("")}${text((left + right) / 2, floor + 33, target.axis_label, "tick")}${marks.join("")}${edges}`;
}
