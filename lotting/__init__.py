"""Draw home-care contract lots: balanced, connected, explained."""
