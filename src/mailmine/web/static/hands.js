// Keys and small comforts.
import { _ } from "./texts.js";

function typing(target) {
  return target.closest("input, textarea, select, [contenteditable]");
}

export function help() {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const search = document.querySelector('input[type="search"]');
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select();
  });

  // j and k go down and up: in a list from row to row, on a page from the comment to its neighbours; u goes up to the list.
  document.addEventListener("keydown", (event) => {
    if (!["j", "k", "u"].includes(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(event.target)) return;
    const rows = [...document.querySelectorAll(".comment-row h2 a")];
    if (event.key === "u") document.querySelector('a[rel="up"]')?.click();
    else if (rows.length) {
      const at = rows.indexOf(document.activeElement);
      const next = event.key === "j" ? at + 1 : Math.max(at, 1) - 1;
      rows[Math.min(next, rows.length - 1)].focus();
    } else document.querySelector(event.key === "j" ? 'a[rel="next"]' : 'a[rel="prev"]')?.click();
  });

  // On a phone the pages are named in one line that scrolls: show where we are. Not by scrollIntoView, after which
  // the Tab key would go on from there and pass by the link that skips to the content.
  const here = document.querySelector(".side [aria-current]");
  const line = here?.closest("nav");
  if (line) {
    line.scrollLeft += here.getBoundingClientRect().left - line.getBoundingClientRect().left - line.clientWidth / 2;
  }

  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      const word = button.textContent;
      button.textContent = _("Copied");
      setTimeout(() => (button.textContent = word), 1500);
    });
  }

  for (const button of document.querySelectorAll("button[data-expand]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const all = document.querySelectorAll(`#${button.dataset.expand} details`);
      const open = [...all].some((details) => !details.open);
      for (const details of all) details.open = open;
      button.textContent = open ? _("Collapse all") : _("Expand all");
    });
  }
}
