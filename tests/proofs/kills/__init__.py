"""Runs killed at random points: after one reconcile, the tables are those of a rebuild in one go.

small_lake    raw objects of fifty landing hours, and late ones that keep coming
jobs          what is killed: random parts of the three jobs, fifty hours at once, four operations side by side
driver_kills  a kill of a driver between two calls to the JVM, and what the driver did then
worker        a process that works until it is killed
campaign      the kills, then the comparison with a rebuild and with the raw objects
"""
