"""What every process has: clock, timers, transactions, workers, news, ports."""
