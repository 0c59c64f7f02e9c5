// A site of Vue Router: the elements of the last page go at once, and the next ones come when they are fetched.
import { createApp, h, ref, watch } from "vue";
import { createRouter, createWebHistory, RouterLink, useRoute } from "vue-router";

const links = [...document.querySelectorAll("nav a")].map(({ id, pathname }) => ({ id, to: pathname }));

const Page = {
  setup() {
    const route = useRoute();
    const html = ref("");
    const show = async (path) => {
      html.value = "";
      const text = await (await fetch(path)).text();
      const main = new DOMParser().parseFromString(text, "text/html").querySelector("main");
      main.querySelector("nav").remove();
      if (route.path === path) html.value = main.innerHTML;
    };
    watch(() => route.path, show, { immediate: true });
    return () => h("main", { innerHTML: html.value });
  },
};
const App = {
  render: () => [h("nav", links.map(({ id, to }) => h(RouterLink, { id, to }, () => id))), h(Page)],
};
const router = createRouter({ history: createWebHistory(), routes: [{ path: "/:rest(.*)*", component: Page }] });
router.replace(location.pathname).then(() => createApp(App).use(router).mount("#root"));
