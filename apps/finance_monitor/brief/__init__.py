"""The brief of a day: its alerts, what moved, the worst and the best, and who was silent."""
