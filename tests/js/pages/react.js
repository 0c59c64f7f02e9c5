// React hydrates what the server rendered, and is told at once to render it in another place: it makes it all anew.
import { createElement } from "react";
import { hydrateRoot } from "react-dom/client";

const root = document.getElementById("root");
const html = root.firstChild.innerHTML;
const page = () => createElement("div", { dangerouslySetInnerHTML: { __html: html } });
// React tells the page of the update that came before it had hydrated.
const options = { onRecoverableError: () => {} };
hydrateRoot(root, page(), options).render(createElement("section", null, page()));
