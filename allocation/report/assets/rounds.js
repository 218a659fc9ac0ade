// Draws the rounds, and lights up the one that is chosen, its stops numbered in order.
function allocationRounds(page) {
  "use strict";
  const map = page.map;
  const rows = new Map();
  for (const row of document.querySelectorAll("tr[data-lot]")) rows.set(Number(row.dataset.lot), row);
  const halo = { pane: "rounds", color: "#FFFFFF", weight: 4, opacity: 0.7, interactive: false };
  const lines = page.rounds.map((round, i) => {
    L.polyline(round.path, halo).addTo(map);
    const line = L.polyline(round.path, { pane: "rounds", color: round.colour, weight: 2, opacity: 0.85 }).addTo(map);
    line.on("click", () => choose(i));
    for (const stop of round.stops) {
      L.circleMarker([stop[0], stop[1]], { pane: "rounds", radius: 3, weight: 1, color: "#FFFFFF", fillColor: round.colour, fillOpacity: 1, interactive: false }).addTo(map);
    }
    return line;
  });
  const chosenLayer = L.layerGroup().addTo(map);
  const status = document.getElementById("status");
  let chosen = null;
  function choose(i) {
    if (chosen !== null) {
      rows.get(chosen).classList.remove("chosen", "on");
      rows.get(chosen).querySelector("button").setAttribute("aria-pressed", "false");
    }
    chosenLayer.clearLayers();
    chosen = i === chosen ? null : i;
    map.getPane("rounds").style.opacity = chosen === null ? "" : "0.15";
    if (chosen === null) {
      whole();
      status.textContent = "The map shows all rounds.";
      return;
    }
    const round = page.rounds[chosen];
    const row = rows.get(chosen);
    row.classList.add("chosen", "on");
    row.querySelector("button").setAttribute("aria-pressed", "true");
    row.scrollIntoView({ block: "nearest" });
    L.polyline(round.path, { pane: "chosen", color: "#FFFFFF", weight: 7, interactive: false }).addTo(chosenLayer);
    L.polyline(round.path, { pane: "chosen", color: round.colour, weight: 4, interactive: false }).addTo(chosenLayer);
    // Several stops at one door share a label.
    const doors = new Map();
    round.stops.forEach((stop, k) => {
      const key = stop[0] + " " + stop[1];
      if (!doors.has(key)) doors.set(key, { at: [stop[0], stop[1]], numbers: [], lines: [] });
      doors.get(key).numbers.push(k + 1);
      doors.get(key).lines.push(stop[2]);
    });
    for (const door of doors.values()) {
      const label = document.createElement("div");
      label.className = "stop-label";
      label.textContent = door.numbers.join(", ");
      label.style.background = round.colour;
      const text = document.createElement("div");
      for (const line of door.lines) {
        const p = document.createElement("div");
        p.textContent = line;
        text.append(p);
      }
      L.marker(door.at, { pane: "chosen", keyboard: false, icon: L.divIcon({ html: label, iconSize: [0, 0] }) })
        .bindTooltip(text, { className: "lotting-tip", opacity: 1 }).addTo(chosenLayer);
    }
    map.fitBounds(lines[chosen].getBounds(), { padding: [50, 50], maxZoom: 14, animate: false });
    status.textContent = "The map shows round " + (chosen + 1) + ".";
  }
  for (const [i, row] of rows) {
    const button = row.querySelector("button");
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => choose(i));
  }
  function whole() {
    const size = map.getSize();
    if (!size.x || !size.y) return;
    map.fitBounds(page.bounds, { padding: [18, 18], animate: false });
  }
  const container = map.getContainer();
  container.setAttribute("role", "region");
  container.setAttribute("aria-label", "Map of the rounds. Arrow keys move it, plus and minus zoom. The table holds the same facts.");
  map.getPane("labels").setAttribute("aria-hidden", "true");
  map.on("resize", () => { if (chosen === null) whole(); });
  whole();
}
