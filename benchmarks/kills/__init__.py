"""Runs killed at random points: whatever was left half done, one reconcile makes the tables of a rebuild in one go.

small_lake   raw objects of fifty landing hours, and late ones that keep coming
jobs         what is killed: random parts of the three jobs, in any order, as one run or fifty at once
side_by_side two reconciles, an erasure and a maintenance at the same time, each to its end
death        a driver that dies between two calls to the JVM, and what it was at
worker       a process that works until somebody kills it
campaign     kills, then the comparison with a rebuild
accounts     the comparison with what was laid down
"""
