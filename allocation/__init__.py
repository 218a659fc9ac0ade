"""Share the work out among providers: awards, brokerage, rounds and pay.

This package may import :mod:`lotting`; :mod:`lotting` never imports this one. It holds
nothing yet: lots come first, and everything here stands on them.
"""
