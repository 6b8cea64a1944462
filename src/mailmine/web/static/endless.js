// The list goes on by itself when its end comes into view; the link does the same without a script.
import { adopt, fragment } from "./live.js";

export function lengthen() {
  const list = document.querySelector("[data-endless]");
  if (!list || !("IntersectionObserver" in window)) return;

  const observer = new IntersectionObserver(
    async (entries) => {
      const link = entries.find((entry) => entry.isIntersecting)?.target;
      if (!link || link.dataset.asked) return;
      link.dataset.asked = "yes";
      try {
        const page = await fragment(link.href);
        const known = new Set([...list.children].map((child) => child.id));
        for (const child of [...page.getElementById(list.id).children]) {
          if (!known.has(child.id)) list.append(adopt(child));
        }
        const next = page.querySelector(".older") ?? page.querySelector(".end");
        link.replaceWith(next);
        if (next.matches(".older")) observer.observe(next);
      } catch {
        delete link.dataset.asked; // it stays a link that can be followed
      }
    },
    { rootMargin: "600px" },
  );
  const link = document.querySelector(".older");
  if (link) observer.observe(link);
}
