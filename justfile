# Everything that CI runs
ci:
    bash .ci/run

# The shipped example
quickstart:
    cargo run --release -- run scenarios/quickstart.toml

test:
    cargo test --workspace

lint:
    cargo fmt --check && cargo clippy --workspace --all-targets -- -D warnings

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Benchmarks of the hot paths
bench:
    cargo bench -p tapedeck-benches

# Whole runs over a tape in memory
bench-runs:
    cargo run --release -p tapedeck-benches --bin runs

# Whole processes: from a Parquet file to the finished run folder
bench-files:
    cargo build --release && cargo run --release -p tapedeck-benches --bin files

# The Python peers, beside us on the same work
bench-peers:
    bash benches/peers/run.sh

# The property tests with other cases than CI's
explore:
    PROPTEST_RNG_SEED=$(date +%s) cargo test --workspace

# Random scenarios without end; prints the seed that fails
soak:
    TAPEDECK_SOAK_FROM=$(date +%s) TAPEDECK_SOAK_COUNT=forever cargo test --release -p tapedeck-tests --test soak -- --nocapture
