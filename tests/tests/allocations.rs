//! In steady state an input allocates nothing: a counting allocator watches a long run and compares
//! it with one twice as long.

#![allow(clippy::expect_used, reason = "a test that cannot set its stage fails")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::AtomicBool;

use tapedeck_journal::{RawFrame, Sealer};
use tapedeck_kernel::drive::{JournalSink, SimDriver};
use tapedeck_tests::assembled;

struct Counting;

thread_local! {
    /// Of this thread alone: how many chunks the generator's thread has in hand depends on how the two
    /// threads meet, and the allocations of a test are to be the same each time.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

fn count_one() {
    // A thread that is ending has no counter any more, and nobody who would ask for it.
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every call goes to the system's allocator as it came; counting changes nothing of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count_one();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(ptr, layout) }
    }
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count_one();
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Seals into one buffer.
struct Seal(Sealer, Vec<u8>);

impl JournalSink for Seal {
    fn frame(&mut self, frame: RawFrame) -> Option<RawFrame> {
        self.1.clear();
        self.0.seal(&frame, &mut self.1);
        Some(frame)
    }
}

fn scenario(kind: &str, data: &str, strategy: &str, count: u32) -> String {
    format!(
        r#"
[scenario]
name = "steady"
seed = 5
base_currency = "USD"
start = "2024-01-01"

[[instrument]]
symbol = "BTCUSD"
venue = "SIM"
kind = "spot"
base = "BTC"
quote = "USD"
tick_size = "0.01"
lot_size = "0.00001"

[[data]]
instrument = "BTCUSD"
kind = "{kind}"
[data.synthetic]
{data}
count = {count}

[[venue]]
name = "SIM"
fees = {{ model = "none" }}
slippage = {{ model = "none" }}

[account]
deposits = {{ USD = "1000000" }}

[[strategy]]
{strategy}

[[risk]]
rule = "max_order_notional"
limit = "100000000"
"#
    )
}

/// Allocations of the kernel's thread in a run, assembly not counted, and the orders of the run.
fn allocations(text: &str) -> (u64, u64) {
    let driver = SimDriver::new(assembled(text, &[])).expect("a good scenario");
    let mut sink = Seal(Sealer::new(), Vec::with_capacity(1 << 20));
    let stop = AtomicBool::new(false);
    let before = COUNT.get();
    let summary = driver.run(&mut sink, &stop).expect("a good run");
    (COUNT.get() - before, summary.counts.orders)
}

#[test]
fn a_longer_run_allocates_no_more() {
    let bars = "generator = \"garch\"\nstart_price = \"40000\"";
    let ticks = "generator = \"ticks\"\nstart_price = \"40000\"";
    let flow = "generator = \"flow\"\nstart_price = \"40000\"";
    let cases = [
        ("bars\"\ninterval = \"1m", bars, "type = \"noop\""),
        ("bars\"\ninterval = \"1m", bars, "type = \"sma_cross\"\nfast = 5\nslow = 20\nsize = \"all_in\""),
        ("trades", ticks, "type = \"noop\""),
        ("mbo", flow, "type = \"noop\""),
    ];
    for (kind, data, strategy) in cases {
        let short = allocations(&scenario(kind, data, strategy, 200_000));
        let long = allocations(&scenario(kind, data, strategy, 400_000));
        if strategy.contains("noop") {
            assert_eq!((short.1, long.1), (0, 0), "{strategy}");
        } else {
            assert!(short.1 > 10_000 && long.1 > short.1 + 10_000, "{strategy}: {short:?} {long:?}");
        }
        let more = long.0.saturating_sub(short.0);
        // A table may grow once more, and a channel may note down that a thread waits.
        assert!(more <= 16, "{strategy}: 200,000 more records and {more} more allocations: {short:?} {long:?}");
    }
}
