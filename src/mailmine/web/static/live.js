// Live regions: the server says what changed, and the page asks for those parts of itself anew.
import { tell } from "./times.js";

const QUIET = 1500; // milliseconds between two refreshes, however much happens,
const SHARE = 10; // or this many times as long as the last one took, if that is longer
const served = new WeakMap(); // element → its HTML as the server sent it, before times were rewritten

export async function fragment(address) {
  const response = await fetch(address, { headers: { "Mailmine-Fragment": "live" } });
  if (!response.ok) throw new Error(`${response.status} for ${address}`);
  const holder = document.createElement("template");
  holder.innerHTML = await response.text();
  return holder.content;
}

export function remember(elements) {
  for (const element of elements) served.set(element, element.outerHTML);
}

export function adopt(element) {
  served.set(element, element.outerHTML);
  tell(element);
  return element;
}

function replace(known, fresh) {
  const focused = known.contains(document.activeElement) ? document.activeElement.id : "";
  for (const open of known.matches("details[open]") ? [known] : known.querySelectorAll("details[open]")) {
    const twin = open.id && (fresh.id === open.id ? fresh : fresh.querySelector(`#${CSS.escape(open.id)}`));
    if (twin) twin.open = true;
  }
  known.replaceWith(fresh);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

// Children are told apart by their id. In an endless list those that the fresh page lacks stay.
function merge(region, fresh) {
  const known = new Map([...region.children].map((child) => [child.id, child]));
  const children = [...fresh.children];
  const joins = !("endless" in region.dataset) || children.some((child) => known.has(child.id));
  if (!joins) {
    region.replaceChildren(...children.map(adopt));
    return children.length;
  }
  let place = region.firstElementChild;
  let added = 0;
  for (const child of children) {
    const html = child.outerHTML;
    const before = known.get(child.id);
    known.delete(child.id);
    if (!before) {
      region.insertBefore(adopt(child), place);
      child.classList.add("is-new");
      added += 1;
      continue;
    }
    if (before === place) place = place.nextElementSibling;
    else region.insertBefore(before, place);
    if (served.get(before) !== html) replace(before, adopt(child));
  }
  if (!("endless" in region.dataset)) for (const gone of known.values()) gone.remove();
  return added;
}

async function refresh() {
  const page = await fragment(location.href);
  for (const region of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(region.id);
    if (!fresh) continue;
    const added = merge(region, fresh);
    const status = document.getElementById("status");
    if (added && status && region.dataset.say) status.textContent = `${region.dataset.say}: ${added}`;
  }
}

function concerns(change) {
  return [...document.querySelectorAll("[data-live]")].some((region) =>
    region.dataset.live.split(" ").some((topic) => change.includes(topic)),
  );
}

export function watch() {
  const regions = document.querySelectorAll("[data-live]");
  if (!regions.length || !("EventSource" in window)) return;
  for (const region of regions) remember(region.children);

  let source = null;
  let timer = 0;
  let next = 0; // not before

  function soon() {
    if (timer) return;
    timer = setTimeout(async () => {
      const began = Date.now();
      try {
        await refresh();
      } catch {
        // The server is away or the session ended: the page stays as it is, the next event asks again.
      }
      next = Date.now() + Math.max(QUIET, SHARE * (Date.now() - began));
      timer = 0;
    }, Math.max(0, next - Date.now()));
  }

  function open() {
    if (source) return;
    source = new EventSource(document.body.dataset.events);
    source.addEventListener("change", (event) => {
      if (concerns(JSON.parse(event.data))) soon();
    });
    source.addEventListener("open", () => {
      document.documentElement.setAttribute("data-live-open", "");
      // What was under way when the page was made may have ended before anybody listened.
      if (document.querySelector("[data-live] progress")) soon();
    });
  }

  function close() {
    source?.close();
    source = null;
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) close();
    else {
      open();
      soon();
    }
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  if (!document.hidden) open();
}
