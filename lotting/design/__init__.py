"""The solver: balanced starts, annealing, a bound, an exact model, and reasons when none fits."""
