// Compare: mark rows that differ while values are typed, and send no request for an incomplete value.
(function () {
  "use strict";
  const number = (text) => (text.trim() === "" ? NaN : Number(text.trim().replace(",", ".").replace("−", "-")));
  const ours = (element) => element.matches && element.matches("form[data-compare]");
  const written = (form) => new URLSearchParams(new FormData(form)).toString();

  function value(control) {
    const parsed = number(control.value);
    return Number.isFinite(parsed) ? String(parsed) : control.value.trim();
  }

  document.addEventListener("input", function (event) {
    const row = event.target.closest("tr[data-predictor]");
    if (!row) return;
    const values = [...row.querySelectorAll("input, select")].map(value);
    const differs = values.some((other) => other !== values[0]);
    row.classList.toggle("differs", differs);
    row.querySelector("[data-differs]").hidden = !differs;
  });

  document.addEventListener("htmx:configRequest", function (event) {
    const form = event.detail.elt;
    const cause = event.detail.triggeringEvent;
    if (!ours(form) || !cause || cause.type !== "input") return;
    const unfinished = [...form.querySelectorAll("[data-range] input")].find((input) => !Number.isFinite(number(input.value)));
    if (!unfinished) return;
    event.preventDefault();
    const label = unfinished.getAttribute("aria-label") || unfinished.labels[0].textContent;
    document.getElementById("status").textContent = "Waiting for a number in " + label + ".";
  });

  document.addEventListener("htmx:beforeRequest", function (event) {
    if (ours(event.detail.elt)) event.detail.xhr.compared = written(event.detail.elt);
  });

  document.addEventListener("htmx:afterSwap", function () {
    if (!document.querySelector("form[data-compare]") || document.getElementById("error-summary")) return;
    document.title = document.title.replace(/^Error: /, "");
  });

  // Do not show an answer to values that have changed since: the next request is already sent.
  document.addEventListener("htmx:beforeSwap", function (event) {
    const form = document.querySelector("form[data-compare]");
    const asked = event.detail.xhr.compared;
    if (form && asked !== undefined && asked !== written(form)) event.detail.shouldSwap = false;
  });
})();
