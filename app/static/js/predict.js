// The predict page: previews while typing, values in the address, the link of an answer, open explanations.
(function () {
  "use strict";
  const byId = (id) => document.getElementById(id);
  const say = (text) => (byId("status").textContent = text);
  const valuesOf = (form) => new URLSearchParams(new FormData(form)).toString();
  // The values of the latest request, and whether its answer's link is to be copied.
  let latest = "";
  let copying = false;

  // The address of the page with the values of the form; an option with its usual value is left out.
  function addressOf(form) {
    const parts = new URLSearchParams();
    const own = form.elements.namedItem("threshold").value === "own";
    for (const [name, value] of new FormData(form)) {
      if (name === "extrapolation" && value === "flag") continue;
      if (name === "own_threshold" && !own) continue;
      if (value !== "") parts.append(name, value);
    }
    return "/?" + parts;
  }

  // Before htmx cancels a request that is under way.
  document.addEventListener("htmx:confirm", function (event) {
    const form = event.detail.elt;
    const cause = event.detail.triggeringEvent;
    if (form.id !== "conditions" || !cause) return;
    const values = valuesOf(form);
    if (cause.type !== "submit") {
      // While a value is half typed ("", "-", "1e") no request is sent; the button always sends one.
      const unfinished = window.ecopredictUnfinished(form);
      byId("answer").classList.toggle("stale", Boolean(unfinished));
      if (unfinished) {
        const label = form.querySelector('label[for="' + CSS.escape(unfinished.id) + '"]').textContent;
        say("Waiting for a number in " + label + ".");
      }
      if (unfinished || values === latest) return event.preventDefault();
    }
    latest = values;
    history.replaceState(history.state, "", addressOf(form));
  });
  document.addEventListener("htmx:configRequest", function (event) {
    const cause = event.detail.triggeringEvent;
    if (event.detail.elt.id === "conditions" && cause && cause.type !== "submit") event.detail.parameters.preview = "1";
  });
  for (const failure of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    document.addEventListener(failure, function () {
      latest = "";
      copying = false;
    });
  }

  // Explanations that are open stay open in the next answer.
  let open = new Set();
  document.addEventListener("htmx:beforeSwap", function (event) {
    // app.js drops an answer to values that have changed since; the same values may come again.
    if (event.detail.shouldSwap === false) latest = "";
    open = new Set([...document.querySelectorAll("#answer details[open] > summary")].map((summary) => summary.textContent));
  });

  function enhance() {
    for (const button of document.querySelectorAll("[data-copy-link]")) button.hidden = false;
  }

  document.addEventListener("htmx:afterSwap", function (event) {
    for (const summary of document.querySelectorAll("#answer details > summary")) {
      if (open.has(summary.textContent)) summary.parentElement.open = true;
    }
    enhance();
    const brief = byId("brief");
    const chip = document.querySelector("#answer .verdict .chip");
    if (brief && chip) {
      const word = document.createElement("span");
      word.className = "brief-word";
      word.textContent = document.querySelector("#answer .verdict-word").textContent;
      const figure = document.querySelector("#answer [data-number=suitability]").textContent;
      brief.replaceChildren(chip.cloneNode(true), word, " " + figure);
    } else if (brief) {
      brief.textContent = byId("answer")?.dataset.brief || "Answer";
    }
    if (event.detail.target.id === "workspace") latest = "";
    if (event.detail.requestConfig?.elt.id !== "conditions") return;
    if (event.detail.xhr.status !== 200) latest = "";
    const button = byId("copy-link");
    if (copying && button?.dataset.permalink) copy(button);
    copying = false;
  });

  function copy(button) {
    const link = location.origin + button.dataset.permalink;
    const copied = function () {
      button.textContent = "Link copied";
      say("The permanent link is copied: " + link);
      setTimeout(() => (button.textContent = "Copy link"), 2500);
    };
    if (navigator.clipboard) navigator.clipboard.writeText(link).then(copied, () => offer(button, link));
    else offer(button, link);
  }

  // Without a clipboard (no HTTPS, or refused) the link is shown, selected.
  function offer(button, link) {
    const bar = button.closest(".answer-bar");
    const text = bar.querySelector(".copy-text") || document.createElement("input");
    text.type = "text";
    text.readOnly = true;
    text.className = "copy-text";
    text.setAttribute("aria-label", "Permanent link");
    text.value = link;
    bar.append(text);
    text.focus();
    text.select();
    say("The browser does not let pages copy. The permanent link is selected; copy it with your keyboard.");
  }

  document.addEventListener("click", function (event) {
    const button = event.target.closest("[data-copy-link]");
    if (!button) return;
    if (button.dataset.permalink) return copy(button);
    copying = true;
    byId("conditions").requestSubmit();
  });
  enhance();
})();
