"""The market today: who gives the care, how concentrated it is, who would bid, who is near.

Reads the packages of a lotting project. Packages are personal data; what leaves this package of
modules for publication passes :mod:`allocation.market.publishing` first.
"""
