"""What leaves the tool: maps, figures and tables that may be published.

Every writer here takes counts that have been through disclosure control already; none of them
reads a package of care.
"""
