"""What if: how much travel the lots of a plan mean, what it costs, and what would change it.

Rounds are planned for a day of every lot (:mod:`.many`), and everything else is reckoned from them:
travel per contact hour, km, CO2e, what care workers have to be paid (:mod:`.figures`), which lots a
price does not carry (:mod:`.prices`), and what wider windows would free (:mod:`.windows`).
"""
