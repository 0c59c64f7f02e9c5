// The second file: loaded by pages that stay open, and by those whose connection fails.

import { supervise } from "./supervise.js";

document.dispatchEvent(new CustomEvent("djinsight:more", { detail: { supervise } }));
