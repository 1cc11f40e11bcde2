// The table of jobs: states change at once, rows keep still under the pointer, and what is selected stays so.
import { lookAgain } from "./live.js";
import { say } from "./frame.js";

const found = document.getElementById("found");
const bar = document.querySelector("[data-selected]");
const newer = document.querySelector("[data-newer]");
const boxes = () => [...found.querySelectorAll("tbody input[type=checkbox]")];

function count() {
  const chosen = boxes().filter((box) => box.checked).length;
  if (bar) {
    bar.toggleAttribute("data-any", chosen > 0);
    bar.querySelector("[data-selected-count]").textContent = chosen;
  }
  const all = found.querySelector("[data-select-all]");
  if (all) {
    all.checked = chosen > 0 && chosen === boxes().length;
    all.indeterminate = chosen > 0 && !all.checked;
  }
  hold();
}

// While somebody points at a row, has selected some, or moves through them by keys, rows neither come, go nor move.
let pointed = false;
function hold() {
  const still = pointed || boxes().some((box) => box.checked) || found.contains(document.activeElement);
  if (still) found.dataset.still = "";
  else if (found.dataset.still !== undefined) {
    delete found.dataset.still;
    if (!newer.hidden) lookAgain(true);
  }
}

let before = null;
found.addEventListener("click", (event) => {
  const box = event.target.closest("tbody input[type=checkbox]");
  if (!box) return;
  const all = boxes();
  if (event.shiftKey && before && all.includes(before)) {
    const [from, to] = [all.indexOf(before), all.indexOf(box)].sort((a, b) => a - b);
    for (const one of all.slice(from, to + 1)) one.checked = box.checked;
  }
  before = box;
});
found.addEventListener("change", (event) => {
  if (event.target.matches("[data-select-all]")) for (const box of boxes()) box.checked = event.target.checked;
  count();
});
found.addEventListener("pointerenter", () => { pointed = true; hold(); });
found.addEventListener("pointerleave", () => { pointed = false; hold(); });
found.addEventListener("focusin", hold);
found.addEventListener("focusout", () => setTimeout(hold));
document.querySelector("[data-select-none]")?.addEventListener("click", () => {
  for (const box of boxes()) box.checked = false;
  count();
});

newer.addEventListener("click", () => {
  for (const box of boxes()) box.checked = false;
  document.activeElement.blur?.();
  pointed = false;
  newer.hidden = true;
  count();
  lookAgain(true);
});
document.addEventListener("vidijob:withheld", (event) => {
  newer.hidden = event.detail === 0;
  newer.querySelector("span").textContent = event.detail === 1 ? "1 more job" : `${event.detail} more jobs`;
});
document.addEventListener("vidijob:refreshed", count);

document.addEventListener("vidijob:changes", (event) => {
  for (const [job, step, state] of event.detail) {
    const cell = step === null && document.querySelector(`[data-state-of="${CSS.escape(job)}"]`);
    const badge = cell && document.getElementById("badges").content.querySelector(`[data-state="${state}"]`);
    if (badge && cell.firstElementChild?.title !== state) {
      cell.replaceChildren(badge.firstElementChild.cloneNode(true));
      if (cell.closest("tr").contains(document.activeElement)) say(`${job} is ${state}`);
    }
  }
});

// j and k go through the rows, x selects one, Enter opens it.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input:not([type=checkbox]), select")) return;
  const rows = [...found.querySelectorAll("tbody tr")];
  const at = rows.indexOf(document.activeElement.closest?.("tr"));
  if (event.key === "j" || event.key === "k") {
    const next = rows[at < 0 ? 0 : Math.min(Math.max(at + (event.key === "j" ? 1 : -1), 0), rows.length - 1)];
    next?.querySelector(".c-id a").focus();
  } else if (event.key === "x" && at >= 0) {
    rows[at].querySelector("input")?.click();
  }
});
count();
