// Shows one or two pictures so that each of their pixels is a whole number of screen dots.

const MOST = 16;
const APART = 10; // half the distance between two pictures

// Browsers round boxes to whole CSS pixels or to whole screen dots, depending on the device. So boxes begin and
// end where both fall together: every "grid" CSS pixels, which are "dots" screen dots (2 and 3 for a ratio of 1.5).
function meeting(ratio) {
  for (let grid = 1; grid <= 64; grid++) {
    const dots = Math.round(grid * ratio);
    if (Math.abs(grid * ratio - dots) < 1e-3) return { grid, dots };
  }
  return { grid: 1, dots: 1 };
}

const divisor = (a, b) => (b ? divisor(b, a % b) : a);
const upTo = (value, step) => Math.ceil(value / step) * step;

// Where a picture begins that leaves some room: in the middle, or close to its partner (side 0 or 1).
function place(room, side) {
  if (room <= 0) return 0;
  if (side === null) return room / 2;
  return side === 0 ? room - Math.min(room, APART) : Math.min(room, APART);
}

export class Stage {
  constructor(root, onZoom) {
    this.root = root;
    this.onZoom = onZoom;
    this.panes = [];
    this.chosen = null; // screen dots per pixel, once the reader has chosen
    this.zoom = 1;
    new ResizeObserver(() => this.layout()).observe(root);
    this.watchRatio();
  }

  // The ratio changes when the window moves to another screen or the page is zoomed.
  watchRatio() {
    const query = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
    query.addEventListener("change", () => { this.layout(); this.watchRatio(); }, { once: true });
  }

  // images: decoded <img> elements of one size, in pixels width x height.
  show(images, width, height) {
    this.width = width;
    this.height = height;
    this.images = images;
    this.panes = images.map((image) => {
      const pane = document.createElement("div");
      pane.className = "pane";
      const canvas = document.createElement("canvas");
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", image.alt);
      pane.append(canvas);
      pane.addEventListener("scroll", () => this.together(pane), { passive: true });
      return pane;
    });
    this.root.replaceChildren(...this.panes);
    this.layout();
    for (const pane of this.panes) { // a picture larger than its pane begins in the middle
      if (pane.classList.contains("fits")) continue;
      pane.scrollLeft = (pane.scrollWidth - pane.clientWidth) / 2;
      pane.scrollTop = (pane.scrollHeight - pane.clientHeight) / 2;
    }
  }

  clear() {
    this.panes = [];
    this.root.replaceChildren();
  }

  step(by) {
    this.chosen = Math.min(MOST, Math.max(1, this.zoom + by));
    this.layout();
  }

  fitting(columns, rows) {
    const ratio = devicePixelRatio;
    const across = Math.floor(this.root.clientWidth / columns) * ratio / this.width;
    const down = Math.floor(this.root.clientHeight / rows) * ratio / this.height;
    return Math.floor(Math.min(across, down) + 1e-6);
  }

  // Two pictures stand side by side or one above the other, whichever leaves them larger.
  arrange() {
    if (this.panes.length < 2) return [this.fitting(1, 1), ""];
    const row = this.fitting(2, 1);
    const column = this.fitting(1, 2);
    const upright = this.root.clientHeight > this.root.clientWidth;
    return column > row || (column === row && upright) ? [column, "column"] : [row, "row"];
  }

  layout() {
    if (!this.panes.length) return;
    const ratio = devicePixelRatio;
    const [most, arrangement] = this.arrange();
    this.root.className = `stage ${arrangement}`;
    // On a dense screen one dot per pixel is too fine to judge: by default as many as make a usual pixel.
    const usual = Math.max(1, Math.min(Math.round(ratio), most));
    this.zoom = this.chosen ?? usual;
    const across = this.width * this.zoom / ratio;
    const down = this.height * this.zoom / ratio;
    const { grid, dots } = meeting(ratio);
    const step = dots / divisor(dots, this.zoom); // so many pixels of the picture end where boxes may end
    this.panes.forEach((pane, side) => {
      const box = pane.getBoundingClientRect();
      const canvas = pane.firstElementChild;
      pane.classList.toggle("fits", across <= box.width && down <= box.height);
      this.draw(canvas, this.images[side], upTo(this.width, step), upTo(this.height, step));
      canvas.style.width = `${canvas.width * this.zoom / ratio}px`;
      canvas.style.height = `${canvas.height * this.zoom / ratio}px`;
      const left = place(box.width - across, arrangement === "row" ? side : null);
      const top = place(box.height - down, arrangement === "column" ? side : null);
      canvas.style.left = `${upTo(box.left + left, grid) - box.left}px`;
      canvas.style.top = `${upTo(box.top + top, grid) - box.top}px`;
      canvas.dataset.dots = `${this.width * this.zoom} ${this.height * this.zoom}`;
    });
    this.onZoom(this.zoom, arrangement, this.zoom > 1, this.zoom < MOST);
  }

  // The picture dot by dot; what the box has more than it stays transparent.
  draw(canvas, image, width, height) {
    if (canvas.width === width && canvas.height === height && canvas.drawn) return;
    canvas.width = width;
    canvas.height = height;
    canvas.getContext("2d").drawImage(image, 0, 0);
    canvas.drawn = true;
  }

  // Two pictures scroll as one.
  together(moved) {
    for (const pane of this.panes) {
      if (pane === moved) continue;
      if (Math.abs(pane.scrollLeft - moved.scrollLeft) > 0.5) pane.scrollLeft = moved.scrollLeft;
      if (Math.abs(pane.scrollTop - moved.scrollTop) > 0.5) pane.scrollTop = moved.scrollTop;
    }
  }
}
