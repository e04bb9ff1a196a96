// Unpacks the cells of a page (the layout is that of points.py) and finds what lies near a place.

async function unpackPoints(base64, head) {
  const text = atob(base64);
  const packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
  if (typeof DecompressionStream === "undefined") throw new Error("This browser is too old to unpack the cells (it lacks DecompressionStream).");
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return readPlanes(await new Response(stream).arrayBuffer(), head);
}

function readPlanes(buffer, head) {
  const n = head.n, bands = head.bands;
  const bytes = new Uint8Array(buffer);
  const counts = new DataView(buffer);
  let at = 4 * bands;
  const plane = () => { at += n; return bytes.subarray(at - n, at); };
  const xLow = plane(), xHigh = plane(), yLow = plane(), yHigh = plane(), code = plane();
  const place = new Uint16Array(2 * n);   // x, y in steps: what the graphics card gets
  const start = new Uint32Array(bands + 1);
  const bandHeight = 65536 / bands;
  let i = 0;
  for (let band = 0; band < bands; band++) {
    start[band] = i;
    const end = i + counts.getUint32(4 * band, true);
    for (let x = 0; i < end; i++) {
      x += xLow[i] | (xHigh[i] << 8);
      place[2 * i] = x;
      place[2 * i + 1] = band * bandHeight + (yLow[i] | (yHigh[i] << 8));
    }
  }
  start[bands] = n;
  let value = null;
  if (head.value) {
    const low = plane(), high = plane();
    value = new Uint16Array(n);
    for (let j = 0; j < n; j++) value[j] = low[j] | (high[j] << 8);
  }
  return { n, bands, bandHeight, start, place, code, value };
}

// First cell of the band at or right of x.
function lowerBound(points, band, x) {
  let low = points.start[band], high = points.start[band + 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points.place[2 * middle] < x) low = middle + 1; else high = middle;
  }
  return low;
}

// Calls visit(i) for every cell inside the rectangle, given in steps.
function eachWithin(points, left, top, right, bottom, visit) {
  const first = Math.max(0, Math.floor(top / points.bandHeight));
  const last = Math.min(points.bands - 1, Math.floor(bottom / points.bandHeight));
  for (let band = first; band <= last; band++) {
    const end = points.start[band + 1];
    for (let i = lowerBound(points, band, left); i < end && points.place[2 * i] <= right; i++) {
      const y = points.place[2 * i + 1];
      if (y >= top && y <= bottom) visit(i);
    }
  }
}

// The shown cell nearest to a place in micrometres, within reach; -1 where there is none.
function nearestCell(points, head, shown, x, y, reach) {
  const stepX = head.stepX || 1, stepY = head.stepY || 1;
  const qx = (x - head.x0) / stepX, qy = (y - head.y0) / stepY, rx = reach / stepX, ry = reach / stepY;
  let best = -1, least = reach * reach;
  eachWithin(points, qx - rx, qy - ry, qx + rx, qy + ry, (i) => {
    const dx = (points.place[2 * i] - qx) * stepX, dy = (points.place[2 * i + 1] - qy) * stepY;
    const far = dx * dx + dy * dy;
    if (far <= least && shown[points.code[i]]) { best = i; least = far; }
  });
  return best;
}
