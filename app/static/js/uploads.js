// Files of a study: each is sent by itself, continued after a broken connection, and its line is what the server returns.
(function () {
  "use strict";
  const form = document.querySelector("[data-uploads]");
  if (!form || !window.XMLHttpRequest) return;
  const area = form.querySelector("[data-drop]");
  const input = form.querySelector('input[type="file"]');
  const lines = form.querySelector("[data-upload-lines]");
  const button = form.querySelector('button[type="submit"]');
  const title = form.elements.namedItem("title");
  const count = form.querySelector("[data-upload-count]");
  const status = document.getElementById("status");
  const AT_ONCE = 2;
  const ATTEMPTS = 6;
  const waiting = [];
  let running = 0;
  let study = form.dataset.uploads;
  let creating = null;
  let suggested = "";
  let started = Boolean(study);
  let added = 0;
  let stored = 0;
  let recognised = 0;
  let refused = 0;

  for (const hint of form.querySelectorAll("[data-needs-script]")) hint.hidden = false;
  // The files go at once, so the button of a study that exists has nothing to do.
  if (study) button.closest(".actions").hidden = true;

  const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

  function text(tag, className, content) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.textContent = content;
    return element;
  }

  function addLine(name) {
    const line = text("li", "file-line", "");
    const what = text("div", "file-what", "");
    const heading = text("p", "file-name", "");
    heading.append(text("strong", "", name));
    const note = text("p", "file-sentence quiet", started ? "Waits." : "Waits until the study is created.");
    what.append(heading, note);
    line.append(what);
    lines.append(line);
    lines.hidden = false;
    return { line, what, note, bar: null };
  }

  function showProgress(view, name, sent, total) {
    if (!view.bar) {
      view.bar = document.createElement("progress");
      view.bar.max = 100;
      view.bar.setAttribute("aria-label", "Upload of " + name);
      view.what.append(view.bar);
    }
    const percent = total ? Math.floor((100 * sent) / total) : 100;
    // Nobody knows how long a file is looked at, so the bar has no value then.
    if (sent < total) view.bar.value = percent;
    else view.bar.removeAttribute("value");
    view.note.textContent = sent < total ? "Arriving, " + percent + " %." : "Arrived. Being looked at.";
  }

  const unfinished = () => waiting.length + running;

  // How many files are recognised, and that the others need the page; the way on is closed while files wait.
  function showCount() {
    const rest = unfinished();
    if (count) {
      count.hidden = !added || (!rest && !refused);
      count.textContent = started
        ? recognised + " of " + added + " recognised." + (rest ? " Keep this page open: files that have not arrived are lost when it is closed." : "")
        : (added === 1 ? "One file waits. " : added + " files wait. ") + "They are sent when you press “Create the study”; they are lost when this page is closed.";
    }
    for (const goOn of document.querySelectorAll("[data-go-on]")) {
      let note = goOn.nextElementSibling;
      if (!note || !note.matches("[data-go-on-note]")) {
        note = text("p", "quiet", "");
        note.dataset.goOnNote = "";
        goOn.after(note);
      }
      goOn.hidden = rest > 0;
      note.hidden = !rest;
      note.textContent = rest === 1 ? "One file still waits or is being looked at." : rest + " files still wait or are being looked at.";
    }
  }

  function showRefusal(view, name, message) {
    refused += 1;
    if (view.bar) view.bar.remove();
    view.line.className = "file-line file-refused";
    view.note.className = "file-sentence";
    view.note.replaceChildren(text("span", "field-error-word", "Not stored. "), document.createTextNode(message));
    status.textContent = name + ": " + message;
  }

  // One request. Resolves with the request also after an error; status 0 is a broken connection.
  function send(method, address, headers, body, onProgress) {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      request.open(method, address);
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      if (onProgress) request.upload.addEventListener("progress", (event) => onProgress(event.loaded));
      request.addEventListener("loadend", () => resolve(request));
      request.send(body);
    });
  }

  function messageOf(request) {
    if (request.status === 0) return "The connection to the server is broken. Add the file again to continue.";
    try {
      const problem = JSON.parse(request.responseText);
      const first = problem.errors && problem.errors[0];
      return problem.detail + (first && /not valid/.test(problem.detail) ? " " + first.detail + "." : "");
    } catch (error) {
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      const detail = page.querySelector("#problem-message p, .lead");
      return detail ? detail.textContent : "The server answered with status " + request.status + ".";
    }
  }

  const received = (request) => Number((/-(\d+)$/.exec(request.getResponseHeader("Range") || "") || [0, -1])[1]) + 1;
  const isTemporary = (request) => [0, 400, 409, 416, 429, 502, 503, 504].includes(request.status);

  async function upload(file, view) {
    const address = "/studies/" + study + "/files/" + encodeURIComponent(file.name);
    const headers = { "HX-Request": "true", "Upload-Id": [file.size, file.lastModified].join("-") };
    let request = null;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (attempt) {
        const seconds = Number(request.getResponseHeader("Retry-After")) || Math.min(2 ** attempt, 20);
        view.note.textContent = "The connection broke; it goes on in " + seconds + " s.";
        await sleep(seconds);
      }
      // The question finds out what is there, and whether the file would be refused, before its bytes are sent.
      let start = 0;
      if (file.size) {
        request = await send("PUT", address, { ...headers, "Content-Range": "bytes */" + file.size }, null);
        if (request.status !== 202) {
          if (isTemporary(request)) continue;
          return showRefusal(view, file.name, messageOf(request));
        }
        start = received(request);
        if (start >= file.size) start = 0;
      }
      const ranged = start ? { "Content-Range": "bytes " + start + "-" + (file.size - 1) + "/" + file.size } : {};
      request = await send("PUT", address, { ...headers, ...ranged, "Content-Type": "application/octet-stream" }, file.slice(start), (sent) =>
        showProgress(view, file.name, start + sent, file.size),
      );
      if (request.status === 200 || request.status === 201) {
        stored += 1;
        const template = document.createElement("template");
        template.innerHTML = request.responseText;
        const line = template.content.querySelector("li");
        view.line.replaceWith(line);
        if (window.htmx) window.htmx.process(line);
        if (!line.classList.contains("file-unknown")) recognised += 1;
        if (request.status === 200) line.querySelector(".file-name").append(text("span", "small", " replaces the file of this name"));
        const sentence = line.querySelector(".file-sentence");
        status.textContent = file.name + ": " + (sentence ? sentence.textContent : "stored");
        return undefined;
      }
      if (!isTemporary(request)) break;
    }
    return showRefusal(view, file.name, messageOf(request));
  }

  const nameOf = (file) => file.name.replace(/(\.[A-Za-z0-9]{1,5})+$/, "").replace(/[_\s]+/g, " ").trim().slice(0, 200);

  // A name to start from, visible in its field: that of the first table or archive, else of the first file.
  function suggestName() {
    if ((title.value.trim() && title.value !== suggested) || !waiting.length) return;
    const tables = waiting.filter(({ file }) => /\.(csv|tsv|txt|zip|xlsx|ods)$/i.test(file.name));
    title.value = suggested = nameOf((tables[0] || waiting[0]).file);
    title.focus();
    title.select();
  }

  async function createStudy() {
    const name = title.value.trim();
    const request = await send("POST", "/api/v1/studies", { "Content-Type": "application/json" }, JSON.stringify({ title: name }));
    if (request.status !== 201) throw new Error(messageOf(request));
    study = JSON.parse(request.responseText).slug;
    form.action = "/studies/" + study + "/files";
    history.replaceState(null, "", "/studies/" + study);
  }

  // Whether somebody deletes a file just now: the answer needs the list that it was asked from, and is newer than ours.
  const isChanging = () => document.querySelector("#study-files .htmx-request, [data-file] .htmx-request") !== null;

  // Lists the files as the server has them; lines of refused files stay.
  async function refresh() {
    const old = document.getElementById("study-files");
    if (!old) {
      // The page of a new study becomes the page of the study, unless there is an error to read.
      if (!refused) location.assign("/studies/" + study);
      else {
        button.textContent = "Go on to the study";
        button.hidden = false;
      }
      return;
    }
    let request;
    let shown;
    do {
      while (isChanging()) await sleep(0.1);
      shown = document.getElementById("study-files");
      request = await send("GET", "/studies/" + study, { "HX-Request": "true" }, null);
      if (request.status !== 200) return;
    } while (isChanging() || document.getElementById("study-files") !== shown);
    const template = document.createElement("template");
    template.innerHTML = request.responseText;
    const revision = (list) => (list ? Number(list.dataset.revision) : 0);
    // A list that says what was deleted meanwhile stays, unless ours is newer.
    const isNewer = shown === old || revision(template.content.getElementById("study-files")) > revision(shown);
    for (const id of isNewer ? ["study-files", "study-steps"] : []) {
      const fresh = template.content.getElementById(id);
      const present = document.getElementById(id);
      if (!fresh || !present) continue;
      fresh.removeAttribute("hx-swap-oob");
      present.replaceWith(fresh);
      if (window.htmx) window.htmx.process(fresh);
    }
    for (const line of lines.querySelectorAll("[data-file]")) line.remove();
    lines.hidden = lines.children.length === 0;
  }

  async function work() {
    if (running >= AT_ONCE || !waiting.length) return;
    running += 1;
    const { file, view } = waiting.shift();
    showCount();
    try {
      if (!study) {
        creating = creating || createStudy();
        await creating;
      }
      await upload(file, view);
    } catch (error) {
      creating = null;
      showRefusal(view, file.name, error.message);
    }
    running -= 1;
    showCount();
    if (waiting.length) work();
    else if (!running) {
      if (study) await refresh();
      else {
        // The study could not be created: the lines say why, and another name may be tried.
        started = false;
        button.hidden = false;
      }
      status.textContent = stored + (stored === 1 ? " file" : " files") + " stored" + (refused ? ", " + refused + " refused." : ".");
    }
  }

  function add(files) {
    for (const file of files) {
      added += 1;
      waiting.push({ file, view: addLine(file.name) });
      if (started) work();
    }
    if (!started) suggestName();
    showCount();
  }

  // Files of dropped folders, to any depth; hidden files are left out.
  async function filesOf(entry) {
    if (entry.name.startsWith(".")) return [];
    if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
    const reader = entry.createReader();
    const found = [];
    for (;;) {
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) return found;
      for (const one of some) found.push(...(await filesOf(one)));
    }
  }

  input.addEventListener("change", function () {
    add([...input.files]);
    input.value = "";
  });
  if (title && !study) title.addEventListener("input", () => title.setCustomValidity(""));
  // A list that was swapped while files arrive has the way on again.
  document.addEventListener("htmx:afterSwap", showCount);
  form.addEventListener("submit", function (event) {
    // Without files the server answers, with the page of the study or a message beside the field.
    if (!study && (waiting.length || running)) {
      event.preventDefault();
      title.setCustomValidity(title.value.trim() ? "" : "Give the study a name.");
      if (!title.reportValidity()) return;
      started = true;
      button.hidden = true;
      for (const { view } of waiting) view.note.textContent = "Waits.";
      for (let number = 0; number < AT_ONCE; number += 1) work();
      return;
    }
    // The files were sent already.
    if (study) {
      event.preventDefault();
      if (!running) location.assign("/studies/" + study);
    }
  });
  for (const kind of ["dragenter", "dragover"]) {
    area.addEventListener(kind, function (event) {
      event.preventDefault();
      area.classList.add("drop-over");
    });
  }
  area.addEventListener("dragleave", (event) => area.contains(event.relatedTarget) || area.classList.remove("drop-over"));
  area.addEventListener("drop", async function (event) {
    event.preventDefault();
    area.classList.remove("drop-over");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry());
    if (!entries.some((entry) => entry && entry.isDirectory)) return add([...event.dataTransfer.files]);
    for (const entry of entries) if (entry) add(await filesOf(entry));
    return undefined;
  });
  window.addEventListener("beforeunload", function (event) {
    if (unfinished()) event.preventDefault();
  });
})();
