// Keeps a page as it would be if it were loaded now. The server tells by server-sent events what happens; what can be shown
// by itself is shown at once, and everything else is looked at again: the page is fetched, and those parts of it that have
// `data-live` and an id are brought to what they are there, in place.
//
//   <main data-refresh="jobs">        look again whenever anything happens to any job
//   <main data-refresh="VX-80">       …to this job
//   <section id="x" data-live>        a part that changes; its parts with ids are told apart by these. While it has
//                                     `data-still` its rows change, but none comes, goes or moves
//   <progress data-progress="VX-80/100">  follows what is told of this step; without a step (VX-80) of any of the job
import { morph } from "./morph.js";

let source = null;
let pace = 2;
let due = 0;
let last = 0;
let looking = false;
const page = () => document.querySelector("[data-refresh]");

function show(state, words) {
  for (const one of document.querySelectorAll("[data-live-state]")) {
    one.dataset.liveState = state;
    one.querySelector("span").textContent = words;
  }
}

/** Look at everything again, soon: never more often than the server bears. */
export function lookAgain(soon = false) {
  if (due || document.hidden) return;
  const wait = soon ? 50 : Math.max(150, last + pace * 1000 * (0.85 + Math.random() * 0.3) - performance.now());
  due = setTimeout(look, wait);
}

async function look() {
  due = 0;
  if (looking) return lookAgain();
  looking = true;
  last = performance.now();
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "manual" });
    if (answer.type === "opaqueredirect" || answer.status === 401) location.reload();
    else if (answer.ok || answer.status === 404) bring(await answer.text());
  } catch {
    // The connection is gone: the stream says so, and looks again when it is back.
  } finally {
    looking = false;
  }
}

function bring(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  if (document.title !== fresh.title) document.title = fresh.title;
  for (const part of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(part.id);
    if (now && part.dataset.still !== undefined) keepRows(part, now);
    else if (now) morph(part, now);
  }
  document.dispatchEvent(new CustomEvent("vidijob:refreshed"));
}

/** Bring rows to what they are, but let none come, go or move; tell how many would. */
function keepRows(part, now) {
  let withheld = 0;
  for (const row of now.querySelectorAll("tbody tr[id]")) {
    const here = document.getElementById(row.id);
    if (here) morph(here, row);
    else withheld += 1;
  }
  document.dispatchEvent(new CustomEvent("vidijob:withheld", { detail: withheld }));
}

function hear(news) {
  const what = page()?.dataset.refresh;
  for (const [job, step, value, total, unit] of news.progress) {
    for (const bar of document.querySelectorAll(`[data-progress="${job}/${step}"], [data-progress="${job}"]`)) {
      bar.max = total || 1;
      bar.value = value;
      bar.dispatchEvent(new CustomEvent("vidijob:progress", { bubbles: true, detail: { value, total, unit } }));
    }
  }
  if (news.changes.length) document.dispatchEvent(new CustomEvent("vidijob:changes", { detail: news.changes }));
  // What is drawn along time grows while a job runs, and tells nobody.
  if (performance.now() - last > 10000 && news.progress.some(([job]) => job === what)) lookAgain();
  if (what === "jobs" ? news.changes.length : news.changes.some(([job]) => job === what)) lookAgain();
}

function connect() {
  if (source || !page()) return;
  let opened = false;
  source = new EventSource(`${document.body.dataset.root}/live`);
  source.addEventListener("open", () => {
    show("on", "Live");
    // What happened before is not told again.
    lookAgain(true);
    opened = true;
  });
  source.addEventListener("error", () => {
    show("off", "Reconnecting");
    if (source?.readyState === EventSource.CLOSED) {
      // The answer was an error, and the browser has given up.
      source = null;
      setTimeout(() => document.hidden || connect(), opened ? 2000 : 8000);
    }
  });
  source.addEventListener("pace", (event) => (pace = JSON.parse(event.data)));
  source.addEventListener("news", (event) => hear(JSON.parse(event.data)));
  source.addEventListener("flood", () => lookAgain());
}

function disconnect() {
  source?.close();
  source = null;
  show("off", "Paused");
}

export function goLive() {
  if (!page()) return;
  // A browser has few connections to a server: a page that nobody sees gives its own back.
  let leaving = 0;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(leaving);
    if (document.hidden) leaving = setTimeout(disconnect, 20000);
    else connect(), lookAgain(true);
  });
  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", connect);
  if (!document.hidden) connect();
}
