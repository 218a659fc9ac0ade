"""Visits of care: read from a council's or provider's records, or made up from hours of care."""
