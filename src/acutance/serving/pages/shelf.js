// Pictures fetched and decoded before they are needed, tried again until they come.

import { wait } from "./outbox.js";

export class Shelf {
  // onLine(name, good) tells of a picture that does not come, and of one that came after all.
  constructor(base, onLine) {
    this.base = base;
    this.onLine = onLine;
    this.held = new Map(); // the names of a step's pictures -> a promise of them
  }

  take(step) {
    const names = step.pictures.join();
    if (!this.held.has(names)) this.held.set(names, Promise.all(step.pictures.map((name) => this.fetched(name))));
    return this.held.get(names);
  }

  // Fetch these steps and let go of all others.
  keep(steps) {
    const wanted = new Set(steps.map((step) => step.pictures.join()));
    for (const names of this.held.keys()) if (!wanted.has(names)) this.held.delete(names);
    for (const step of steps) this.take(step);
  }

  async fetched(name) {
    for (let tries = 0; ; tries++) {
      const image = new Image();
      image.src = `${this.base}/picture/${name}${tries ? `?${tries}` : ""}`;
      try {
        await image.decode();
        this.onLine(name, true);
        return image;
      } catch {
        this.onLine(name, false);
        await wait(Math.min(500 * 2 ** tries, 8000));
      }
    }
  }
}
