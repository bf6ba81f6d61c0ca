"""The outside world comes in: tables of doses and levels, their units, and every defect they have."""
