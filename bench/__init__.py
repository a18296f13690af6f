"""Side-by-side measurements: ``make bench`` runs them all and writes ``docs/bench/``.

Times are taken in rounds that run every contender once, and each run is divided by a run of ``python -I -S -c pass`` just
before it. Machines differ and are busy; such ratios stay.
"""
