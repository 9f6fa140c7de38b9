//! In steady state an input allocates nothing: a counting allocator watches a long run and compares
//! it with one twice as long.

#![allow(clippy::expect_used, reason = "a test that cannot set its stage fails")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tapedeck_journal::{RawFrame, Sealer};
use tapedeck_kernel::drive::{JournalSink, SimDriver};
use tapedeck_tests::assembled;

struct Counting;

static COUNT: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator as it came; counting changes nothing of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(ptr, layout) }
    }
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
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

/// Allocations of a run, assembly not counted.
fn allocations(text: &str) -> (u64, u64) {
    let driver = SimDriver::new(assembled(text, &[])).expect("a good scenario");
    let mut sink = Seal(Sealer::new(), Vec::with_capacity(1 << 20));
    let stop = AtomicBool::new(false);
    let before = COUNT.load(Ordering::Relaxed);
    let summary = driver.run(&mut sink, &stop).expect("a good run");
    (COUNT.load(Ordering::Relaxed) - before, summary.counts.orders)
}

/// One test in this file: the count is of the whole process.
#[test]
fn a_longer_run_allocates_no_more() {
    let bars = "generator = \"garch\"\nstart_price = \"40000\"";
    let ticks = "generator = \"ticks\"\nstart_price = \"40000\"";
    let cases = [
        ("bars\"\ninterval = \"1m", bars, "type = \"noop\""),
        ("bars\"\ninterval = \"1m", bars, "type = \"sma_cross\"\nfast = 5\nslow = 20\nsize = \"all_in\""),
        ("trades", ticks, "type = \"noop\""),
    ];
    for (kind, data, strategy) in cases {
        let short = allocations(&scenario(kind, data, strategy, 200_000));
        let long = allocations(&scenario(kind, data, strategy, 400_000));
        assert_eq!(short.1 == 0, strategy.contains("noop"), "{strategy}: {short:?}");
        let more = long.0.saturating_sub(short.0);
        // The generator allocates for each block of 4,096 records; nothing does for a record.
        assert!(
            more <= 200_000 / 4_096 * 3,
            "{strategy}: 200,000 more records and {more} more allocations: {short:?} {long:?}"
        );
    }
}
