// Answers on their way: kept in this browser until the study's computer says that they are on its disk.

const PATIENCE = 15000; // milliseconds for one answer
const LONGEST = 8000; // between two tries

export const wait = (time) => new Promise((done) => setTimeout(done, time));

export class Outbox {
  // onLine(good) tells of a line lost or found; onTwice(status) of an answer that was not taken.
  constructor(base, onLine, onTwice) {
    this.base = base;
    this.prefix = `acutance${base}/`;
    this.onLine = onLine;
    this.onTwice = onTwice;
    this.memory = new Map(); // where the browser allows no storage
    this.sending = null;
    this.count = 0;
    addEventListener("online", () => this.flush());
    addEventListener("beforeunload", (event) => { if (this.memory.size) event.preventDefault(); });
  }

  put(answer) {
    const key = `${this.prefix}${String(Date.now()).padStart(15, "0")}-${String(this.count++).padStart(6, "0")}`;
    const text = JSON.stringify(answer);
    try {
      localStorage.setItem(key, text);
    } catch {
      this.memory.set(key, text);
    }
    this.flush();
  }

  waiting() {
    const keys = [...this.memory.keys()];
    try {
      keys.push(...Object.keys(localStorage).filter((key) => key.startsWith(this.prefix)));
    } catch { /* no storage: memory is all there is */ }
    return keys.sort();
  }

  items() {
    return new Set(this.waiting().map((key) => JSON.parse(this.text(key) ?? "{}").item));
  }

  text(key) {
    return this.memory.get(key) ?? localStorage.getItem(key);
  }

  drop(key) {
    if (!this.memory.delete(key)) localStorage.removeItem(key);
  }

  // Send everything, oldest first; resolves when nothing is left.
  flush() {
    this.sending ??= this.run().finally(() => { this.sending = null; });
    return this.sending;
  }

  async run() {
    let pause = 500;
    for (let keys = this.waiting(); keys.length; keys = this.waiting()) {
      const text = this.text(keys[0]);
      const status = text === null ? 200 : await this.post(text); // null: another window has sent it
      if (status === 404) return this.onTwice(status); // another study at this address just now: all is kept
      if (status === 200 || status === 409 || status === 422) {
        this.drop(keys[0]);
        this.onLine(true);
        pause = 500;
        if (status !== 200) this.onTwice(status);
      } else {
        this.onLine(false, status);
        await Promise.race([wait(pause), new Promise((done) => addEventListener("online", done, { once: true }))]);
        pause = Math.min(pause * 2, LONGEST);
      }
    }
  }

  async post(text) {
    try {
      const answer = await fetch(`${this.base}/answer`, {
        method: "POST", headers: { "content-type": "application/json" }, body: text,
        signal: AbortSignal.timeout(PATIENCE),
      });
      return answer.status;
    } catch {
      return 0;
    }
  }
}
