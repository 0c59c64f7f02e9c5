// The second file: loaded by pages that stay open, or show more than totals, and by those whose connection fails.

import { announce } from "./announce.js";
import { show } from "./periods.js";
import { supervise } from "./supervise.js";

document.currentScript.djinsight = { announce, show, supervise };
