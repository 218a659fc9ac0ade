"""A tender as data: lots, bidders, bids, rules, and the points of every offer.

- :mod:`allocation.tender.brief`: the rules, ``tender.toml``.
- :mod:`allocation.tender.lots`, :mod:`~allocation.tender.providers`,
  :mod:`~allocation.tender.bids`: the tables and their checks.
- :mod:`allocation.tender.scores`: points for price and quality.
- :mod:`allocation.tender.load`: all of it together.
"""
