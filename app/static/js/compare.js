// Compare: mark rows that differ while values are typed, and send no request for an incomplete value.
(function () {
  "use strict";
  const ours = (element) => element.matches && element.matches("form[data-compare]");
  let compared = "";
  const written = (form) => new URLSearchParams(new FormData(form)).toString();

  function value(control) {
    const parsed = window.ecopredictNumber(control);
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
    const unfinished = [...form.querySelectorAll("[data-range] input")].find((input) => !Number.isFinite(window.ecopredictNumber(input)));
    for (const part of document.querySelectorAll("#compared, #ranking")) part.classList.toggle("stale", Boolean(unfinished));
    if (!unfinished) return;
    event.preventDefault();
    const label = unfinished.getAttribute("aria-label") || unfinished.labels[0].textContent;
    document.getElementById("status").textContent = "Waiting for a number in " + label + ".";
  });

  document.addEventListener("htmx:beforeRequest", function (event) {
    const form = event.detail.elt;
    if (!ours(form)) return;
    // The answer to these values is shown or on its way: another request would only use up the limit. A button with a
    // name, which adds or removes a set, changes what is asked.
    const changesSets = event.detail.requestConfig.triggeringEvent?.submitter?.name;
    if (compared === written(form) && !changesSets) return event.preventDefault();
    event.detail.xhr.compared = compared = written(form);
  });
  for (const failure of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    document.addEventListener(failure, () => (compared = ""));
  }

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
