"""Minimum wage: is a care worker's pay lawful once travel, waiting and costs are counted.

Rates are data (``rates.csv``, ``offsets.csv``, ``mileage.csv``, ``penalty.csv``, each row with its
source); rules are code, one pure function a rule, each with the regulation it stands on. What comes
out is evidence, not legal advice.
"""
