"""Visitors of a shop as a stream of events: over HTTP to the API, or as past hours written under the raw prefix.

    python -m simulator stream   visitors now, sent to the API
    python -m simulator history  visitors of past hours, written in Firehose's layout
    python -m simulator replay   a file of events instead of generated ones, either way

What is generated is a function of (seed, day), and each run can write a manifest of it: the oracle that the tables are
compared with.
"""
