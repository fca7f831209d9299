// Number fields: mark a value outside the training range before it is sent.
(function () {
  "use strict";
  const number = (text) => (text.trim() === "" ? NaN : Number(text.trim().replace(",", ".").replace("−", "-")));

  function mark(input) {
    const field = input.closest("[data-range]");
    if (!field) return;
    const low = Number(field.dataset.min);
    const high = Number(field.dataset.max);
    const value = number(input.value);
    const outside = value < low || value > high;
    field.classList.toggle("field-outside", outside);
    field.querySelector("[data-inside]").hidden = outside;
    field.querySelector("[data-outside]").hidden = !outside;
    // The same arithmetic as the track macro in macros/fields.html.
    const dot = field.querySelector(".track-value");
    if (Number.isFinite(value)) {
      const at = 20 + (60 * (value - low)) / (high - low || 1);
      dot.setAttribute("cx", Math.min(98.5, Math.max(1.5, at)).toFixed(1) + "%");
      dot.removeAttribute("visibility");
    } else {
      dot.setAttribute("visibility", "hidden");
    }
  }

  document.addEventListener("input", function (event) {
    if (event.target.matches("[data-range] input")) mark(event.target);
  });

  // While a value is half typed ("", "-", "1e") no request is sent; the button always sends one.
  document.addEventListener("htmx:configRequest", function (event) {
    const form = event.detail.elt;
    const cause = event.detail.triggeringEvent;
    if (form.id !== "conditions" || !cause || cause.type !== "input") return;
    const unfinished = [...form.querySelectorAll("[data-range] input")].find((input) => !Number.isFinite(number(input.value)));
    document.getElementById("answer").classList.toggle("stale", Boolean(unfinished));
    if (!unfinished) return;
    event.preventDefault();
    const label = form.querySelector('label[for="' + CSS.escape(unfinished.id) + '"]').textContent;
    document.getElementById("status").textContent = "Waiting for a number in " + label + ".";
  });

  // "My last values": kept in this browser only, by species.
  const key = (form) => "ecopredict.last." + form.dataset.species;

  function read(form) {
    try {
      return JSON.parse(localStorage.getItem(key(form)) || "null");
    } catch (error) {
      return null;
    }
  }

  function offerLast() {
    const form = document.getElementById("conditions");
    const entry = form && form.querySelector("[data-last]");
    if (entry) entry.hidden = !read(form);
  }

  document.addEventListener("click", function (event) {
    if (event.target.id !== "start-last") return;
    const form = event.target.closest("form");
    const last = read(form) || {};
    for (const [name, value] of Object.entries(last)) {
      const input = form.elements.namedItem(name);
      if (!input || input.type === "hidden") continue;
      input.value = value;
      mark(input);
    }
    form.requestSubmit();
  });

  document.addEventListener("htmx:afterRequest", function (event) {
    const form = event.detail.elt;
    if (form.id !== "conditions" || !event.detail.successful) return;
    const values = {};
    for (const [name, value] of new FormData(form)) if (name.startsWith("env.")) values[name] = value;
    try {
      localStorage.setItem(key(form), JSON.stringify(values));
    } catch (error) {
      // Without storage "my last values" is not offered.
    }
    offerLast();
  });
  document.addEventListener("htmx:load", offerLast);
  document.addEventListener("DOMContentLoaded", offerLast);
  offerLast();
})();
