#!/usr/bin/env bash
# Measure other backtesting engines and this one on the same work, in the same run.
#
#   bash benches/peers/run.sh [--bars 1000000]
#
# PYTHON                 interpreter for the environments (default python3.11)
# TAPEDECK_PEERS_VENV    folder of the Python environments (default target/peers-venv)
# TAPEDECK_PEERS_WORK    folder of data, scenarios and results (default target/peers-work)
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/benches/peers
cd "$root"

bars=1000000
while (($#)); do
    case $1 in
        --bars)
            bars=${2:?--bars needs a number}
            shift 2
            ;;
        *)
            echo "usage: bash benches/peers/run.sh [--bars N]" >&2
            exit 2
            ;;
    esac
done
[[ $bars =~ ^[1-9][0-9]*$ ]] || { echo "--bars: not a whole number above zero: $bars" >&2; exit 2; }

rounds=5
nautilus_rounds=3
# With a strategy, a million bars take NautilusTrader more than a minute.
nautilus_bars=$((bars < 200000 ? bars : 200000))

python=${PYTHON:-python3.11}
venv=${TAPEDECK_PEERS_VENV:-$root/target/peers-venv}
work=${TAPEDECK_PEERS_WORK:-$root/target/peers-work}
sim=$root/target/release/sim
export TQDM_DISABLE=1 # backtesting.py's progress bar

environment() { # name, requirements file
    [[ -x $venv/$1/bin/python ]] || "$python" -m venv "$venv/$1"
    "$venv/$1/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/$2"
}

scenario() { # name, kind of data, data keys, strategy keys
    cat >"$work/$1.toml" <<END
[scenario]
name = "peers-$1"
seed = 1
base_currency = "USD"

[[instrument]]
symbol = "BTCUSD"
venue = "SIM"
kind = "linear"
base = "BTC"
quote = "USD"
tick_size = "0.01"
lot_size = "0.00000001"

[[data]]
instrument = "BTCUSD"
kind = "$2"
path = "$2.parquet"
$3

[[venue]]
name = "SIM"
mode = "sim"
participation = "none"
[venue.entry_latency]
model = "none"
[venue.cancel_latency]
model = "none"
[venue.report_latency]
model = "none"
[venue.slippage]
model = "none"
[venue.fees]
model = "maker_taker"
maker = "0.001"
taker = "0.001"
currency = "quote"

# All-in is sized at the close. The next open may be higher: the leverage lets the order pass.
[account]
kind = "netting"
deposits = { USD = "10000000000" }
max_leverage = "2"

[[strategy]]
$4
END
}

peer() { # environment, script, arguments
    "$venv/$1/bin/python" "$here/$2" "${@:3}" >>"$work/results.jsonl"
}

ours() { # work
    "$venv/main/bin/python" "$here/peer_tapedeck.py" "$sim" "$1" "$work/$1.toml" "$work/run-$1" "$bars" \
        >>"$work/results.jsonl"
}

mkdir -p "$work"
rm -f "$work/results.jsonl" "$work/in_memory.jsonl"
environment main requirements.txt
environment nautilus requirements-nautilus.txt
[[ -x $sim ]] || cargo build --release -p tapedeck
"$venv/main/bin/python" "$here/make_data.py" "$work" --bars "$bars"
scenario sma_cross bars 'interval = "1m"' 'type = "sma_cross"
fast = 10
slow = 50
size = "all_in"
buffer = "0"'
scenario noop_ticks trades '' 'type = "noop"'

for ((round = 1; round <= rounds; round++)); do
    echo "round $round of $rounds" >&2
    peer main peer_pyarrow.py "$work/bars.parquet"
    peer main peer_numba.py "$work/bars.parquet"
    peer main peer_vectorbt.py "$work/bars.parquet"
    peer main peer_backtesting.py "$work/bars.parquet"
    if ((round <= nautilus_rounds)); then
        peer nautilus peer_nautilus.py sma_cross "$work/bars.parquet" "$nautilus_bars"
        peer nautilus peer_nautilus.py noop_ticks "$work/trades.parquet" "$bars"
    fi
    ours sma_cross
    ours noop_ticks
done

# Ours in memory: a tape of a million rows of its own, whatever --bars says.
if ! cargo run --quiet --release -p tapedeck-benches --bin runs -- --json >"$work/in_memory.jsonl"; then
    echo "no in-memory figure of ours: \`runs\` of tapedeck-benches did not run" >&2
    : >"$work/in_memory.jsonl"
fi

"$venv/main/bin/python" "$here/table.py" "$work/results.jsonl" "$work/in_memory.jsonl"
