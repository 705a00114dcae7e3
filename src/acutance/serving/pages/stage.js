// Shows one or two pictures so that each of their pixels is a whole number of screen dots.

const MOST = 16;
const APART = 10; // half the distance between two pictures

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
    this.panes = images.map((image) => {
      const pane = document.createElement("div");
      pane.className = "pane";
      pane.append(image);
      pane.addEventListener("scroll", () => this.together(pane), { passive: true });
      return pane;
    });
    this.root.replaceChildren(...this.panes);
    this.layout();
    for (const pane of this.panes) { // a picture larger than its pane begins in the middle
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
    this.panes.forEach((pane, side) => {
      const box = pane.getBoundingClientRect();
      const image = pane.firstElementChild;
      pane.classList.toggle("fits", across <= box.width && down <= box.height);
      image.style.width = `${across}px`;
      image.style.height = `${down}px`;
      // Begin on a whole dot, or the browser would smear every pixel over two.
      const left = place(box.width - across, arrangement === "row" ? side : null);
      const top = place(box.height - down, arrangement === "column" ? side : null);
      image.style.left = `${Math.round((box.left + left) * ratio) / ratio - box.left}px`;
      image.style.top = `${Math.round((box.top + top) * ratio) / ratio - box.top}px`;
    });
    this.onZoom(this.zoom, arrangement, this.zoom > 1, this.zoom < MOST);
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
