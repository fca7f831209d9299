// Page behaviour around HTMX swaps: status line, problem messages, changed figures, copy buttons.
(function () {
  "use strict";
  const byId = (id) => document.getElementById(id);
  let before = {};

  function figures() {
    const found = {};
    for (const element of document.querySelectorAll("[data-number]")) found[element.dataset.number] = element.textContent;
    return found;
  }

  function enhance() {
    if (!navigator.clipboard) return;
    for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
  }

  document.addEventListener("htmx:beforeRequest", function (event) {
    byId("problem").replaceChildren();
    // The values of the request, to detect changes made before its answer arrives.
    const form = event.detail.elt;
    if (form.id !== "conditions") return;
    event.detail.xhr.asked = new URLSearchParams(new FormData(form)).toString();
    event.detail.xhr.storing = event.detail.requestConfig.triggeringEvent?.type === "submit";
  });

  document.addEventListener("htmx:beforeSwap", function (event) {
    before = figures();
    // An error message never replaces a form or an answer, whatever its status.
    if (event.detail.serverResponse.includes('id="problem-message"')) {
      event.detail.target = byId("problem");
      event.detail.swapOverride = "innerHTML";
    }
    const form = byId("conditions");
    const asked = event.detail.xhr.asked;
    // A stored answer is shown even so, because its link would be lost.
    const kept = event.detail.xhr.storing && event.detail.xhr.status === 200;
    if (form && asked && !kept && asked !== new URLSearchParams(new FormData(form)).toString()) {
      event.detail.shouldSwap = false;
    }
  });

  // An answer means that every value was valid: remove earlier messages.
  function forgive() {
    const form = byId("predict-form");
    byId("error-summary")?.remove();
    for (const message of form.querySelectorAll(".field-error")) message.remove();
    for (const field of form.querySelectorAll(".field-wrong")) field.classList.remove("field-wrong");
    for (const input of form.querySelectorAll("[aria-invalid]")) {
      input.removeAttribute("aria-invalid");
      const others = (input.getAttribute("aria-describedby") || "").split(" ").filter((id) => byId(id));
      if (others.length) input.setAttribute("aria-describedby", others.join(" "));
      else input.removeAttribute("aria-describedby");
    }
    document.title = document.title.replace(/^Error: /, "");
  }

  document.addEventListener("htmx:afterSwap", function (event) {
    if (event.detail.requestConfig?.elt.id === "conditions" && [200, 409].includes(event.detail.xhr.status)) forgive();
    for (const element of document.querySelectorAll("[data-number]")) {
      const old = before[element.dataset.number];
      if (old === undefined || old === element.textContent) continue;
      element.classList.add("changed");
      setTimeout(() => element.classList.remove("changed"), 900);
    }
    enhance();
  });

  // The status line announces the outermost swapped element.
  document.addEventListener("htmx:load", function (event) {
    const said = event.detail.elt.dataset && event.detail.elt.dataset.status;
    if (said && event.detail.elt !== document.body && byId("status").textContent !== said) byId("status").textContent = said;
  });

  // On a slow connection a choice can be made before the scripts are there to notice it. It counts from now.
  function isChanged(control) {
    if (control.type === "radio") return control.checked && !control.defaultChecked;
    if (control.type === "checkbox") return control.checked !== control.defaultChecked;
    const options = [...control.options];
    // where no option is marked, a list that shows one option begins with the first that can be chosen
    const isMarked = options.some((option) => option.defaultSelected);
    const first = isMarked || control.multiple || control.size > 1 ? -1 : options.findIndex((option) => !option.disabled);
    return options.some((option, at) => option.selected !== (option.defaultSelected || at === first));
  }
  document.addEventListener("htmx:load", function (event) {
    if (event.detail.elt !== document.body) return;
    for (const control of document.querySelectorAll("select, input[type=checkbox], input[type=radio]")) {
      if (!isChanged(control)) continue;
      for (const type of ["input", "change"]) control.dispatchEvent(new Event(type, { bubbles: true }));
    }
  });

  // After a form was sent, focus goes to its messages: the summary, or the first wrong field. Where the answer has replaced
  // the button that was pressed, and nothing is wrong, focus goes to the answer, because it would be lost otherwise.
  document.addEventListener("htmx:afterSettle", function (event) {
    const focused = document.activeElement;
    const isLost = !focused || focused === document.body;
    if (event.detail.requestConfig?.triggeringEvent?.type !== "submit" || !(isLost || focused.type === "submit")) return;
    const part = event.detail.target?.isConnected ? event.detail.target : event.target;
    const wrong = part.querySelector('.notice-error[tabindex="-1"]') || part.querySelector('[aria-invalid="true"]');
    if (!wrong && !isLost) return;
    const aim = wrong?.matches("fieldset") ? wrong.querySelector("input") : wrong || part;
    if (!aim.matches("a, button, input, select, textarea, [tabindex]")) aim.tabIndex = -1;
    aim.focus();
  });

  function problem(title, text) {
    const section = document.createElement("section");
    section.className = "notice notice-error";
    const heading = document.createElement("h2");
    heading.className = "notice-title";
    heading.textContent = title;
    const paragraph = document.createElement("p");
    paragraph.textContent = text;
    section.append(heading, paragraph);
    byId("problem").replaceChildren(section);
  }
  document.addEventListener("htmx:sendError", () => problem("No connection to the server", "Your values are kept. Check the connection and press Predict again."));
  document.addEventListener("htmx:timeout", () => problem("The server takes too long", "Your values are kept. Wait a little and press Predict again."));

  document.addEventListener("click", function (event) {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    navigator.clipboard.writeText(byId(button.dataset.copy).textContent).then(
      () => (byId("status").textContent = "Copied."),
      () => (byId("status").textContent = "Copying was refused; select the text instead."),
    );
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });

  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape") byId("problem").replaceChildren();
  });
  enhance();
})();
