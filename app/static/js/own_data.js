// Forms of own data: every answer brings the revision of the study, and never replaces what was entered while it was on its way.
(function () {
  "use strict";
  if (window.htmx) document.documentElement.classList.add("scripted");
  const values = (form) => new URLSearchParams([...new FormData(form)].filter(([name]) => name !== "revision")).toString();

  function setRevision(xhr) {
    const match = /"(\d+)"/.exec(xhr.getResponseHeader("ETag") || "");
    if (!match) return;
    for (const input of document.querySelectorAll("[data-own-data] input[name=revision]")) input.value = match[1];
  }

  document.addEventListener("htmx:beforeRequest", function (event) {
    const form = event.detail.elt;
    if (form.matches("[data-own-data]")) event.detail.xhr.sent = values(form);
  });

  // Opened parts stay open.
  let opened = [];
  document.addEventListener("htmx:beforeSwap", function (event) {
    const form = event.detail.elt;
    if (!form.matches("[data-own-data]")) return;
    const { xhr } = event.detail;
    opened = [...document.querySelectorAll("details[id][open]")].map((element) => element.id);
    if (xhr.status !== 200) return;
    setRevision(xhr);
    // A later change is under way, or will be sent; its answer shows both.
    if (form.isConnected && xhr.sent !== values(form)) event.detail.shouldSwap = false;
  });

  document.addEventListener("htmx:afterSwap", function (event) {
    if (!event.detail.elt.closest || !event.detail.elt.closest(".own-data")) return;
    if (event.detail.xhr.status === 200) setRevision(event.detail.xhr);
    for (const id of opened) {
      const element = document.getElementById(id);
      if (element) element.open = true;
    }
  });
})();
