// Thousands of dots on a canvas: one stamp for each colour, stamped in the patients' own order, so that no colour lies above the others.

const SHAPES = {
  circle: (c, r) => c.arc(0, 0, r, 0, 2 * Math.PI),
  square: (c, r) => c.rect(-0.9 * r, -0.9 * r, 1.8 * r, 1.8 * r),
  diamond: (c, r) => polygon(c, [[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]], r),
  cross: (c, r) => polygon(c, [[-0.4, -1.2], [0.4, -1.2], [0.4, -0.4], [1.2, -0.4], [1.2, 0.4], [0.4, 0.4], [0.4, 1.2], [-0.4, 1.2], [-0.4, 0.4], [-1.2, 0.4], [-1.2, -0.4], [-0.4, -0.4]], r),
  x: (c, r) => { c.rotate(Math.PI / 4); SHAPES.cross(c, r); },
  "triangle-up": (c, r) => polygon(c, [[0, -1.2], [1.15, 0.8], [-1.15, 0.8]], r),
};

function polygon(context, corners, r) {
  corners.forEach(([x, y], i) => (i ? context.lineTo(x * r, y * r) : context.moveTo(x * r, y * r)));
  context.closePath();
}

function stamp(colour, shape, radius, ratio) {
  const canvas = document.createElement("canvas"), side = Math.ceil(3 * radius * ratio), context = canvas.getContext("2d");
  canvas.width = canvas.height = side;
  context.translate(side / 2, side / 2);
  context.scale(ratio, ratio);
  context.beginPath();
  SHAPES[shape](context, radius);
  context.fillStyle = colour;
  context.fill();
  return canvas;
}

function drawDots(canvas, data, frame, chosen) {
  const ratio = window.devicePixelRatio || 1, context = canvas.getContext("2d"), many = data.bar === null;
  canvas.width = Math.round(frame.width * ratio);
  canvas.height = Math.round(frame.height * ratio);
  const stamps = data.colours.map((colour, i) => stamp(colour, data.symbols[many ? i : 0], 3, ratio)), half = stamps[0].width / 2;
  context.beginPath();
  context.rect(frame.left * ratio, frame.top * ratio, (frame.right - frame.left) * ratio, (frame.bottom - frame.top) * ratio);
  context.clip();
  const put = (i) => context.drawImage(stamps[data.shade[i]], frame.x(data.x[i]) * ratio - half, frame.y(data.y[i]) * ratio - half);
  context.globalAlpha = chosen.length ? 0.12 : many ? 0.5 : 0.7;
  for (let i = 0; i < data.x.length; i++) put(i);
  context.globalAlpha = 1;
  chosen.forEach(put);
}

function nearestDot(data, frame, x, y, reach) {
  let best = -1, least = reach * reach;
  for (let i = 0; i < data.x.length; i++) {
    const dx = frame.x(data.x[i]) - x, dy = frame.y(data.y[i]) - y, far = dx * dx + dy * dy;
    if (far < least) { best = i; least = far; }
  }
  return best;
}

function dotsInside(data, frame, corners) {
  // Even-odd rule: a ray to the right crosses the outline an odd number of times.
  const found = [];
  for (let i = 0; i < data.x.length; i++) {
    const x = frame.x(data.x[i]), y = frame.y(data.y[i]);
    let inside = false;
    for (let j = 0, k = corners.length - 1; j < corners.length; k = j++) {
      const [ax, ay] = corners[j], [bx, by] = corners[k];
      if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
    }
    if (inside) found.push(i);
  }
  return found;
}
