"""From checked tables to columns that the kernel settles, and back: joins, classes, parts, order, accounts, state.

Rooms: `given` (the tables of a batch), `people` (who and where, on which day), `events` (plans by combination), `parts` (visits as events),
`priced` (natures), `order` (settling groups), `accounts` (dated account movements), `job` (all of it, through the kernel), `result` (Arrow
tables), `state` (what a later run needs; `earlier` opens it, `closing` makes it). `engine.py` uses them in this order.
"""
