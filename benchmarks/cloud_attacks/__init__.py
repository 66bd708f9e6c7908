"""Attacks on the local cloud from outside: in every one of them, each event that it accepted lands in S3.

pipeline      writers that remember what was accepted, a delivery stream, and what landed
disk_full     the disk full at random moments, whole or for one kind of file, with SIGKILLs
descriptors   2,000 clients of one request each at a limit of 1,024 open files
broken_state  each state document empty, half, garbage or missing, and a log that was cut
"""
