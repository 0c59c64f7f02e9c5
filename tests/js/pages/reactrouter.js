// A site of React Router: the address changes first; the elements of the last page stay until the next ones are fetched.
import { createElement, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { BrowserRouter, Link, useLocation } from "react-router";

const links = [...document.querySelectorAll("nav a")].map(({ id, pathname }) => ({ id, to: pathname }));

function Page() {
  const { pathname } = useLocation();
  const [html, setHtml] = useState("");
  useEffect(() => {
    let isShown = true;
    fetch(pathname)
      .then((answer) => answer.text())
      .then((text) => {
        const main = new DOMParser().parseFromString(text, "text/html").querySelector("main");
        main.querySelector("nav").remove();
        if (isShown) setHtml(main.innerHTML);
      });
    return () => {
      isShown = false;
    };
  }, [pathname]);
  return createElement("main", { dangerouslySetInnerHTML: { __html: html } });
}

const nav = createElement("nav", null, links.map(({ id, to }) => createElement(Link, { key: id, id, to }, id)));
createRoot(document.getElementById("root")).render(createElement(BrowserRouter, null, nav, createElement(Page)));
