// Times in the reader's own zone, and how long ago something was.
import { _ } from "./texts.js";

const DAY = 86_400_000;
const spoken = document.documentElement.lang;
const language = spoken === "en" ? "en-GB" : spoken;
const exact = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "long" });
const hour = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(language, { day: "numeric", month: "short" });
const date = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", year: "numeric" });

function ago(at) {
  const seconds = Math.max(0, Math.round((Date.now() - at) / 1000));
  if (seconds < 60) return _("%(number)d s ago", { number: seconds });
  if (seconds < 3600) return _("%(number)d min ago", { number: Math.floor(seconds / 60) });
  if (seconds < 86_400) return _("%(number)d h ago", { number: Math.floor(seconds / 3600) });
  return _("%(number)d d ago", { number: Math.floor(seconds / 86_400) });
}

function when(at) {
  const now = new Date();
  if (at.toDateString() === now.toDateString()) return hour.format(at);
  return at.getFullYear() === now.getFullYear() ? day.format(at) : date.format(at);
}

const forms = { ago, when, full: (at) => `${date.format(at)}, ${hour.format(at)}` };

function write(time) {
  const at = new Date(time.dateTime);
  const form = forms[time.dataset.form];
  if (form && !Number.isNaN(at.getTime())) time.textContent = form(at);
}

export function tell(root) {
  for (const time of root.querySelectorAll("time[data-form]")) {
    time.title = exact.format(new Date(time.dateTime));
    write(time);
  }
}

setInterval(() => {
  for (const time of document.querySelectorAll('time[data-form="ago"]')) write(time);
}, 1000);

setInterval(() => {
  for (const time of document.querySelectorAll('time[data-form="when"]')) write(time);
}, DAY / 1440);
