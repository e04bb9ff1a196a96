// One map on a page: view, pointer, wheel, keys, legend, scale bar, readout. Text enters the page only as textContent.

const MAX_SCALE = 16;  // CSS pixels a micrometre

function startMap(root) {
  const part = (name) => root.querySelector(".cmap-" + name);
  const head = JSON.parse(part("head-data").textContent);
  const stage = part("stage"), note = part("note"), ring = part("ring"), readout = part("readout"), live = part("live");
  const embedded = root.classList.contains("is-embedded");
  const shown = head.classes.map(() => true);
  const [left, top, right, bottom] = head.extent;
  const view = { left, top, scale: 1, width: 1, height: 1, ratio: 1 };
  let canvas = part("canvas"), renderer = null, points = null, colours = null, pinned = -1, fitted = true, waiting = false, byValue = false;

  const hex = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  function fitScale() { return 0.96 * Math.min(view.width / (right - left), view.height / (bottom - top)); }
  function fit() {
    fitted = true;
    view.scale = fitScale();
    view.left = (left + right - view.width / view.scale) / 2;
    view.top = (top + bottom - view.height / view.scale) / 2;
    redraw();
  }
  function moved() {
    fitted = false;
    if (pinned < 0) show(-1);  // what was under the pointer is not any more
    const x = clamp(view.left + view.width / view.scale / 2, left, right), y = clamp(view.top + view.height / view.scale / 2, top, bottom);
    view.left = x - view.width / view.scale / 2;
    view.top = y - view.height / view.scale / 2;
    redraw();
  }
  function zoom(factor, x = view.width / 2, y = view.height / 2) {
    const scale = clamp(view.scale * factor, 0.5 * fitScale(), Math.max(MAX_SCALE, fitScale()));
    view.left += x / view.scale - x / scale;
    view.top += y / view.scale - y / scale;
    view.scale = scale;
    moved();
  }
  function pan(dx, dy) { view.left -= dx / view.scale; view.top -= dy / view.scale; moved(); }

  function redraw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  }
  function draw() {
    if (!renderer || !points) return;
    placeImage();
    renderer.draw(view, head, clamp(head.dot * view.scale, 1.25, Math.max(3, 8 * view.scale)));
    scaleBar();
    placeRing();
  }
  const image = part("over");
  function placeImage() {
    if (!image || !image.naturalWidth) return;
    const [x0, y0, x1, y1] = head.over;
    const wide = (x1 - x0) / image.naturalWidth, high = (y1 - y0) / image.naturalHeight;
    image.style.transform = `translate(${(x0 - view.left) * view.scale}px, ${(y0 - view.top) * view.scale}px) scale(${wide * view.scale}, ${high * view.scale})`;
  }
  function scaleBar() {
    const longest = clamp(view.width / 4, 60, 180) / view.scale, power = 10 ** Math.floor(Math.log10(longest));
    const length = [5, 2, 1].map((step) => step * power).find((step) => step <= longest * (1 + 1e-9)) || power;
    part("bar-line").style.width = length * view.scale + "px";
    part("bar-text").textContent = length >= 1000 ? length / 1000 + " mm" : Number(length.toPrecision(2)) + " µm";
  }

  function recolour() {
    const classes = head.classes.map((one) => hex(one.colour));
    const ramp = byValue ? head.value.ramp.map(hex) : null, none = byValue ? hex(head.value.none) : null;
    for (let i = 0; i < points.n; i++) {
      const code = points.code[i];
      const rgb = ramp ? (points.value[i] === 65535 ? none : ramp[rampStep(points.value[i])]) : classes[code];
      colours[4 * i] = rgb[0]; colours[4 * i + 1] = rgb[1]; colours[4 * i + 2] = rgb[2];
      colours[4 * i + 3] = shown[code] ? 255 : 0;
    }
    renderer.colour(colours);
    redraw();
  }
  function rampStep(step) {
    const value = head.value.lowest + step * head.value.step;
    return clamp(Math.round((value - head.value.low) / (head.value.high - head.value.low) * 255), 0, 255);
  }

  function find(x, y, reach) { return nearestCell(points, head, shown, view.left + x / view.scale, view.top + y / view.scale, reach / view.scale); }
  function words(i) {
    const x = head.x0 + points.place[2 * i] * head.stepX, y = head.y0 + points.place[2 * i + 1] * head.stepY;
    const tail = head.value ? ` · ${head.value.name} ${points.value[i] === 65535 ? "none" : Number((head.value.lowest + points.value[i] * head.value.step).toPrecision(4))}` : "";
    return [head.classes[points.code[i]].name, ` · x ${x.toFixed(1)} µm, y ${y.toFixed(1)} µm${tail}`];
  }
  function show(i) {
    readout.textContent = "";
    ring.hidden = i < 0;
    ring.dataset.cell = i;
    if (i < 0) return;
    const [name, rest] = words(i), strong = document.createElement("b");
    strong.textContent = name;
    readout.append(strong, rest);
    placeRing();
  }
  function placeRing() {
    const i = Number(ring.dataset.cell);
    if (ring.hidden || !(i >= 0)) return;
    const x = (head.x0 + points.place[2 * i] * head.stepX - view.left) * view.scale, y = (head.y0 + points.place[2 * i + 1] * head.stepY - view.top) * view.scale;
    ring.style.transform = `translate(${x}px, ${y}px)`;
  }
  function pin(i) {
    pinned = i;
    show(i);
    live.textContent = i < 0 ? "no cell there" : words(i).join("");
  }

  function listenPointer() {
    const pointers = new Map();
    let travelled = 0;
    const at = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, at(event));
      if (pointers.size === 1) travelled = 0;
      canvas.classList.add("is-dragged");
    });
    canvas.addEventListener("pointermove", (event) => {
      const [x, y] = at(event), before = pointers.get(event.pointerId);
      if (!before) { if (pinned < 0 && points && event.pointerType === "mouse") show(find(x, y, 14)); return; }
      if (pointers.size === 1) pan(x - before[0], y - before[1]);
      if (pointers.size === 2) {
        const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
        const was = Math.hypot(before[0] - other[0], before[1] - other[1]), is = Math.hypot(x - other[0], y - other[1]);
        pan((x - before[0]) / 2, (y - before[1]) / 2);
        if (was > 0 && is > 0) zoom(is / was, (x + other[0]) / 2, (y + other[1]) / 2);
      }
      travelled += Math.hypot(x - before[0], y - before[1]);
      pointers.set(event.pointerId, [x, y]);
    });
    const release = (event) => {
      if (!pointers.delete(event.pointerId)) return;
      if (!pointers.size) canvas.classList.remove("is-dragged");
      if (event.type === "pointerup" && travelled < 5 && !pointers.size && points) pin(find(...at(event), event.pointerType === "mouse" ? 14 : 24));
    };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("pointerleave", () => { if (pinned < 0) show(-1); });
    canvas.addEventListener("dblclick", (event) => { zoom(event.shiftKey ? 0.5 : 2, ...at(event)); });
    canvas.addEventListener("wheel", (event) => {
      if (embedded && document.activeElement !== canvas) return;  // a page that holds maps must still scroll
      event.preventDefault();
      zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0018)), ...at(event));
    }, { passive: false });
  }
  function listenKeys() {
    const step = () => Math.min(view.width, view.height) / 8;
    const keys = {
      ArrowLeft: () => pan(step(), 0), ArrowRight: () => pan(-step(), 0), ArrowUp: () => pan(0, step()), ArrowDown: () => pan(0, -step()),
      "+": () => zoom(1.4), "=": () => zoom(1.4), "-": () => zoom(1 / 1.4), 0: fit, Home: fit,
      Enter: () => pin(find(view.width / 2, view.height / 2, Math.hypot(view.width, view.height))), Escape: () => pin(-1),
    };
    canvas.addEventListener("keydown", (event) => {
      if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey || !points) return;
      event.preventDefault();
      keys[event.key]();
    });
    part("in").addEventListener("click", () => zoom(1.6));
    part("out").addEventListener("click", () => zoom(1 / 1.6));
    part("reset").addEventListener("click", fit);
  }
  function listenLegend() {
    const boxes = [...root.querySelectorAll(".cmap-legend input")];
    const apply = () => {
      boxes.forEach((box, k) => { shown[k] = box.checked; });
      if (pinned >= 0 && !shown[points.code[pinned]]) pin(-1);
      if (points) recolour();
    };
    boxes.forEach((box) => { box.disabled = false; box.addEventListener("change", apply); });
    root.querySelectorAll(".cmap-only").forEach((button, k) => {
      button.addEventListener("click", () => { boxes.forEach((box, j) => { box.checked = j === k; }); apply(); });
    });
    const beneath = root.querySelector(".cmap-image input");
    if (beneath) { beneath.addEventListener("change", () => { image.hidden = !beneath.checked; }); image.addEventListener("load", redraw); }
    part("all").addEventListener("click", () => { const to = !boxes.every((box) => box.checked); boxes.forEach((box) => { box.checked = to; }); apply(); });
    const choice = root.querySelector(".cmap-colour select");
    if (choice) choice.addEventListener("change", () => { byValue = choice.value === "value"; root.classList.toggle("is-by-value", byValue); if (points) recolour(); });
  }

  function measure() {
    const box = stage.getBoundingClientRect();
    if (!box.width || !box.height) return;
    const middle = [view.left + view.width / view.scale / 2, view.top + view.height / view.scale / 2];
    view.width = stage.clientWidth; view.height = stage.clientHeight; view.ratio = Math.min(window.devicePixelRatio || 1, 2);
    canvas.width = Math.round(view.width * view.ratio); canvas.height = Math.round(view.height * view.ratio);
    if (fitted) fit(); else { view.left = middle[0] - view.width / view.scale / 2; view.top = middle[1] - view.height / view.scale / 2; }
    draw();  // at once: resizing clears a canvas, and a page on its way to paper has no next frame
  }
  function chooseRenderer() {
    renderer = root.dataset.renderer === "canvas" ? null : webglRenderer(canvas);
    if (!renderer) {
      const plain = canvas.cloneNode(true);  // a canvas that was asked for WebGL may refuse 2D
      canvas.replaceWith(plain);
      canvas = plain;
      renderer = canvasRenderer(canvas);
    }
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => { renderer = webglRenderer(canvas); renderer.load(points); recolour(); });
    root.dataset.drawnBy = renderer.kind;
  }

  root.style.setProperty("--cmap-aspect", (right - left) / (bottom - top));
  chooseRenderer();
  listenPointer();
  listenKeys();
  listenLegend();
  unpackPoints(part("points").textContent, head).then((unpacked) => {
    points = unpacked;
    colours = new Uint8Array(4 * points.n);
    renderer.load(points);
    note.textContent = points.n ? "" : "No cells on this slide.";
    recolour();
    measure();
    new ResizeObserver(measure).observe(stage);
    root.dataset.state = "ready";
  }).catch((error) => { note.textContent = "The map could not be drawn: " + error.message; root.dataset.state = "failed"; });
}

document.querySelectorAll(".cmap").forEach(startMap);
