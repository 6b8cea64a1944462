// What scripts say, in the language of the page: English sentences name the messages, as in its catalogue.
const texts = JSON.parse(document.documentElement.dataset.texts ?? "{}");

export function _(message, values = {}) {
  return (texts[message] ?? message).replace(/%\((\w+)\)[ds]/g, (whole, name) => values[name] ?? whole);
}
