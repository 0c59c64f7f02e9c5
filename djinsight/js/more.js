// The second file, for pages that stay open, show more than totals, or have a connection that fails.

import { announce } from "./announce.js";
import { show } from "./periods.js";
import { supervise } from "./supervise.js";

document.currentScript.djinsight = { announce, show, supervise };
