// Answers each line of JSON, {text, html}, by the words that a peer of Node finds new in it.
const [name, folder] = process.argv.slice(2);
const find = require("node:module").createRequire(folder + "/any.js");

function cleaner() {
  if (name === "crisp") {
    const found = find("email-reply-parser");
    const Parser = found.default || found;
    return ({ text }) => new Parser().read(text).getVisibleText();
  }
  const planer = find("planer");
  const { JSDOM } = find("jsdom");
  return ({ text, html }) =>
    html === null
      ? planer.extractFrom(text, "text/plain")
      : planer.extractFrom(html, "text/html", new JSDOM().window.document);
}

const clean = cleaner();
require("node:readline")
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    let words = "";
    try {
      words = String(clean(JSON.parse(line)));
    } catch (error) {
      words = "";
    }
    process.stdout.write(JSON.stringify(words) + "\n");
  });
