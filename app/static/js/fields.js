// Number fields: mark a value outside the training range, name one that is no number, drag the track, "my last values".
(function () {
  "use strict";
  // As NUMBER in app/web/input_validation.py, with a decimal comma and a minus sign.
  const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$/;

  function number(text, unit) {
    let value = text.trim();
    if (unit && value.endsWith(unit)) value = value.slice(0, -unit.length).trim();
    value = value.replace("−", "-").replace(",", ".");
    return NUMBER.test(value) ? Number(value) : NaN;
  }
  const fieldOf = (input) => input.closest("[data-range]");
  const valueOf = (input) => number(input.value, fieldOf(input).dataset.unit);

  function mark(input) {
    const field = fieldOf(input);
    if (!field) return;
    const low = Number(field.dataset.min);
    const high = Number(field.dataset.max);
    const value = valueOf(input);
    const outside = value < low || value > high;
    field.classList.toggle("field-outside", outside);
    field.querySelector("[data-inside]").hidden = outside;
    field.querySelector("[data-outside]").hidden = !outside;
    // The same arithmetic as the track macro in macros/fields.html.
    const dot = field.querySelector(".track-value");
    const slider = field.querySelector(".slider");
    if (Number.isFinite(value)) {
      const at = 12 + (76 * (value - low)) / (high - low || 1);
      dot.setAttribute("cx", Math.min(98.5, Math.max(1.5, at)).toFixed(1) + "%");
      dot.removeAttribute("visibility");
      if (slider && document.activeElement !== slider) slider.value = value;
    } else {
      dot.setAttribute("visibility", "hidden");
    }
  }

  // The message beside a field, as the server writes it.
  function forgive(input) {
    const message = document.getElementById(input.id + "-error");
    if (!message) return;
    message.remove();
    input.removeAttribute("aria-invalid");
    const others = (input.getAttribute("aria-describedby") || "").split(" ").filter((id) => id && id !== message.id);
    input.setAttribute("aria-describedby", others.join(" "));
    input.closest(".field-wrong")?.classList.remove("field-wrong");
  }

  function blame(input) {
    if (Number.isFinite(valueOf(input))) return forgive(input);
    let message = document.getElementById(input.id + "-error");
    if (!message) {
      message = document.createElement("p");
      message.className = "field-error";
      message.id = input.id + "-error";
      fieldOf(input).append(message);
    }
    const word = document.createElement("span");
    word.className = "field-error-word";
    word.textContent = "Error:";
    message.replaceChildren(word, input.value.trim() ? " Must be a number" : " Enter a value");
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", input.id + "-error " + input.id + "-range");
    fieldOf(input).classList.add("field-wrong");
  }

  const isBox = (element) => element.matches('#conditions [data-range] input[type="text"]');

  document.addEventListener("input", function (event) {
    if (event.target.matches('[data-range] input[type="text"]')) mark(event.target);
    if (isBox(event.target) && Number.isFinite(valueOf(event.target))) forgive(event.target);
    // Values that were changed are no longer those of a starting point.
    if (event.target.matches('#conditions [name^="env."]')) {
      document.querySelector("#conditions .start-from [aria-current]")?.removeAttribute("aria-current");
    }
  });
  // A message moves what lies below it. It waits for the end of a press, which may be on the button there.
  let pressed = false;
  let left = null;
  document.addEventListener("pointerdown", () => (pressed = true), true);
  for (const end of ["pointerup", "pointercancel"]) {
    document.addEventListener(
      end,
      function () {
        pressed = false;
        const input = left;
        left = null;
        if (input) setTimeout(() => input.isConnected && blame(input), 50);
      },
      true,
    );
  }
  document.addEventListener("focusout", function (event) {
    if (!isBox(event.target)) return;
    if (pressed) left = event.target;
    else blame(event.target);
  });

  // The step of a drag or an arrow key: 1, 2 or 5 times a power of ten, about a hundredth of the range.
  function stepOf(field) {
    const raw = (Number(field.dataset.max) - Number(field.dataset.min) || 1) / 100;
    const power = 10 ** Math.floor(Math.log10(raw));
    return power * [1, 2, 5, 10].find((factor) => factor * power >= raw * 0.999);
  }
  function write(input, value, step) {
    input.value = value.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // A drag writes into the box; the box sends its own event.
  document.addEventListener(
    "input",
    function (event) {
      if (!event.target.matches(".slider")) return;
      event.stopPropagation();
      const field = fieldOf(event.target);
      const step = stepOf(field);
      let value = Math.round(Number(event.target.value) / step) * step;
      if (value < Number(field.dataset.min)) value = Math.ceil(Number(field.dataset.min) / step - 1e-9) * step;
      if (value > Number(field.dataset.max)) value = Math.floor(Number(field.dataset.max) / step + 1e-9) * step;
      write(document.getElementById(event.target.dataset.for), value, step);
    },
    true,
  );
  document.addEventListener("change", function (event) {
    if (event.target.matches(".slider") && matchMedia("(pointer: fine)").matches) {
      document.getElementById(event.target.dataset.for).focus();
    }
  });
  document.addEventListener("keydown", function (event) {
    const up = event.key === "ArrowUp";
    if ((!up && event.key !== "ArrowDown") || !isBox(event.target) || event.altKey || event.ctrlKey || event.metaKey) return;
    const value = valueOf(event.target);
    if (!Number.isFinite(value)) return;
    event.preventDefault();
    const field = fieldOf(event.target);
    const step = stepOf(field) * (event.shiftKey ? 10 : 1);
    let next = (Math.round(value / step) + (up ? 1 : -1)) * step;
    if (Number(field.dataset.min) >= 0) next = Math.max(0, next);
    write(event.target, next, stepOf(field));
  });

  // The number in a box with its unit, for compare.js.
  window.ecopredictNumber = (input) => (fieldOf(input) ? valueOf(input) : number(input.value, ""));

  // The first box that does not contain a number yet, for the requests of predict.js.
  window.ecopredictUnfinished = (form) =>
    [...form.querySelectorAll('[data-range] input[type="text"]')].find((input) => !Number.isFinite(valueOf(input)));

  // "My last values": kept in this browser only, by species.
  const key = (form) => "ecopredict.last." + form.dataset.species;

  function read(form) {
    try {
      return JSON.parse(localStorage.getItem(key(form)) || "null");
    } catch (error) {
      return null;
    }
  }

  // A slider over the track, for the pointer alone: the box is the control for the keyboard and for a screen reader.
  function slide(track) {
    const field = fieldOf(track);
    const box = field.querySelector('input[type="text"]');
    const slider = document.createElement("input");
    slider.type = "range";
    slider.className = "slider";
    slider.dataset.for = box.id;
    slider.tabIndex = -1;
    slider.autocomplete = "off";
    slider.setAttribute("aria-hidden", "true");
    slider.step = "any";
    slider.min = field.dataset.min;
    slider.max = field.dataset.max;
    slider.value = valueOf(box);
    track.append(slider);
  }

  function prepare() {
    for (const track of document.querySelectorAll("#conditions .row-track")) if (!track.querySelector(".slider")) slide(track);
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
      input.dispatchEvent(new Event("input", { bubbles: true }));
    }
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
    prepare();
  });
  document.addEventListener("htmx:load", prepare);
  document.addEventListener("DOMContentLoaded", prepare);
  prepare();
})();
