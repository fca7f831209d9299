// Starts Swagger UI and lets it follow the theme.
(function () {
  "use strict";
  const mount = document.getElementById("swagger");
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  function follow() {
    const theme = document.documentElement.dataset.theme || (system.matches ? "dark" : "light");
    document.documentElement.classList.toggle("dark-mode", theme === "dark");
  }
  follow();
  system.addEventListener("change", follow);
  document.addEventListener("themechange", follow);

  // Swagger UI leaves some select elements without an accessible name.
  new MutationObserver(function () {
    for (const choice of mount.querySelectorAll("select:not([aria-label])")) choice.setAttribute("aria-label", "Media type or value");
  }).observe(mount, { childList: true, subtree: true });

  // Without deep links: they would be links inside buttons.
  window.SwaggerUIBundle({ url: mount.dataset.url, domNode: mount, deepLinking: false, defaultModelsExpandDepth: 0, validatorUrl: null });
})();
