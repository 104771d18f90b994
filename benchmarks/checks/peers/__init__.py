"""One file a contender: prepare(town, workload, threads) gives a call that finds; columns(town, workload, done) what it found, as COLUMNS."""
