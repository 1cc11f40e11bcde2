// What every page does: the theme, times that go on counting, shortcuts, and dialogs. Nothing here is needed for reading.
import { goLive } from "./live.js";

const root = document.documentElement;
root.dataset.script = "";

/** The rough length of a time, as words.py says it. */
function roughly(seconds) {
  if (seconds < 5) return "";
  for (const [size, unit, below] of [[1, "s", 60], [60, "min", 3600], [3600, "h", 172800]])
    if (seconds < below) return `${Math.floor(seconds / size)} ${unit}`;
  return `${Math.floor(seconds / 86400)} days`;
}

export function tellTimes(within = document) {
  for (const time of within.querySelectorAll("time[data-ago]")) {
    const at = new Date(time.dateTime);
    const seconds = (Date.now() - at) / 1000;
    const words = roughly(Math.abs(seconds));
    const text = words === "" ? "just now" : seconds > 0 ? `${words} ago` : `in ${words}`;
    if (time.textContent !== text) time.textContent = text;
    if (!time.dataset.local) {
      time.dataset.local = "yes";
      time.title = `${at.toLocaleString()} · ${time.title}`;
    }
  }
}

/** Say something to who does not see the page. */
export function say(words) {
  const spoken = document.getElementById("spoken");
  if (spoken) spoken.textContent = words;
}

function switchTheme(event) {
  const button = event.target.closest("[data-theme-to]");
  if (!button) return;
  event.preventDefault();
  root.dataset.theme = button.value;
  document.cookie = `vidijob_theme=${button.value}; path=${document.body.dataset.root}; max-age=31536000; samesite=lax`;
}

function openDialog(event) {
  const opener = event.target.closest("[data-open]");
  if (opener) document.getElementById(opener.dataset.open)?.showModal();
}

// Shortcuts: anything with data-key can be reached by it; "g j" is one key after the other.
let pressed = "";
let forget = 0;
const TYPING = "input:not([type=checkbox]), select, textarea, [contenteditable]";

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches?.(TYPING)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Escape") document.querySelector("details[data-menu][open], details.times[open]")?.removeAttribute("open");
  pressed = pressed === "g" ? `g ${event.key}` : event.key;
  clearTimeout(forget);
  forget = setTimeout(() => (pressed = ""), 1200);
  if (pressed === "?") document.getElementById("keys")?.showModal();
  else if (pressed === "/") document.querySelector("[data-search]")?.focus();
  else {
    const target = [...document.querySelectorAll("[data-key]")].find(
      (one) => one.dataset.key === pressed && one.checkVisibility());
    if (!target) return;
    if (target.matches(TYPING)) target.focus();
    else target.click();
  }
  event.preventDefault();
}

function listKeys() {
  const list = document.querySelector("[data-keys]");
  const known = new Set();
  for (const one of document.querySelectorAll("[data-key][data-key-words]")) {
    if (!list || known.has(one.dataset.key)) continue;
    known.add(one.dataset.key);
    const row = document.createElement("div");
    const term = document.createElement("dt");
    for (const key of one.dataset.key.split(" ")) {
      const cap = document.createElement("kbd");
      cap.textContent = key;
      term.append(cap, " ");
    }
    const words = document.createElement("dd");
    words.textContent = one.dataset.keyWords;
    row.append(term, words);
    list.append(row);
  }
}

document.addEventListener("click", switchTheme);
document.addEventListener("click", openDialog);
document.addEventListener("keydown", onKey);
document.addEventListener("vidijob:refreshed", () => tellTimes());
listKeys();
tellTimes();
setInterval(tellTimes, 5000);
// A notice is for once: it does not come back with the page.
if (document.querySelector("[data-notice]")) {
  const here = new URL(location.href);
  here.searchParams.delete("did");
  history.replaceState(null, "", here);
}
goLive();
