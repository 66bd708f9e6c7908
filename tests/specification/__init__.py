"""Every table, defined in plain Python: an executable specification that shares no code with the jobs it judges.

Read it in this order: `raw_lines` (what goes in), `json_values`, `timestamps`, `fields`, `judgement` (a line → an event
or a rejection), `clean_events`, `measures`, `hourly_tables`, `hosts`, `sessions`, `user_days`, `daily_tables`,
`daily_funnel`, `identity_links`, `weekly_tables`, `ledgers`, `lake` (all of it at once). It favours being obviously
right over being quick.
"""
