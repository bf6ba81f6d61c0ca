// What every chart of ours is made of: escaped words, round steps, lines and areas through a frame's two scales (f.x, f.y).

const escapeText = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

function niceStep(span, count) {
  const raw = span / count, power = 10 ** Math.floor(Math.log10(raw)), unit = raw / power;
  return power * (unit <= 1 ? 1 : unit <= 2 ? 2 : unit <= 5 ? 5 : 10);
}

const line = (times, values, f) => times.map((t, i) => `${i ? "L" : "M"}${f.x(t).toFixed(1)} ${f.y(values[i]).toFixed(1)}`).join("");
const area = (times, low, high, f) => `${line(times, high, f)}${line([...times].reverse(), [...low].reverse(), f).replace("M", "L")}Z`;
const text = (x, y, words, cls, anchor = "middle") => `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" class="${cls}" text-anchor="${anchor}">${escapeText(words)}</text>`;
