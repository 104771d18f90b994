"""From checked tables to columns that the kernel settles, and back: joins, classes, parts, order, accounts, state.

Rooms: `people` (who and where, on which day), `events` (parts, plans, pricing), `accounts` (dated account movements), `order`
(settling groups), `state` (what a later run needs), `result` (Arrow tables). `engine.py` uses them in this order.
"""
