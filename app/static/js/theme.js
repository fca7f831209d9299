// The theme: system unless chosen. Runs before the first paint.
(function () {
  "use strict";
  const key = "ecopredict.theme";
  const order = ["system", "light", "dark"];
  let theme = "system";
  try {
    theme = localStorage.getItem(key) || "system";
  } catch (error) {
    // Storage may be blocked; then use the system's theme.
  }
  if (!order.includes(theme)) theme = "system";

  function apply() {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    document.dispatchEvent(new CustomEvent("themechange"));
  }
  apply();

  document.addEventListener("DOMContentLoaded", function () {
    const button = document.getElementById("theme-switch");
    if (!button) return;
    button.hidden = false;
    button.textContent = "Theme: " + theme;
    button.addEventListener("click", function () {
      theme = order[(order.indexOf(theme) + 1) % order.length];
      button.textContent = "Theme: " + theme;
      apply();
      try {
        localStorage.setItem(key, theme);
      } catch (error) {
        // The choice then lasts for this page only.
      }
    });
  });
})();
