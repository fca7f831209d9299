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
    maxZoom: 18, minZoom: 0, attributionControl: false,
    zoomAnimation: !still, fadeAnimation: !still, markerZoomAnimation: !still,
  });
  L.control.scale({ imperial: false }).addTo(map);
  map.setView([20, 0], 2);
  frame();

  function frame() {
    if (!canvas.dataset.extent) return;
    let [west, south, east, north] = canvas.dataset.extent.split(",").map(Number);
    if (east <= west) east += 360;
    map.fitBounds([[Math.max(south, -85), west], [Math.min(north, 85), east]], { animate: false });
  }

  let tiles = null;
  function drawTiles() {
    const quantity = canvas.dataset.quantity;
    const source = `/api/v1/maps/${id}/tiles/{z}/{x}/{y}.png?quantity=${quantity}`;
    if (tiles) tiles.remove();
    tiles = L.tileLayer(source, { maxZoom: 18, opacity: opacity.value / 100 }).addTo(map);
  }
  if (canvas.dataset.drawn === "1") drawTiles();

  // also beside the square of the world, for maps across the antimeridian
  fetch("/map/land.json").then((answer) => answer.json()).then((land) => {
    for (const turn of [-360, 0, 360]) {
      L.geoJSON(land, {
        interactive: false, className: "map-land", style: { fill: false, weight: 1 },
        coordsToLatLng: ([x, y]) => L.latLng(y, x + turn),
      }).addTo(map);
    }
  }).catch(() => {});

  opacity.addEventListener("input", () => tiles && tiles.setOpacity(opacity.value / 100));

  if (select) {
    select.addEventListener("change", () => {
      canvas.dataset.quantity = select.value;
      for (const legend of document.querySelectorAll("[data-legend]")) legend.hidden = legend.dataset.legend !== select.value;
      const address = new URL(location.href);
      address.searchParams.set("quantity", select.value);
      history.replaceState(history.state, "", address);
      drawTiles();
      say(`The map shows ${select.selectedOptions[0].textContent.trim()}`);
    });
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
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target === canvas) askAt(map.getCenter());
  });
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
