// The predict page: previews while typing, values in the address, the link of an answer, open explanations.
(function () {
  "use strict";
  const byId = (id) => document.getElementById(id);
  const say = (text) => (byId("status").textContent = text);
  const DOUBLE_MS = 1000;
  const valuesOf = (form) => new URLSearchParams(new FormData(form)).toString();
  // The values of the latest request, and whether its answer's link is to be copied.
  let latest = "";
  let copying = false;
  // The values of the answer that is shown, and those of the latest press of Predict with its time.
  let answered = byId("conditions") ? valuesOf(byId("conditions")) : "";
  let stored = { values: "", at: 0 };
  // Number of answers under way that are to be stored, and the preview that waits until they have come.
  let storing = 0;
  let waiting = null;

  // The address of the page with the values of the form; an option with its usual value is left out.
  function addressOf(form) {
    const parts = new URLSearchParams();
    const own = form.elements.namedItem("threshold").value === "own";
    const filled = byId("filled");
    const isPlace = Boolean(byId("where-place")?.checked);
    const ofPlace = isPlace && Boolean(filled?.value);
    for (const [name, value] of new FormData(form)) {
      // A place stands for the values of its layers.
      if (["where", "place", "filled", "shown"].includes(name)) continue;
      if (isPlace ? name.startsWith("env.") : name === "scenario") continue;
      if (name === "extrapolation" && value === "flag") continue;
      if (name === "own_threshold" && !own) continue;
      // An empty field stays in the address, so that it comes back empty and not with a typical value.
      if (value !== "" || name.startsWith("env.")) parts.append(name, value);
    }
    if (ofPlace) {
      parts.append("lat", filled.dataset.lat);
      parts.append("lon", filled.dataset.lon);
    } else if (isPlace) {
      // A place that was refused comes back as it was typed.
      parts.append("where", "place");
      parts.append("place", byId("place").value);
    }
    return "/?" + parts;
  }

  // A threshold of one's own needs a number before anything is asked.
  function unfinishedThreshold(form) {
    const box = form.elements.namedItem("own_threshold");
    if (form.elements.namedItem("threshold").value !== "own") return null;
    return box.value.trim() !== "" && Number.isFinite(Number(box.value.trim().replace(",", "."))) ? null : box;
  }

  // Coordinates need two numbers before anything is asked.
  function unfinishedPlace() {
    const box = byId("place");
    return box && byId("where-place").checked && !/\d.*[^\d.].*\d/.test(box.value) ? box : null;
  }

  // Before htmx cancels a request that is under way.
  document.addEventListener("htmx:confirm", function (event) {
    const form = event.detail.elt;
    const cause = event.detail.triggeringEvent;
    if (form.id !== "conditions" || !cause) return;
    const values = valuesOf(form);
    if (cause.type !== "submit") {
      // While a value is half typed ("", "-", "1e") no request is sent; the button always sends one.
      const unfinished = unfinishedPlace() || window.ecopredictUnfinished(form) || unfinishedThreshold(form);
      for (const part of [byId("answer"), byId("brief")]) part?.classList.toggle("stale", Boolean(unfinished));
      if (unfinished) {
        const label = form.querySelector('label[for="' + CSS.escape(unfinished.id) + '"]')?.textContent;
        say(label ? "Waiting for a number in " + label + "." : "Waiting for latitude and longitude.");
      }
      if (unfinished || values === latest) return event.preventDefault();
      // A preview would cancel the request: the answer would be stored, and its link lost.
      if (storing) {
        waiting = event.detail.issueRequest;
        return event.preventDefault();
      }
    } else {
      // The second press of a double click would store the same answer again.
      if (values === stored.values && Date.now() - stored.at < DOUBLE_MS) return event.preventDefault();
      stored = { values, at: Date.now() };
      storing += 1;
    }
    latest = values;
  });
  // After the answer is painted: a change of the address takes Chromium 10 to 20 ms.
  document.addEventListener("htmx:afterRequest", function (event) {
    if (event.detail.requestConfig?.elt?.id !== "conditions") return;
    if (event.detail.xhr.storing) storing -= 1;
    // After htmx has let go of the request that has ended.
    if (waiting && !storing) {
      setTimeout(function (preview) {
        if (!byId("conditions") || valuesOf(byId("conditions")) === latest) return;
        latest = valuesOf(byId("conditions"));
        preview(true);
      }, 0, waiting);
      waiting = null;
    }
    requestAnimationFrame(() =>
      setTimeout(function () {
        const form = byId("conditions");
        if (form) history.replaceState(history.state, "", addressOf(form));
      }),
    );
  });
  document.addEventListener("htmx:configRequest", function (event) {
    const cause = event.detail.triggeringEvent;
    if (event.detail.elt.id === "conditions" && cause && cause.type !== "submit") event.detail.parameters.preview = "1";
    // Another species of the study keeps the values of the place.
    const chosen = event.detail.elt.closest("a.option");
    if (chosen && byId("conditions")?.dataset.study === chosen.dataset.study) {
      for (const [name, value] of new URLSearchParams(addressOf(byId("conditions")).slice(2))) {
        if (name !== "species") event.detail.parameters[name] = value;
      }
    }
    // Another starting point keeps the threshold and what is chosen for conditions outside.
    if (event.detail.elt.matches(".start-from a") && byId("conditions")) {
      for (const [name, value] of new URLSearchParams(addressOf(byId("conditions")).slice(2))) {
        if (["threshold", "own_threshold", "extrapolation"].includes(name)) event.detail.parameters[name] = value;
      }
    }
  });
  for (const failure of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    document.addEventListener(failure, function () {
      latest = "";
      copying = false;
      stored = { values: "", at: 0 };
      // What is shown is the answer to earlier values.
      if (byId("conditions") && valuesOf(byId("conditions")) !== answered) byId("answer")?.classList.add("stale");
    });
  }

  // Explanations that are open stay open in the next answer.
  let open = new Set();
  document.addEventListener("htmx:beforeSwap", function (event) {
    // app.js drops an answer to values that have changed since; the same values may come again.
    if (event.detail.shouldSwap === false) latest = "";
    open = new Set([...document.querySelectorAll("#answer details[open] > summary")].map((summary) => summary.textContent));
  });

  // A number in the box means the threshold in it.
  document.addEventListener("input", function (event) {
    if (event.target.id !== "own-threshold" || !event.target.value.trim()) return;
    event.target.form.elements.namedItem("threshold").value = "own";
  });

  // Coordinates and a scenario mean the place; a value means conditions.
  document.addEventListener("input", function (event) {
    const place = byId("place");
    if (!place || !event.target.form || event.target.form.id !== "conditions") return;
    if (event.target === place || (event.target.id === "scenario" && place.value.trim())) {
      byId("where-place").checked = true;
      document.querySelector("#conditions .start-from [aria-current]")?.removeAttribute("aria-current");
    } else if (event.target.id === "scenario" && byId("where-conditions").checked) {
      note(event.target.value ? "lacksPlace" : "usual");
    } else if (event.target.name.startsWith("env.") && byId("where-place").checked) {
      byId("where-conditions").checked = true;
      leavePlace();
      note("edited");
    } else if (event.target.id === "where-conditions") {
      leavePlace();
    } else if (event.target.id === "where-place") {
      byId("filled").value = "";
      const scenario = byId("scenario");
      if (scenario && !scenario.value) scenario.value = scenario.dataset.left || "";
      if (!place.value.trim()) place.focus();
    }
  });

  // The server takes coordinates that differ from the field "shown" for typed ones.
  function leavePlace() {
    byId("filled").value = "";
    byId("place-shown").value = byId("place").value;
    const scenario = byId("scenario");
    if (!scenario) return;
    scenario.dataset.left = scenario.value;
    scenario.value = "";
  }
  function note(name) {
    byId("place-note").textContent = byId("place-note").dataset[name];
    say(byId("place-note").textContent);
  }

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
      const flag = document.querySelector("#answer [data-beyond]") ? " beyond" : "";
      brief.classList.remove("stale");
      brief.replaceChildren(chip.cloneNode(true), word, " " + figure + flag);
    } else if (brief) {
      brief.textContent = byId("answer")?.dataset.brief || "Answer";
    }
    if (event.detail.target.id === "workspace") {
      latest = "";
      const title = byId("workspace")?.dataset.title;
      if (title) document.title = title;
      answered = byId("conditions") ? valuesOf(byId("conditions")) : "";
    }
    if (event.detail.requestConfig?.elt.id !== "conditions") return;
    if (event.detail.xhr.status !== 200) latest = stored.values = "";
    else if (event.detail.target.id === "answer") {
      answered = event.detail.xhr.asked;
      // The answer to a place has filled the fields by now.
      if (event.detail.xhr.responseText.includes("hx-swap-oob")) {
        answered = latest = valuesOf(byId("conditions"));
        if (stored.values === event.detail.xhr.asked) stored.values = answered;
      }
    }
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
    const form = byId("conditions");
    // The link of an answer is that of its values, and these may have changed since.
    if (button.dataset.permalink && (!form || valuesOf(form) === answered)) return copy(button);
    const unfinished = window.ecopredictUnfinished(form) || unfinishedThreshold(form);
    if (unfinished) {
      say("No link yet: a number is missing.");
      return unfinished.focus();
    }
    copying = true;
    form.requestSubmit();
  });
  enhance();
})();
