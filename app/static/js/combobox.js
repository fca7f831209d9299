// The species box: the ARIA combobox pattern over a list of real links that the server draws.
(function () {
  "use strict";
  // Whether Enter waits for the list, and whether the latest press was within the box.
  let taking = false;
  let within = false;
  const input = (element) => {
    const box = element.closest && element.closest("[data-combobox]");
    return box && box.querySelector('[role="combobox"]');
  };
  const list = () => document.getElementById("species-options");
  const options = () => [...list().querySelectorAll('[role="option"]')];

  function show(box, open) {
    list().hidden = !open;
    const listbox = document.getElementById("species-listbox");
    box.setAttribute("aria-expanded", String(open && Boolean(listbox)));
    box.setAttribute("aria-controls", listbox ? "species-listbox" : "species-options");
    if (!open) select(box, null);
  }

  // A line under the box until something else is typed.
  function note(box, text) {
    const field = box.closest(".field");
    field.querySelector(".not-chosen")?.remove();
    if (!text) return;
    const line = document.createElement("p");
    line.className = "small warning-text not-chosen";
    line.textContent = text;
    field.querySelector("[data-combobox]").after(line);
    document.getElementById("status").textContent = text;
  }

  function select(box, option) {
    for (const other of options()) other.setAttribute("aria-selected", String(other === option));
    if (option) {
      box.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else {
      box.removeAttribute("aria-activedescendant");
    }
  }

  function move(box, step) {
    const all = options();
    if (!all.length) return;
    const at = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
    select(box, all[at < 0 ? (step > 0 ? 0 : all.length - 1) : (at + step + all.length) % all.length]);
  }

  document.addEventListener("keydown", function (event) {
    const box = event.target.matches('[role="combobox"]') ? event.target : null;
    if (!box || event.isComposing) return;
    const open = !list().hidden;
    const active = options().find((option) => option.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (open) move(box, event.key === "ArrowDown" ? 1 : -1);
      else if (window.htmx) htmx.ajax("GET", "/species?pick=1&q=", { target: "#species-options", swap: "outerHTML" });
    } else if (event.key === "Enter" && open && active) {
      event.preventDefault();
      active.click();
    } else if (event.key === "Enter" && window.htmx && box.value.trim() !== "") {
      // The list may still be that of an earlier text.
      event.preventDefault();
      taking = true;
      htmx.ajax("GET", "/species?pick=1&q=" + encodeURIComponent(box.value), { target: "#species-options", swap: "outerHTML" });
    } else if (event.key === "Escape" && open) {
      event.preventDefault();
      show(box, false);
    } else if (event.key === "Tab") {
      show(box, false);
    }
  });

  document.addEventListener("htmx:afterSwap", function (event) {
    if (event.detail.target.id !== "species-options") return;
    const box = document.getElementById("species-q");
    show(box, document.activeElement === box);
    const count = options().length;
    if (taking && count === 1) return;
    taking = false;
    document.getElementById("status").textContent = count ? count + " species, use the arrow keys" : "No species found";
  });
  // Only after htmx has prepared the new list does a click on its link keep the page and the values.
  document.addEventListener("htmx:afterSettle", function () {
    if (!taking) return;
    taking = false;
    if (options().length === 1) options()[0].click();
  });
  // Without a choice the box names the species shown again. A press within the box (the list, the button) is no leaving.
  document.addEventListener("pointerdown", (event) => (within = Boolean(input(event.target))));
  document.addEventListener("focusout", function (event) {
    const box = input(event.target);
    const leaving = box && !within && !(event.relatedTarget && input(event.relatedTarget));
    within = false;
    if (!leaving) return;
    show(box, false);
    if (!box.dataset.shown || box.value === box.dataset.shown) return;
    const typed = box.value.trim();
    box.value = box.dataset.shown;
    if (typed) note(box, "“" + typed + "” was not chosen from the list: the species is still " + box.dataset.shown + ".");
  });
  document.addEventListener("input", function (event) {
    if (event.target.matches('[role="combobox"]')) note(event.target, "");
  });
  document.addEventListener("focusin", function (event) {
    if (event.target.matches('[role="combobox"]')) event.target.select();
  });
  document.addEventListener("click", function (event) {
    const box = document.getElementById("species-q");
    if (box && !input(event.target)) show(box, false);
  });
})();
