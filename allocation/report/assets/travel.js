// One view at a time, map and table together; labels that do not collide.
function allocationTravel(page) {
  "use strict";
  const map = page.map;
  const inputs = [...document.querySelectorAll(".views input")];
  const tables = [...document.querySelectorAll(".view-table")];
  const glow = L.layerGroup().addTo(map);
  let shown = 0;
  const hits = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
  function declutter() {
    const placed = [];
    for (const marker of page.layers[shown][1].getLayers()) {
      const el = marker.getElement() && marker.getElement().firstElementChild;
      if (!el) continue;
      const p = map.latLngToLayerPoint(marker.getLatLng());
      const box = () => [p.x - el.offsetWidth / 2 - 2, p.y - el.offsetHeight / 2 - 1, p.x + el.offsetWidth / 2 + 2, p.y + el.offsetHeight / 2 + 1];
      el.classList.remove("short", "crowded");
      if (placed.some((o) => hits(box(), o))) el.classList.add("short");
      if (placed.some((o) => hits(box(), o))) el.classList.add("crowded");
      else placed.push(box());
    }
  }
  function light(i) {
    glow.clearLayers();
    for (const row of document.querySelectorAll("tr.on")) row.classList.remove("on");
    if (i === null) return;
    const feature = page.layers[shown][0].getLayers().map((l) => l.feature).find((f) => f.properties.i === i);
    const row = tables[shown].querySelector('tr[data-lot="' + i + '"]');
    if (row) row.classList.add("on");
    if (!feature) return;
    for (const [color, weight] of [["#FFFFFF", 8], ["#0B0C0C", 4]]) {
      L.geoJson(feature, { pane: "glow", interactive: false, smoothFactor: 0, style: () => ({ color, weight, fill: false }) }).addTo(glow);
    }
  }
  function show(n) {
    shown = n;
    page.layers.forEach(([shapes, labels], i) => {
      for (const layer of [shapes, labels]) if (i === n) map.addLayer(layer); else map.removeLayer(layer);
      tables[i].hidden = i !== n;
    });
    light(null);
    declutter();
  }
  inputs.forEach((input, i) => input.addEventListener("change", () => show(i)));
  page.layers.forEach(([shapes]) => {
    shapes.on("mouseover", (e) => light((e.layer || e.propagatedFrom).feature.properties.i));
    shapes.on("mouseout", () => light(null));
  });
  for (const row of document.querySelectorAll("tr[data-lot]")) {
    row.addEventListener("mouseenter", () => light(Number(row.dataset.lot)));
    row.addEventListener("mouseleave", () => light(null));
  }
  const container = map.getContainer();
  container.setAttribute("role", "region");
  container.setAttribute("aria-label", "Map of travel by lot. Arrow keys move it, plus and minus zoom. The table holds the same facts.");
  map.getPane("labels").setAttribute("aria-hidden", "true");
  function whole() {
    const size = map.getSize();
    if (size.x && size.y) map.fitBounds(page.bounds, { padding: [18, 18], animate: false });
  }
  map.on("zoomend resize", declutter);
  map.on("resize", whole);
  whole();
  show(0);
}
