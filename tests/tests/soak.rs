//! Random scenarios through kernel, auditor and replay; each twice.
//!
//! `TAPEDECK_SOAK_FROM` is the first seed (default 0), `TAPEDECK_SOAK_COUNT` how many are played (default
//! 300; `forever` for no end). A failure names its seed; played alone it fails again:
//! `TAPEDECK_SOAK_FROM=1234 TAPEDECK_SOAK_COUNT=1 cargo test -p tapedeck-tests --test soak -- --nocapture`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tapedeck_journal::{Encoder, Sealer};
use tapedeck_kernel::account::AccountKind;
use tapedeck_model::{CurrencyIx, VenueIx};
use tapedeck_reports::Audit;
use tapedeck_tests::{Played, assembled, kinds, play_spec, refold, soak};

const COUNT: u64 = 300;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| match text.as_str() {
        "forever" => u64::MAX,
        text => text.parse().unwrap_or_else(|_| panic!("{name} = {text}: expected a number or `forever`")),
    })
}

#[test]
fn every_seed_is_sound() {
    let first = number("TAPEDECK_SOAK_FROM", 0);
    let count = number("TAPEDECK_SOAK_COUNT", COUNT);
    let (mut records, mut fills) = (0, 0);
    for seed in first..first.saturating_add(count) {
        let text = soak::scenario(seed);
        let played = catch_unwind(AssertUnwindSafe(|| check(&text)));
        let Ok(played) = played else {
            panic!("seed {seed} fails (TAPEDECK_SOAK_FROM={seed} TAPEDECK_SOAK_COUNT=1); its scenario:\n{text}");
        };
        records += played.records.len();
        fills += played.summary.counts.fills;
        if count > COUNT && seed % 100 == 99 {
            println!("seeds {first} to {seed}: {records} records, {fills} fills");
        }
    }
    // Scenarios in which nothing happens would prove nothing.
    assert!(count < 50 || fills > 20 * count, "{fills} fills of {count} seeds");
}

fn check(text: &str) -> Played {
    let spec = assembled(text, &[]);
    let kinds = kinds(&spec);
    let played = play_spec(spec);
    assert_eq!(play_spec(assembled(text, &[])).fingerprint, played.fingerprint, "the same scenario twice");
    audit(&played);
    balances(&played);
    replay(&played, kinds);
    played
}

/// What spot venues have for us is what we think they have: every report has arrived, and every transfer was told.
fn balances(played: &Played) {
    for (ix, balances) in played.venue_balances.iter().enumerate() {
        let Some(account) = played.accounts.at(VenueIx(ix as u16)) else { panic!("venue {ix} has no account") };
        for (currency, theirs) in balances.iter().flatten().enumerate() {
            let ours = account.balance(CurrencyIx(currency as u16)).total;
            assert_eq!(*theirs, ours, "venue {ix}, currency {currency}");
        }
    }
}

/// The auditor's own sums agree with every record.
fn audit(played: &Played) {
    let mut audit = Audit::new();
    for record in &played.records {
        audit.apply(record).unwrap_or_else(|error| panic!("{error}"));
    }
    assert!(audit.agrees(), "{:#?}", audit.disagreements());
}

/// What the journal says is what the kernel had at the end, and its records make the same journal again.
fn replay(played: &Played, kinds: Vec<AccountKind>) {
    let (accounts, oms) = refold(&played.records, kinds);
    assert!(accounts == played.accounts, "the accounts are not the fold of the journal");
    assert!(oms == played.oms, "the orders are not the fold of the journal");
    let (mut encoder, mut sealer, mut bytes) = (Encoder::new(), Sealer::new(), Vec::new());
    for record in &played.records {
        encoder.append(record.header.input, record.header.ts, &record.event);
        while let Some(frame) = encoder.take_full() {
            sealer.seal(&frame, &mut bytes);
            encoder.recycle(frame);
        }
    }
    sealer.seal(&encoder.finish(), &mut bytes);
    assert!(bytes == played.bytes, "the records make another journal");
}
