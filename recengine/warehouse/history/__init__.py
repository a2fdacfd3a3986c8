"""The warehouse's history, ``ops.*``: a module per table or two, and no statement elsewhere that writes to them.

``loads`` has ``ops.loads``; ``contents`` ``ops.dataset`` and ``ops.scale``; ``files`` ``ops.files`` and
``ops.quarantine``; ``trials`` ``ops.trials`` and ``ops.tunings``; ``outcomes`` ``ops.outcomes`` and
``ops.outcome_days``; ``models``, ``publications`` and ``forgotten`` the tables of their names. Each function takes an
open warehouse; who calls several as one step does so in a ``warehouse.transaction``.
"""
