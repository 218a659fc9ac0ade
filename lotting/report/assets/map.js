// What the page does beside what folium wrote: shading and borders from the one copy of the
// areas, highlighting between map and table, and labels that do not collide.
function lottingPage(page) {
  "use strict";
  const map = page.map;
  const box = document.getElementById("map-box");
  const rows = new Map();
  for (const row of document.querySelectorAll("tr[data-lot]")) rows.set(Number(row.dataset.lot), row);
  const features = (layer) => layer.getLayers().map((part) => part.feature);
  const lotFeatures = features(page.lots);
  const lotOf = new Map(lotFeatures.map((f) => [f.properties.lot, f]));

  // Shading by class, from the areas that are on the page already.
  function shade(group, property, colours) {
    if (!group) return;
    L.geoJson(features(page.areas), {
      pane: "shading", interactive: false, smoothFactor: 0,
      style: (f) => ({ stroke: true, color: "#FFFFFF", weight: 0.5, fillOpacity: 1, fillColor: colours[f.properties[property]] }),
    }).addTo(group);
  }
  shade(page.hours, "h", page.hourColours);
  shade(page.rural, "r", page.ruralColours);

  const line = (pane, color, weight, extra) => ({
    pane, interactive: false, smoothFactor: 0,
    style: () => Object.assign({ fill: false, color, weight, lineJoin: "round" }, extra),
  });
  L.geoJson(lotFeatures, line("casing", "#FFFFFF", 3.5)).addTo(page.borders);
  L.geoJson(lotFeatures, line("core", "#0B0C0C", 1.5)).addTo(page.borders);

  // One view at a time: lots, hours or rural; the legend follows.
  function setView(name) {
    for (const part of document.querySelectorAll(".legend-view")) part.hidden = part.dataset.view !== name;
    box.parentElement.classList.toggle("view-lots", name === "lots");
    map.getPane("core").style.display = name === "lots" ? "none" : "";
  }
  map.on("baselayerchange", (e) => setView(page.views.get(e.layer)));
  setView("lots");
  const zoneKey = document.querySelector('[data-overlay="zones"]');
  map.on("overlayadd overlayremove", (e) => {
    if (zoneKey && e.layer === page.zones) zoneKey.hidden = e.type === "overlayremove";
    declutter();
  });

  // The layer control stands above the map, where it hides nothing of it.
  const control = page.control.getContainer();
  document.getElementById("layers").append(control);
  for (const [part, name] of [["base", "Shade by"], ["overlays", "Show"]]) {
    const list = control.querySelector(".leaflet-control-layers-" + part);
    const heading = document.createElement("span");
    heading.className = "group-name";
    heading.id = "layers-" + part;
    heading.textContent = name;
    const group = document.createElement("div");
    list.before(group);
    group.append(heading, list);
    group.style.cssText = "display:flex;flex-wrap:wrap;align-items:center;gap:0 1rem";
    list.setAttribute("role", part === "base" ? "radiogroup" : "group");
    list.setAttribute("aria-labelledby", heading.id);
  }

  // Highlight one lot on the map and in the table.
  const glow = L.layerGroup().addTo(map);
  let lit = null;
  let chosen = null;
  function light(lot, scroll) {
    const now = lot === null ? chosen : lot;
    if (now === lit) return;
    if (lit !== null) rows.get(lit).classList.remove("on");
    glow.clearLayers();
    lit = now;
    if (now === null) return;
    const row = rows.get(now);
    row.classList.add("on");
    const region = row.closest(".scroll");
    if (scroll && region.scrollHeight > region.clientHeight) row.scrollIntoView({ block: "nearest" });
    L.geoJson(lotOf.get(now), line("glow", "#FFFFFF", 8)).addTo(glow);
    L.geoJson(lotOf.get(now), line("glow", "#0B0C0C", 4)).addTo(glow);
  }
  function choose(lot) {
    if (chosen !== null) {
      rows.get(chosen).classList.remove("chosen");
      rows.get(chosen).querySelector("button").setAttribute("aria-pressed", "false");
    }
    chosen = lot === chosen ? null : lot;
    const status = document.getElementById("status");
    if (chosen === null) {
      whole();
      light(lot, false);
      status.textContent = "The map shows all lots.";
    } else {
      rows.get(chosen).classList.add("chosen");
      rows.get(chosen).querySelector("button").setAttribute("aria-pressed", "true");
      light(chosen, false);
      map.fitBounds(L.geoJson(lotOf.get(chosen)).getBounds(), { padding: [40, 40], animate: false });
      status.textContent = "The map shows " + page.names[chosen] + ".";
    }
  }
  for (const [lot, row] of rows) {
    row.addEventListener("mouseenter", () => light(lot, false));
    row.addEventListener("mouseleave", () => light(null, false));
    row.addEventListener("focusin", () => light(lot, false));
    row.addEventListener("focusout", () => light(null, false));
    const button = row.querySelector("button");
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => choose(lot));
  }
  for (const layer of [page.areas, page.lots]) {
    layer.on("mouseover", (e) => light(e.layer ? e.layer.feature.properties.lot : e.propagatedFrom.feature.properties.lot, true));
    layer.on("mouseout", () => light(null, false));
  }
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape") for (const layer of [page.areas, page.lots]) layer.closeTooltip();
  });

  // The whole map, now and on request.
  function whole() {
    const size = map.getSize();
    if (!size.x || !size.y) return; // hidden: there is nothing to fit into
    map.fitBounds(page.bounds, { padding: [18, 18], animate: false });
  }
  const home = L.control({ position: "topleft" });
  home.onAdd = () => {
    const bar = L.DomUtil.create("div", "leaflet-bar whole-bar");
    const link = L.DomUtil.create("a", "whole", bar);
    link.href = "#map-box";
    link.setAttribute("role", "button");
    link.setAttribute("aria-label", "Show the whole map");
    link.title = "Show the whole map";
    link.innerHTML = '<svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true"><path d="M1.5 5.5v-4h4m5 0h4v4m0 5v4h-4m-5 0h-4v-4" fill="none" stroke="currentColor" stroke-width="1.75"/></svg>';
    L.DomEvent.disableClickPropagation(bar);
    L.DomEvent.on(link, "click", (e) => { L.DomEvent.stop(e); if (chosen !== null) choose(chosen); whole(); });
    L.DomEvent.on(link, "keydown", (e) => { if (e.key === " ") { L.DomEvent.stop(e); whole(); } });
    return bar;
  };
  home.addTo(map);
  const container = map.getContainer();
  container.setAttribute("role", "region");
  container.setAttribute("aria-label", "Map of the lots. Arrow keys move it, plus and minus zoom. The table holds the same facts.");
  map.getPane("labels").setAttribute("aria-hidden", "true");

  // Every lot shows its key; its name too where that fits within the lot and hits nothing.
  const labels = [...page.labels.entries()];
  function boxOf(el, marker, dx = 0, dy = 0) {
    const p = map.latLngToLayerPoint(marker.getLatLng()).add([dx, dy]);
    const w = el.offsetWidth / 2 + 2, h = el.offsetHeight / 2 + 1;
    return [p.x - w, p.y - h, p.x + w, p.y + h];
  }
  const hits = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
  // Whether most of a label's edge lies on its lot (even-odd rule over all rings).
  function mostlyWithin(b, layer) {
    const rings = L.LineUtil.isFlat(layer.getLatLngs()) ? [layer.getLatLngs()] : layer.getLatLngs().flat(layer.feature.geometry.type === "MultiPolygon" ? 1 : 0);
    const pixels = rings.map((ring) => ring.map((ll) => map.latLngToLayerPoint(ll)));
    const within = (x, y) => {
      let odd = false;
      for (const ring of pixels) {
        for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
          const a = ring[i], c = ring[j];
          if (a.y > y !== c.y > y && x < ((c.x - a.x) * (y - a.y)) / (c.y - a.y) + a.x) odd = !odd;
        }
      }
      return odd;
    };
    let good = 0;
    for (const fx of [0.08, 0.5, 0.92]) for (const fy of [0.08, 0.5, 0.92]) good += within(b[0] + fx * (b[2] - b[0]), b[1] + fy * (b[3] - b[1]));
    return good >= 7;
  }
  function declutter() {
    const boxes = new Map();
    const parts = [];
    for (const [lot, marker] of labels) {
      const el = marker.getElement() && marker.getElement().firstElementChild;
      if (!el) continue;
      el.classList.remove("full");
      boxes.set(lot, boxOf(el, marker));
      parts.push([lot, marker, el]);
    }
    for (const [lot, marker, el] of parts) {
      if (!el.querySelector("span")) continue;
      el.classList.add("full");
      const b = boxOf(el, marker);
      const inside = mostlyWithin(b, page.lots.getLayers().find((l) => l.feature.properties.lot === lot));
      const clear = [...boxes].every(([other, o]) => other === lot || !hits(b, o));
      if (inside && clear) boxes.set(lot, b);
      else el.classList.remove("full");
    }
    const placed = [...boxes.values()];
    for (const marker of page.zoneLabels) {
      const el = marker.getElement() && marker.getElement().firstElementChild;
      if (!el) continue;
      const free = [[0, 0], [0, 26], [0, -26], [0, 42], [0, -42], [52, 0], [-52, 0]]
        .find(([dx, dy]) => !placed.some((o) => hits(boxOf(el, marker, dx, dy), o)));
      el.classList.toggle("crowded", !free);
      if (!free) continue;
      el.style.left = free[0] + "px";
      el.style.top = free[1] + "px";
      placed.push(boxOf(el, marker, ...free));
    }
  }
  map.on("zoomend resize", declutter);

  let touched = false;
  map.on("dragstart zoomstart", () => { touched = true; });
  map.on("resize", () => { if (!touched && chosen === null) { whole(); touched = false; } });
  whole();
  touched = false;
  declutter();

  // On paper the map takes the page's width and the table a page of its own.
  window.addEventListener("beforeprint", () => {
    document.body.classList.add("printing");
    map.invalidateSize({ animate: false });
    whole();
    declutter();
  });
  window.addEventListener("afterprint", () => {
    document.body.classList.remove("printing");
    map.invalidateSize({ animate: false });
    whole();
    declutter();
  });
}
