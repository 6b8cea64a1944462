// "Test connection": the steps appear beside the form as they are done, and what was typed stays.
import { _ } from "./texts.js";
import { tell } from "./times.js";

const PLAIN = { server: "basic", graph: "client_secret", ews_online: "client_secret" };
const OF_SERVERS = ["basic", "ntlm", "negotiate"];

async function run(button) {
  const list = document.getElementById(button.dataset.trial);
  const form = button.form;
  const words = button.textContent;
  list.hidden = false;
  list.replaceChildren();
  button.disabled = true;
  button.textContent = _("Testing …");
  list.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(button.getAttribute("formaction") ?? form.action, {
      method: "POST",
      headers: { "Mailmine-Fragment": "live" },
      body: new URLSearchParams(new FormData(form)),
    });
    if (!response.ok) throw new Error(String(response.status));
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      text += piece.value;
      const end = text.lastIndexOf("</li>") + 5;
      if (end < 5) continue;
      const holder = document.createElement("template");
      holder.innerHTML = text.slice(0, end);
      text = text.slice(end);
      tell(holder.content);
      list.append(holder.content);
    }
  } catch {
    const item = document.createElement("li");
    item.className = "step is-failed";
    item.textContent = _("The test broke off: mailmine did not answer. Load the page again, and try once more.");
    list.append(item);
  }
  list.removeAttribute("aria-busy");
  button.disabled = false;
  button.textContent = words;
}

export function tryOut() {
  for (const button of document.querySelectorAll("button[data-trial]")) {
    button.addEventListener("click", (event) => {
      event.preventDefault();
      run(button);
    });
  }
  // Another Exchange signs in in another way: begin with its plainest.
  for (const form of document.querySelectorAll("form[data-connection]")) {
    form.addEventListener("change", (event) => {
      if (event.target.name !== "kind") return;
      const kind = event.target.value;
      const chosen = form.querySelector('[name="auth"]:checked')?.value;
      if (OF_SERVERS.includes(chosen) === (kind === "server")) return;
      form.querySelector(`[name="auth"][value="${PLAIN[kind]}"]`).checked = true;
    });
  }
}
