"""Brokerage: who takes this package, by the council's own order, with every decision kept."""
