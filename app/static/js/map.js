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
    maxZoom: 18, minZoom: 0, worldCopyJump: true, attributionControl: false,
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

  fetch("/map/land.json").then((answer) => answer.json()).then((land) => {
    L.geoJSON(land, { interactive: false, className: "map-land", style: { fill: false, weight: 1 } }).addTo(map);
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

  // the answer for a place
  let mark = null;
  function ask(text) {
    const values = {
      species: placeForm.elements.species.value, scenario: placeForm.elements.scenario.value,
      where: "place", place: text, filled: "", preview: "1",
    };
    htmx.ajax("POST", "/", { values, target: "#map-answer", swap: "innerHTML" });
  }
  function markAt(place) {
    if (mark) mark.setLatLng(place);
    else mark = L.circleMarker(place, { radius: 6, className: "map-asked", interactive: false }).addTo(map);
  }
  function askAt(place) {
    const turned = place.wrap();
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
    const numbers = placeText.value.match(/^\s*(-?\d+(?:\.\d+)?)\s*[,;\s]\s*(-?\d+(?:\.\d+)?)\s*$/);
    if (numbers) {
      const place = L.latLng(Number(numbers[1]), Number(numbers[2]));
      markAt(place);
      if (!map.getBounds().contains(place)) map.panTo(place, { animate: !still });
    }
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
