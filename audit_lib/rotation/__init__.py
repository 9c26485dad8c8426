"""How secrets are checked at start-up, made, rotated and recorded, so that the next review can prove it."""
