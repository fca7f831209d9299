// The map of a page /maps/<id>: tiles over the outline of the land, and the answer for a place that is clicked.
(() => {
  "use strict";
  const canvas = document.getElementById("map");
  if (!canvas || !window.L) return;

  const id = canvas.dataset.map;
  const opacity = document.getElementById("map-opacity");
  const select = document.getElementById("map-quantity");
  const placeForm = document.getElementById("map-place");
  const placeText = document.getElementById("map-place-text");
  const picture = document.getElementById("map-picture");
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

  canvas.hidden = false;
  if (picture) picture.hidden = true;
  document.getElementById("map-opacity-field").hidden = false;
  document.getElementById("map-hint").hidden = false;
  const show = document.getElementById("map-show");
  if (show) show.hidden = true;

  const map = L.map(canvas, {
    maxZoom: 18, minZoom: 0, attributionControl: false, zoomSnap: 0.25,
    zoomAnimation: !still, fadeAnimation: !still, markerZoomAnimation: !still,
  });
  L.control.scale({ imperial: false }).addTo(map);
  map.setView([20, 0], 2);
  frame();
  canvas.dispatchEvent(new CustomEvent("map:ready", { detail: map }));

  function frame() {
    if (!canvas.dataset.extent) return;
    let [west, south, east, north] = canvas.dataset.extent.split(",").map(Number);
    if (east <= west) east += 360;
    map.fitBounds([[Math.max(south, -85), west], [Math.min(north, 85), east]], { animate: false, padding: [8, 8] });
  }

  let tiles = null;
  function drawTiles() {
    const quantity = canvas.dataset.quantity;
    const source = `/api/v1/maps/${id}/tiles/{z}/{x}/{y}.png?quantity=${quantity}`;
    if (tiles) tiles.remove();
    tiles = L.tileLayer(source, { maxZoom: 18, opacity: opacity.value / 100 }).addTo(map);
  }
  if (canvas.dataset.drawn === "1") drawTiles();

  // the outline of the land, also beside the square of the world for maps across the antimeridian
  const land = L.layerGroup().addTo(map);
  const coasts = L.layerGroup();
  const pieces = new Set();
  const side = 30;
  const hasCoasts = canvas.dataset.coasts === "1";
  function outline(content, turn, layer) {
    L.geoJSON(content, {
      interactive: false, className: "map-land", style: { fill: false, weight: 1 },
      coordsToLatLng: ([x, y]) => L.latLng(y, x + turn),
    }).addTo(layer);
  }
  fetch("/map/land.json").then((answer) => answer.json()).then((content) => {
    for (const turn of [-360, 0, 360]) outline(content, turn, land);
  }).catch(() => {});
  async function addPiece(column, row) {
    const key = `${column} ${row}`;
    if (pieces.has(key)) return;
    pieces.add(key);
    try {
      const response = await fetch(`/map/coasts/${((column % 12) + 12) % 12}-${row}.json`);
      if (response.ok) outline(await response.json(), 360 * Math.floor(column / 12), coasts);
      else pieces.delete(key);
    } catch {
      pieces.delete(key);
    }
  }
  // above zoom 4 the outline is too coarse, and finer coasts are drawn piece by piece
  async function drawCoasts() {
    if (hasCoasts && map.getZoom() > 4) {
      const bounds = map.getBounds();
      const first = Math.floor((bounds.getWest() + 180) / side), last = Math.floor((bounds.getEast() + 180) / side);
      const top = Math.max(0, Math.floor((90 - bounds.getNorth()) / side));
      const bottom = Math.min(5, Math.floor((90 - bounds.getSouth()) / side));
      const added = [];
      for (let column = first; column <= last; column++) {
        for (let row = top; row <= bottom; row++) added.push(addPiece(column, row));
      }
      await Promise.all(added);
    }
    const isFine = hasCoasts && map.getZoom() > 4;
    (isFine ? land : coasts).remove();
    (isFine ? coasts : land).addTo(map);
  }
  map.on("moveend", drawCoasts);
  drawCoasts();

  opacity.addEventListener("input", () => tiles && tiles.setOpacity(opacity.value / 100));

  if (select) {
    select.addEventListener("change", () => {
      canvas.dataset.quantity = select.value;
      for (const legend of document.querySelectorAll("[data-legend]")) legend.hidden = legend.dataset.legend !== select.value;
      const address = new URL(location.href);
      address.searchParams.set("quantity", select.value);
      history.replaceState(history.state, "", address);
      followQuantity(select.value);
      drawTiles();
      say(`The map shows ${select.selectedOptions[0].textContent.trim()}`);
    });
  }

  // links and addresses that the server has written for the quantity of the map
  function followQuantity(quantity) {
    for (const part of document.querySelectorAll("[data-follows-quantity]")) {
      const changed = (text) => text.replace(/([?&]quantity=)[a-z_]+/, (_, name) => name + quantity);
      if (part.hasAttribute("href")) part.setAttribute("href", changed(part.getAttribute("href")));
      else part.textContent = changed(part.textContent);
    }
  }

  // the records that the model was trained on
  const recordsBox = document.getElementById("map-points");
  let records = null;
  let recordsSource = null;
  async function drawRecords() {
    try {
      recordsSource = recordsSource || fetch(`/maps/${id}/records.json`).then((answer) => answer.json());
      const content = await recordsSource;
      if (records) records.remove();
      records = null;
      if (!recordsBox.checked) return;
      const middle = map.getCenter().lng;
      records = L.geoJSON(content, {
        // beside the middle of the map, also across the antimeridian
        coordsToLatLng: ([x, y]) => L.latLng(y, x + 360 * Math.round((middle - x) / 360)),
        pointToLayer: (feature, place) => L.circleMarker(place, { radius: 4, className: "map-record", interactive: false }),
      }).addTo(map);
    } catch {
      recordsSource = null;
      say("The records cannot be read at the moment");
    }
  }
  if (recordsBox) {
    recordsBox.addEventListener("change", () => {
      const address = new URL(location.href);
      if (recordsBox.checked) address.searchParams.set("points", "1");
      else address.searchParams.delete("points");
      history.replaceState(history.state, "", address);
      drawRecords();
      say(recordsBox.checked ? "Records are shown" : "Records are hidden");
    });
    if (recordsBox.checked) drawRecords();
  }

  // the answer for a place
  let mark = null;
  let pending = null;
  async function ask(text) {
    if (pending) pending.abort();
    const own = pending = new AbortController();
    const where = {
      species: placeForm.elements.species.value, scenario: placeForm.elements.scenario.value, where: "place", place: text,
    };
    let content;
    let place = null;
    try {
      const response = await fetch("/", {
        method: "POST", headers: { "HX-Request": "true" }, body: new URLSearchParams({ ...where, preview: "1" }), signal: own.signal,
      });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const answer = page.querySelector("section.answer");
      place = response.ok && answer ? placeOf(answer) : null;
      content = response.ok && answer ? answered(answer, where) : refused(page);
    } catch (error) {
      if (error.name === "AbortError") return;
      content = refused(null);
    }
    if (place) {
      markAt(place);
      if (!map.getBounds().contains(place)) map.panTo(place, { animate: !still });
    } else if (mark) {
      mark.remove();
      mark = null;
    }
    const panel = document.getElementById("map-answer");
    panel.replaceChildren(content);
    bringIntoView(panel);
    htmx.process(panel);
    htmx.trigger(panel, "htmx:load", { elt: panel });
    say(content.dataset.status || content.textContent.trim());
  }
  // as the server has read it; on the turn of the world that is shown
  function placeOf(answer) {
    const line = answer.querySelector(".answer-place[data-latitude]");
    if (!line) return null;
    const longitude = Number(line.dataset.longitude);
    const turn = 360 * Math.round((map.getCenter().lng - longitude) / 360);
    return L.latLng(Number(line.dataset.latitude), longitude + turn);
  }
  // the focus stays where it is
  function bringIntoView(panel) {
    const top = panel.getBoundingClientRect().top;
    if (top >= 0 && top < window.innerHeight * 0.6) return;
    panel.scrollIntoView({ block: "start", behavior: still ? "auto" : "smooth" });
  }
  function answered(answer, where) {
    const link = document.createElement("a");
    link.href = `/?${new URLSearchParams(where)}`;
    link.textContent = "This answer on the Predict page";
    const line = document.createElement("p");
    line.append(link);
    answer.querySelector(".answer-bar").after(line);
    // the buttons of the predict page are not here
    answer.querySelector("[data-copy-link]")?.remove();
    const note = answer.querySelector("[data-store-note]");
    if (note) note.textContent = `This answer is not stored. Follow “${link.textContent}” and press Predict there to store it.`;
    return answer;
  }
  function refused(page) {
    const message = page && page.querySelector("#place-error, #scenario-error, .field-error, .notice p, h1 + p");
    const box = document.createElement("div");
    box.className = "notice";
    const text = document.createElement("p");
    text.textContent = message ? message.textContent.replace(/^Error:\s*/, "").trim() : "There is no answer at the moment. Try again.";
    box.append(text);
    return box;
  }
  function markAt(place) {
    if (mark) mark.setLatLng(place);
    else mark = L.circleMarker(place, { radius: 6, className: "map-asked", interactive: false }).addTo(map);
  }
  function askAt(place) {
    const turned = place.wrap();
    // the square of the world ends at 85 degrees, but a drag can lead further
    if (Math.abs(turned.lat) > 90) return;
    placeText.value = `${turned.lat.toFixed(4)}, ${turned.lng.toFixed(4)}`;
    markAt(place);
    ask(placeText.value);
  }
  map.on("click", (event) => askAt(event.latlng));
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const fineStep = 8;
  canvas.addEventListener("keydown", (event) => {
    if (event.target !== canvas) return;
    if (event.key === "Enter") askAt(map.getCenter());
    // Leaflet's own step with Shift is three times as large as without
    if (event.shiftKey && event.key in steps) {
      event.preventDefault();
      event.stopImmediatePropagation();
      map.panBy(steps[event.key].map((part) => part * fineStep), { animate: false });
    }
  }, { capture: true });
  // of a comparison: today or one of its scenarios
  if (placeForm.elements.scenario.type !== "hidden") {
    placeForm.elements.scenario.addEventListener("change", () => {
      if (mark) ask(placeText.value);
    });
  }
  placeForm.addEventListener("submit", (event) => {
    event.preventDefault();
    ask(placeText.value);
  });

  // a preview that appeared while the job runs
  document.body.addEventListener("htmx:afterSettle", () => {
    const state = document.getElementById("map-state");
    if (state && state.dataset.preview === "1" && canvas.dataset.drawn !== "1") {
      canvas.dataset.drawn = "1";
      drawTiles();
      say("A coarse preview is shown");
    }
  });

  function say(text) {
    const status = document.getElementById("status");
    if (status) status.textContent = text;
  }
})();
