"""`streamseg backtest`: how good forecasts would have been at an instant of the past, beside what an analyst would use.

protocol.py   a touchpoint file -> what was known before the cut-off, and what came after it
run.py        contenders, asked at the cut-off for every known customer -> `Report`
figures.py    forecasts and truth -> figures of merit, intervals of their differences
report.py     a table for the terminal, and JSON
curves.py     forecasts and truth -> calibration, lift, tracking; plots.py draws them
"""
