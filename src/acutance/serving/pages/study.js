// The way through a study: welcome, examples, one picture after the other, a pause, thanks.

import { Outbox, wait } from "./outbox.js";
import { Shelf } from "./shelf.js";
import { Stage } from "./stage.js";

const BLANK = 250; // milliseconds of plain grey between pictures, so that one is not compared with the last
const AHEAD = 4; // pictures fetched beforehand
const WORDS = ["bad", "poor", "fair", "good", "excellent"];
const base = location.pathname.replace(/\/$/, "");
const one = (name) => document.querySelector(`[data-${name}]`);
const screens = [...document.querySelectorAll("main")];
const counted = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;

let state = null; // as the server gave it
let queue = []; // steps still to do in this session
let doing = null; // the step on the desk
let before = null; // the one answered last, for a correction
let correcting = false;
let turns = 0; // of showing a step; only the latest one is shown
let busy = true; // between pictures no key counts
let since = 0;
let keys = {}; // what a key does on the screen at hand
const troubles = new Set();
let trouble = ""; // stands until it is mended
let passing = ""; // stands for some seconds
let passes = 0;
let question = "";

const stage = new Stage(one("stage"), zoomed);
const shelf = new Shelf(base, line);
const outbox = new Outbox(base, (good, status) => line("answers", good, status), answeredElsewhere);

function screen(name) {
  for (const each of screens) each.hidden = each.id !== name;
  keys = {};
  const heading = document.querySelector(`#${name} [tabindex="-1"]`);
  if (heading && name !== "judge") heading.focus();
}

// ---- what goes wrong -------------------------------------------------------------------------------

function line(what, good, status = 0) {
  if (good && !troubles.delete(what)) return; // there was no such trouble
  if (!good) troubles.add(what);
  const cause = status >= 500 ? "The study has a problem" : "The line is lost";
  trouble = troubles.size ? `${cause}; your answers are kept.` : "";
  if (good) told();
  else hush();
}

function say(text, time) {
  hush();
  passing = text;
  told();
  passes = setTimeout(hush, time);
}

function hush() {
  clearTimeout(passes);
  passing = "";
  told();
}

// On the desk the notice takes the question's place, so that it never covers a picture.
function told() {
  const notice = passing || trouble;
  one("notice").textContent = notice;
  one("notice").hidden = !notice;
  one("question").textContent = notice || question;
  one("question").classList.toggle("told", Boolean(notice));
}

function ask(text) {
  question = text;
  told();
}

async function answeredElsewhere(status) {
  if (await refresh()) {
    await next();
    if (status === 409) say("Answered in another window already; going on.", 5000);
  }
}

async function refresh() {
  for (let pause = 500; ; pause = Math.min(pause * 2, 8000)) {
    try {
      const answer = await fetch(`${base}/state`, { signal: AbortSignal.timeout(15000) });
      if (answer.status === 404) { screen("gone"); return false; }
      if (!answer.ok) throw new Error(answer.status);
      state = await answer.json();
      const sent = outbox.items(); // answered here, on their way
      queue = state.items.filter(({ item }) => !sent.has(item));
      doing = before = null;
      correcting = false;
      line("state", true);
      return true;
    } catch {
      line("state", false);
      await wait(pause);
    }
  }
}

// ---- pictures ------------------------------------------------------------------------------------

async function put(step, from) {
  const turn = ++turns;
  busy = true;
  stage.clear();
  const [images] = await Promise.all([shelf.take(step), wait(from ? BLANK : 0)]);
  if (turn !== turns) return; // another step has taken its place
  images.forEach((image, side) => {
    image.alt = images.length > 1 ? ["the first picture", "the second picture"][side] : "the picture to judge";
  });
  stage.show(images, step.width, step.height);
  since = performance.now();
  busy = false;
}

function zoomed(zoom, arrangement, smaller, larger) {
  one("zoom").textContent = `${zoom}×`;
  one("smaller").disabled = !smaller;
  one("larger").disabled = !larger;
  if (state?.kind === "pairs" && doing) sides(arrangement);
}

// ---- answers ---------------------------------------------------------------------------------------

function buttons(rows) {
  one("answers").replaceChildren(...rows.map(([label, parts, act]) => {
    const button = document.createElement("button");
    button.setAttribute("aria-label", label);
    button.append(...parts.map(([tag, text]) => Object.assign(document.createElement(tag), { textContent: text })));
    button.addEventListener("click", () => act(button));
    return button;
  }));
}

function sides(arrangement) {
  const [first, second] = arrangement === "column" ? ["Upper", "Lower"] : ["Left", "Right"];
  if (one("answers").dataset.first === first && one("answers").childElementCount === 2) return;
  one("answers").dataset.first = first;
  const arrows = first === "Upper" ? ["↑", "↓"] : ["←", "→"];
  buttons([first, second].map((name, side) => [
    `The ${name.toLowerCase()} picture is better`, [["b", arrows[side]], ["span", `${name} is better`]],
    () => answer(side + 1),
  ]));
}

function desk() {
  const scores = state.kind === "scores";
  ask(scores ? "How good does this picture look?" : "Which picture looks better?");
  one("answers").dataset.first = "";
  if (scores) {
    buttons(WORDS.map((word, at) => [`${at + 1}, ${word}`, [["b", at + 1], ["span", word]], () => answer(at + 1)]));
  }
  screen("judge");
  keys = { Backspace: back, "+": () => stage.step(1), "=": () => stage.step(1), "-": () => stage.step(-1) };
  const given = scores ? { 1: 1, 2: 2, 3: 3, 4: 4, 5: 5 } : { ArrowLeft: 1, ArrowUp: 1, ArrowRight: 2, ArrowDown: 2 };
  for (const [key, value] of Object.entries(given)) keys[key] = () => answer(value);
}

function placed() {
  const { session } = state;
  const done = session.total - queue.length;
  one("place").textContent = `${Math.min(done + 1, session.total)} of ${session.total}`;
  one("session").textContent = session.of > 1 ? `session ${session.number} of ${session.of}` : "";
  one("progress").max = session.total;
  one("progress").value = done;
  one("back").disabled = !before || correcting;
}

async function next() {
  if (!queue.length) return ended();
  [doing] = queue;
  if (document.getElementById("judge").hidden || one("answers").childElementCount < 2) desk();
  placed();
  shelf.keep(queue.slice(0, AHEAD));
  await put(doing, true);
  for (const button of one("answers").children) button.classList.remove("chosen");
}

async function answer(value) {
  if (busy || !doing) return;
  busy = true;
  hush();
  one("answers").children[value - 1].classList.add("chosen");
  outbox.put({
    item: doing.item, answer: value, attempt: crypto.getRandomValues(new Uint32Array(4)).join("-"),
    seconds: Math.min(Math.round(performance.now() - since) / 1000, 86400), zoom: stage.zoom, correct: correcting,
  });
  before = doing;
  correcting = false;
  queue.shift();
  await next();
}

async function back() {
  if (busy || !before || correcting) return;
  queue.unshift(before);
  before = null;
  correcting = true;
  await next();
  say("Answer it anew; the new answer counts.", 3000);
}

// ---- screens -------------------------------------------------------------------------------------

function welcome() {
  const scores = state.kind === "scores";
  const left = state.total - state.done;
  for (const each of document.querySelectorAll(".for-scores")) each.hidden = !scores;
  for (const each of document.querySelectorAll(".for-pairs")) each.hidden = scores;
  document.title = state.title;
  one("title").textContent = state.done ? "Welcome back" : state.title;
  const many = scores ? counted(state.total, "picture") : counted(state.total, "pair");
  const parts = state.session.of > 1 ? `, in ${state.session.of} sessions` : "";
  one("lead").textContent = state.done
    ? `${state.done.toLocaleString("en")} of ${state.total.toLocaleString("en")} are done, ${left.toLocaleString("en")} are left.`
    : `You will see ${many}${parts}.${state.examples.length ? " First come examples of a 1 and of a 5." : ""}`;
  one("task").textContent = scores
    ? "Say of each how good it looks to you, from 1 to 5. There is no right answer; go by your first impression."
    : "Of each two, choose the one that looks better to you. There is no right answer; if in doubt, choose all the same.";
  one("begin").textContent = state.done ? "Go on" : "Begin";
  one("examples").hidden = !(state.done && state.examples.length);
  screen("welcome");
  keys = { Enter: begin, " ": begin };
  shelf.keep(state.done || !state.examples.length ? queue.slice(0, AHEAD) : shownExamples().slice(0, AHEAD));
}

function begin() {
  return state.done || !state.examples.length ? start() : examples();
}

async function start() {
  one("answers").replaceChildren();
  await next();
}

const shownExamples = () => state.examples.flatMap(({ pictures, width, height }) =>
  pictures.map((name, high) => ({ pictures: [name], width, height, score: high ? 5 : 1 })));

async function examples() {
  const all = shownExamples();
  let at = 0;
  doing = null;
  const show = async () => {
    if (at >= all.length) return start();
    const { score } = all[at];
    one("place").textContent = `Example ${at + 1} of ${all.length}`;
    one("session").textContent = "";
    one("progress").max = all.length;
    one("progress").value = at;
    ask(`This is a ${score}: ${WORDS[score - 1]}.`);
    shelf.keep([...all.slice(at, at + AHEAD), ...queue.slice(0, 1)]);
    await put(all[at], false);
  };
  const forward = async () => { if (!busy) { at += 1; await show(); } };
  const backward = async () => { if (!busy && at) { at -= 1; await show(); } };
  screen("judge");
  one("back").disabled = true;
  buttons([["Next example", [["span", "Next"]], forward]]);
  one("answers").firstElementChild.className = "single";
  keys = {
    Enter: forward, " ": forward, ArrowRight: forward, ArrowLeft: backward, Backspace: backward,
    "+": () => stage.step(1), "=": () => stage.step(1), "-": () => stage.step(-1),
  };
  await show();
}

async function ended() {
  doing = null;
  stage.clear();
  const { session } = state;
  one("pause").textContent = `Session ${session.number} of ${session.of} is done`;
  one("finish").textContent = "Your last answers are being sent; please leave this page open.";
  screen(session.number < session.of ? "pause" : "finish");
  one("on").disabled = true;
  await outbox.flush();
  if (!(await refresh())) return;
  if (state.done >= state.total) {
    screen("finish");
    one("finish").textContent = `All ${counted(state.total, "answer")} are stored. You can close this page.`;
  } else if (document.getElementById("pause").hidden) {
    welcome();
  } else {
    one("on").disabled = false;
    keys = { Enter: start, " ": start };
    shelf.keep(queue.slice(0, AHEAD));
  }
}

// ---- the beginning -----------------------------------------------------------------------------------

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const onButton = event.target.closest?.("button") && (event.key === "Enter" || event.key === " ");
  if (onButton || !keys[event.key]) return; // a focused button acts itself
  event.preventDefault();
  keys[event.key]();
});
document.addEventListener("visibilitychange", async () => { // the rater may have gone on with another device
  if (document.hidden || !doing || correcting || outbox.waiting().length) return;
  const at = doing.item;
  const answer = await fetch(`${base}/state`).catch(() => null);
  if (!answer?.ok) return;
  const now = await answer.json();
  if (doing?.item !== at || busy || now.items[0]?.item === at) return;
  state = now;
  queue = [...now.items];
  before = null;
  await next();
});
one("begin").addEventListener("click", begin);
one("examples").addEventListener("click", examples);
one("on").addEventListener("click", start);
one("back").addEventListener("click", back);
one("smaller").addEventListener("click", () => stage.step(-1));
one("larger").addEventListener("click", () => stage.step(1));

await outbox.flush();
if (await refresh()) state.done >= state.total ? ended() : welcome();
