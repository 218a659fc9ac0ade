"""Share the work out among providers and care workers.

This package may import :mod:`lotting`; :mod:`lotting` never imports this one.

- :mod:`allocation.rounds`: a day's visits to rounds of care workers.
- :mod:`allocation.pay`: whether what they are paid is lawful.
"""
