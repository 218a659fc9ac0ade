"""Sample tenders to try an award on: rules as five councils wrote them, bids made up."""
