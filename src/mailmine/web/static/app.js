// What makes the pages livelier. Each page is whole without it.
import { watch } from "./live.js";
import { lengthen } from "./endless.js";
import { tell } from "./times.js";
import { help } from "./hands.js";
import { tryOut } from "./trial.js";

watch();
lengthen();
tell(document);
help();
tryOut();
