// Brings one element to what another is, changing as little as possible: focus, selection, scrolling and what somebody has
// typed or ticked stay. Children with an id are the same wherever they stand.

/** Bring `old` to what `fresh` is; `fresh` is taken apart. */
export function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
    old.replaceWith(fresh);
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.isEqualNode(fresh) || old.dataset.keep !== undefined) return;
  attributes(old, fresh);
  children(old, fresh);
}

// These are the visitor's, or set by a script.
const OWN = new Set(["open", "checked", "value", "data-local", "title"]);

function attributes(old, fresh) {
  for (const { name, value } of [...fresh.attributes])
    if (old.getAttribute(name) !== value && !(OWN.has(name) && own(old, name))) old.setAttribute(name, value);
  for (const { name } of [...old.attributes])
    if (!fresh.hasAttribute(name) && !(OWN.has(name) && own(old, name))) old.removeAttribute(name);
}

function own(element, name) {
  if (name === "value") return element.matches("input, select, textarea");
  if (name === "title") return element.matches("time");
  return true;
}

function children(old, fresh) {
  const known = new Map();
  for (const child of old.children) if (child.id) known.set(child.id, child);
  let at = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const same = wanted.id ? known.get(wanted.id) : at && !at.id && at.nodeName === wanted.nodeName ? at : null;
    if (!same) {
      old.insertBefore(wanted, at);
      continue;
    }
    if (same === at) at = at.nextSibling;
    else old.insertBefore(same, at);
    morph(same, wanted);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}
