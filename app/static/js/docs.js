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

  window.SwaggerUIBundle({ url: mount.dataset.url, domNode: mount, deepLinking: true, defaultModelsExpandDepth: 0, validatorUrl: null });
})();
