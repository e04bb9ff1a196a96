// Draws the cells: by WebGL where there is one, else on a plain canvas. Both take (points, colours of the cells, view) and know no page.
// A view is { left, top, scale, width, height, ratio }: micrometres at the corner, CSS pixels a micrometre, size in CSS pixels, device pixels a CSS pixel.

const VERTEX = `
attribute vec2 place; attribute vec4 colour; uniform vec2 spread; uniform vec2 shift; uniform mediump float size; varying vec4 paint;
void main() {
  paint = colour;
  gl_PointSize = size;
  gl_Position = colour.a < 0.5 ? vec4(2.0, 2.0, 2.0, 1.0) : vec4(place * spread + shift, 0.0, 1.0);
}`;
const FRAGMENT = `
precision mediump float; varying vec4 paint; uniform mediump float size;
void main() {
  float cover = 1.0;
  float shade = 1.0;
  if (size > 2.5) {
    float far = length(gl_PointCoord - 0.5) * size;
    cover = clamp(size * 0.5 - far, 0.0, 1.0);
    if (size > 9.0) shade = 1.0 - 0.35 * clamp(far - size * 0.5 + max(2.5, size * 0.12), 0.0, 1.0);
  }
  gl_FragColor = vec4(paint.rgb * shade * cover, cover);
}`;

function webglRenderer(canvas) {
  // A card made of software is three times slower than the plain canvas below: then rather that.
  const gl = canvas.getContext("webgl", { antialias: false, depth: false, preserveDrawingBuffer: true, failIfMajorPerformanceCaveat: true });
  if (!gl) return null;
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return null;
  gl.useProgram(program);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  const attach = (name, size, type) => {
    const where = gl.getAttribLocation(program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.enableVertexAttribArray(where);
    return (data) => { gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW); gl.vertexAttribPointer(where, size, type, true, 0, 0); };
  };
  const spread = gl.getUniformLocation(program, "spread"), shift = gl.getUniformLocation(program, "shift"), size = gl.getUniformLocation(program, "size");
  const largest = gl.getParameter(gl.ALIASED_POINT_SIZE_RANGE)[1];
  let count = 0, setColours = null;
  return {
    kind: "WebGL",
    load(points) { attach("place", 2, gl.UNSIGNED_SHORT)(points.place); count = points.n; setColours = attach("colour", 4, gl.UNSIGNED_BYTE); },
    colour(colours) { setColours(colours); },
    draw(view, head, dot) {
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      const kx = 2 * view.scale / view.width, ky = 2 * view.scale / view.height;
      gl.uniform2f(spread, 65535 * head.stepX * kx, -65535 * head.stepY * ky);
      gl.uniform2f(shift, (head.x0 - view.left) * kx - 1, 1 - (head.y0 - view.top) * ky);
      gl.uniform1f(size, Math.min(dot * view.ratio, largest));
      if (count) gl.drawArrays(gl.POINTS, 0, count);
    },
  };
}

function canvasRenderer(canvas) {
  const context = canvas.getContext("2d");
  let points = null, colours = null;
  // Squares of whole pixels, straight into memory: a million cells in a tenth of a second.
  function squares(view, head, dot, within) {
    const image = context.createImageData(canvas.width, canvas.height);
    const pixels = new Uint32Array(image.data.buffer), paint = new Uint32Array(colours.buffer);
    const side = Math.max(1, Math.round(dot * view.ratio)), half = side / 2, scale = view.scale * view.ratio;
    eachWithin(points, ...within, (i) => {
      if (!colours[4 * i + 3]) return;
      const x = Math.round((head.x0 + points.place[2 * i] * head.stepX - view.left) * scale - half);
      const y = Math.round((head.y0 + points.place[2 * i + 1] * head.stepY - view.top) * scale - half);
      const from = Math.max(0, x), to = Math.min(canvas.width, x + side);
      if (from >= to) return;
      for (let row = Math.max(0, y); row < Math.min(canvas.height, y + side); row++) pixels.fill(paint[i], row * canvas.width + from, row * canvas.width + to);
    });
    context.putImageData(image, 0, 0);
  }
  function discs(view, head, dot, within) {
    context.clearRect(0, 0, canvas.width, canvas.height);
    const scale = view.scale * view.ratio, across = dot * view.ratio, rim = across > 9 ? Math.max(1.5, across * 0.1) : 0;
    context.lineWidth = rim;
    eachWithin(points, ...within, (i) => {
      if (!colours[4 * i + 3]) return;
      const rgb = [0, 1, 2].map((k) => colours[4 * i + k]);
      context.fillStyle = `rgb(${rgb})`;
      context.strokeStyle = `rgb(${rgb.map((c) => c * 0.65)})`;
      context.beginPath();
      context.arc((head.x0 + points.place[2 * i] * head.stepX - view.left) * scale, (head.y0 + points.place[2 * i + 1] * head.stepY - view.top) * scale,
        (across - rim) / 2, 0, 2 * Math.PI);
      context.fill();
      if (rim) context.stroke();
    });
  }
  return {
    kind: "canvas",
    load(loaded) { points = loaded; },
    colour(changed) { colours = changed; },
    draw(view, head, dot) {
      const stepX = head.stepX || 1, stepY = head.stepY || 1;
      const within = [(view.left - head.x0 - dot / view.scale) / stepX, (view.top - head.y0 - dot / view.scale) / stepY,
        (view.left - head.x0 + (view.width + dot) / view.scale) / stepX, (view.top - head.y0 + (view.height + dot) / view.scale) / stepY];
      (dot * view.ratio > 4 ? discs : squares)(view, head, dot, within);
    },
  };
}
