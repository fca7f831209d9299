// Folded parts open where an address leads into them, and on paper.
(function () {
  "use strict";

  // Browsers that open a details element for a fragment do so before this runs; then nothing is left to do.
  function openTarget() {
    let target = null;
    try {
      target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    } catch (error) {
      return;
    }
    if (!target) return;
    let opened = false;
    for (let fold = target.closest("details.fold"); fold; fold = fold.parentElement.closest("details.fold")) {
      if (!fold.open) opened = fold.open = true;
    }
    if (opened) target.scrollIntoView();
  }
  window.addEventListener("hashchange", openTarget);
  openTarget();

  let printed = [];
  window.addEventListener("beforeprint", function () {
    printed = [...document.querySelectorAll("details.odmap-fold:not([open])")];
    for (const fold of printed) fold.open = true;
  });
  window.addEventListener("afterprint", function () {
    for (const fold of printed) fold.open = false;
  });
})();
