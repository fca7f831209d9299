// Records and accepted observations on a map, looked up for the view: a bounded number of places, and a list of the same.
(() => {
  "use strict";
  const canvas = document.getElementById("map");
  const marks = document.getElementById("map-marks");
  if (!canvas || !marks) return;

  const most = 500;
  const pauseMs = 300;
  const names = { records: ["place with records", "places with records"], observations: ["observation", "observations"] };
  const { study, species } = marks.dataset;

  canvas.addEventListener("map:ready", (event) => {
    const map = event.detail;
    const layers = [...marks.querySelectorAll("[data-kind]")].map((box) => follow(map, box));
    let timer = 0;
    map.on("moveend", () => {
      clearTimeout(timer);
      timer = setTimeout(() => layers.forEach((draw) => draw()), pauseMs);
    });
  }, { once: true });

  function follow(map, box) {
    const kind = box.dataset.kind;
    const state = document.getElementById(`map-${kind}-state`);
    const list = marks.querySelector(`[data-list="${kind}"]`);
    const layer = L.layerGroup().addTo(map);
    let pending = null;
    let again = 0;
    box.closest("[data-switch]").hidden = false;

    async function draw() {
      clearTimeout(again);
      if (pending) pending.abort();
      const query = new URLSearchParams({ species, bbox: boxOf(map.getBounds()) });
      const path = `/studies/${study}/${kind}/places`;
      list.href = `${path}?${query}`;
      if (!box.checked) {
        layer.clearLayers();
        state.textContent = "";
        return;
      }
      const own = pending = new AbortController();
      try {
        const response = await fetch(`/api/v1${path}?${query}&limit=${most}`, { signal: own.signal });
        if (response.status === 429) {
          again = setTimeout(draw, 1000 * (Number(response.headers.get("Retry-After")) || 1));
          return;
        }
        if (!response.ok) throw new Error(String(response.status));
        const found = await response.json();
        layer.clearLayers();
        for (const one of found.features) layer.addLayer(markerOf(one));
        state.textContent = sentence(found, kind);
      } catch (error) {
        if (error.name === "AbortError") return;
        layer.clearLayers();
        state.textContent = "They cannot be read at the moment.";
      }
    }

    // beside the middle of the map, also across the antimeridian
    function markerOf(one) {
      const [x, y] = one.geometry.coordinates;
      const place = L.latLng(y, x + 360 * Math.round((map.getCenter().lng - x) / 360));
      const drawing = marks.querySelector(`[data-mark="${one.properties.outcome || "record"}"]`).cloneNode(true);
      const icon = L.divIcon({ html: drawing, className: `map-point map-point-${kind}`, iconSize: [16, 16] });
      return L.marker(place, { icon, interactive: false, keyboard: false });
    }

    box.addEventListener("change", draw);
    draw();
    return draw;
  }

  function sentence(found, kind) {
    const shown = found.features.length;
    const total = `${found.total_is_complete ? "" : "more than "}${found.total.toLocaleString("en")}`;
    const word = names[kind][found.total === 1 ? 0 : 1];
    const text = found.next === null
      ? `${shown.toLocaleString("en")} ${word} in view.`
      : `Showing ${shown.toLocaleString("en")} of ${total} ${word}; zoom in.`;
    return found.grid_km ? `${text} Places are shown to ${found.grid_km} km, because a species of the study is sensitive.` : text;
  }

  function boxOf(bounds) {
    const south = Math.max(-90, bounds.getSouth()), north = Math.min(90, bounds.getNorth());
    let west = bounds.getWest(), east = bounds.getEast();
    if (east - west >= 360) [west, east] = [-180, 180];
    else [west, east] = [west, east].map((one) => one - 360 * Math.floor((one + 180) / 360));
    return [west, Math.min(south, 90), east, Math.max(north, -90)].map((one) => one.toFixed(4)).join(",");
  }
})();
