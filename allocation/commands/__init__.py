"""What each command does: read, reckon, write whole, and say what came out."""
