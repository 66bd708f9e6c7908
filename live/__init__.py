"""The live minutes: the raw objects of the open landing hour → figures by minute of arrival, seconds after delivery.

`python -m live` lists new objects, reads each once, validates its lines with the code of job 1, and publishes one small
JSON document (`contracts/live_document.py`). It has no state but its memory: what it was killed with, it reads again.
"""
