"""Who gets which lot: the best award under the notice's rules, why no award exists, and checks.

- :mod:`allocation.award.award`: the award itself.
- :mod:`allocation.award.model`: the rules as a mixed-integer program that anyone can audit.
- :mod:`allocation.award.sequential`: lot by lot, as tenders say in words.
- :mod:`allocation.award.check`: every rule checked again, by other means.
- :mod:`allocation.award.simulate`: made-up markets.
"""
